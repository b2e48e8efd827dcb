"""Run by the Python that a bundle is to hold compiled code for: ``python -c THIS FOLDER start|all``.

Writes ``code/<interpreter>.bin``, which the boot file reads: the interpreter's magic number, a digest of all code, four
bytes of length, a marshalled mapping of module -> (offset, size, packed), then the marshalled code of each. And the
boot file's own ``.pyc``, the one file that the interpreter itself finds. The same sources give the same bytes: nothing
here depends on paths, times or the order of a folder.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import py_compile
import sys
import zlib
from typing import Dict, Iterator, List, Tuple

AT_START = ("meshrun/__init__", "meshrun/_", "meshrun/boot/", "meshrun/hook.py", "meshrun_hooks/")
"""What may run before the first call or request: the rest is compiled once that has come."""
NOT_AT_START = ("door", "instrumentor", "interpreter", "launcher")
LATER = ("meshrun/", "meshrun_hooks/", "yaml/")
HOOKS = "meshrun_hooks/"


def main(bundle: str, what: str) -> None:
    """Compile the modules that are asked for."""
    codes: Dict[str, Tuple[bytes, bool]] = {}
    early = (HOOKS + "__init__", *of_the_standard_library(bundle))
    for module, name, path in modules(bundle):
        if at_start(name) if what == "start" else name.startswith(LATER):
            with open(path, "rb") as stream:
                source = stream.read()
            # Without docstrings and assertions, as -OO has it: nobody reads them here, and the source lies beside.
            code = marshal.dumps(compile(source, name, "exec", dont_inherit=True, optimize=2))
            packed = name.startswith(HOOKS) and not name.startswith(early)
            codes[module] = (zlib.compress(code, 9) if packed else code, packed)
    tag = str(sys.implementation.cache_tag)
    with open(os.path.join(bundle, "code", tag + ".bin"), "wb") as stream:
        stream.write(archive(codes))
    boot = os.path.join(bundle, "boot")
    py_compile.compile(
        os.path.join(boot, "sitecustomize.py"),
        os.path.join(boot, "__pycache__", "sitecustomize.%s.pyc" % tag),
        "sitecustomize.py",
        doraise=True,
        optimize=0,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def modules(bundle: str) -> Iterator[Tuple[str, str, str]]:
    """Module, its name as a file below its folder, and its path; in a fixed order."""
    for root in (os.path.join(bundle, "lib"), os.path.join(bundle, "deps")):
        for folder, below, files in os.walk(root):
            below.sort()
            for file in sorted(files):
                if file.endswith(".py"):
                    path = os.path.join(folder, file)
                    name = os.path.relpath(path, root).replace(os.sep, "/")
                    module = name[: -len(".py")].replace("/", ".")
                    yield module[: -len(".__init__")] if module.endswith(".__init__") else module, name, path


def at_start(name: str) -> bool:
    """Whether a module may be loaded before the program uses anything of the mesh."""
    return name.startswith(AT_START) and os.path.basename(name)[: -len(".py")] not in NOT_AT_START


def of_the_standard_library(bundle: str) -> List[str]:
    """How the names of those hooks begin that may load before any library does: no `zlib` may be loaded for them."""
    path = os.path.join(bundle, "lib", "meshrun_hooks", "__init__.py")
    table = importlib.util.spec_from_file_location("table", path)
    if table is None or table.loader is None or not os.path.exists(path):
        return []
    module = importlib.util.module_from_spec(table)
    table.loader.exec_module(module)
    # This interpreter was started with -S: what it finds is its own.
    found = [hook for trigger, hook in module.TABLE.items() if importlib.util.find_spec(trigger.partition(".")[0])]
    return [HOOKS + hook + ending for hook in sorted(set(found)) for ending in (".py", "/")]


def archive(codes: Dict[str, Tuple[bytes, bool]]) -> bytes:
    """The file. The size of the mapping does not depend on its numbers: each is five bytes when marshalled."""
    data = b"".join(code for code, _ in codes.values())
    head = importlib.util.MAGIC_NUMBER + hashlib.sha256(data).digest()[:16]
    places: Dict[str, Tuple[int, int, bool]] = {module: (0, 0, packed) for module, (_, packed) in codes.items()}
    offset = len(head) + 4 + len(marshal.dumps(places, 2))
    for module, (code, packed) in codes.items():
        places[module] = (offset, len(code), packed)
        offset += len(code)
    index = marshal.dumps(places, 2)
    return b"".join([head, len(index).to_bytes(4, "little"), index, data])


if __name__ == "__main__":
    main(*sys.argv[1:])
