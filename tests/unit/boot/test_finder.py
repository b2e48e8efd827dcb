"""The import finder: a hooked import is, for the program, the import that it would be without us."""

from __future__ import annotations

import sys
import textwrap
import zipfile
from typing import Callable

import pytest

from tests.compat.programs import DOOR, Program

Toy = Callable[..., Program]
ANSWER = "import toy; print(toy.answer())"


def test_the_hook_is_applied_when_the_program_imports_the_library(toy: Toy) -> None:
    program = toy()

    assert program.hooked(ANSWER).out == "42\n"
    assert program.hooked("from toy import answer; print(answer())").out == "42\n"
    assert program.hooked("from importlib import import_module as i; print(i('toy').answer())").out == "42\n"
    assert program.bare(ANSWER).out == "41\n"


LOOK = """
import importlib.util, inspect, pickle, sys
def show(spec):
    print(type(spec), spec.name, spec.origin, spec.cached, spec.submodule_search_locations, spec.has_location)
    loader = spec.loader
    print(type(loader), loader.name, loader.get_filename(spec.name), loader.get_code(spec.name).co_names)
show(importlib.util.find_spec("toy"))
import toy
show(toy.__spec__)
print(vars(toy.__loader__), toy.__loader__ is toy.__spec__.loader, vars(toy).keys(), toy)
print(toy.answer.__name__, toy.answer.__qualname__, toy.answer.__module__, inspect.signature(toy.answer))
print(pickle.dumps(toy.answer), inspect.getsource(toy), "wrapt" in sys.modules)
"""


def test_spec_loader_and_module_look_untouched(toy: Toy) -> None:
    program = toy()

    assert program.hooked(LOOK) == program.bare(LOOK)
    assert program.hooked(LOOK).err == ""


FAILING = [
    "raise ValueError('not today')",
    "import not_there",
    "from os import not_there",
    "this does not parse",
    "raise SystemExit(5)",
    "import json; json.loads('{')",
]


@pytest.mark.parametrize("library", FAILING)
@pytest.mark.parametrize("form", ["import toy", "from toy import answer", "__import__('toy')"])
def test_a_library_that_fails_to_import_fails_as_bare(toy: Toy, library: str, form: str) -> None:
    program = toy(library=library + "\n")
    bare, hooked = program.bare(form), program.hooked(form)

    assert hooked == bare  # the traceback too
    assert bare.code != 0


def test_a_library_that_is_not_there_is_not_found_as_bare(toy: Toy) -> None:
    program = toy()
    (program.folder / "lib" / "toy.py").unlink()

    assert program.hooked("import toy") == program.bare("import toy")


def test_a_failed_import_can_be_repeated_and_is_patched_then(toy: Toy) -> None:
    library = "import os\n__version__ = '2.0'\nos.environ['GOOD']\ndef answer(): return 41\n"
    code = """
    import os
    try:
        import toy
    except KeyError as error:
        print(repr(error))
    os.environ["GOOD"] = "1"
    import toy
    print(toy.answer())
    """

    assert toy(library=library).hooked(code).out == "KeyError('GOOD')\n42\n"


def test_warnings_of_a_library_point_to_the_line_that_imports_it(toy: Toy) -> None:
    library = (
        "import warnings\nwarnings.warn('old', DeprecationWarning, stacklevel=2)\n__version__='2'\ndef answer(): 0\n"
    )
    program = toy(library=library)
    code = "x = 1\nimport toy"

    assert program.hooked(code) == program.bare(code)
    assert "<string>:2: DeprecationWarning: old" in program.bare(code).err


def test_reload_and_a_fresh_import_are_patched_again(toy: Toy) -> None:
    code = """
    import importlib, sys, toy
    print(importlib.reload(toy).answer())
    del sys.modules["toy"]
    import toy as new
    print(new.answer(), new is toy)
    """
    simple = ('hook.replace(toy, "answer", lambda original: lambda: original() + 1)', "toy.answer = lambda: 42")

    assert toy(replace=[simple]).hooked(code).out == "42\n42 False\n"


def test_a_lazy_loader_of_the_program_stays_lazy(toy: Toy) -> None:
    code = """
    import importlib.util, sys
    spec = importlib.util.find_spec("toy")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    toy = importlib.util.module_from_spec(spec)
    sys.modules["toy"] = toy
    spec.loader.exec_module(toy)
    print("answer" in object.__getattribute__(toy, "__dict__"))
    print(toy.answer())
    """

    assert (
        toy(library="print('runs')\n__version__='2.0'\ndef answer(): return 41\n").hooked(code).out
        == "False\nruns\n42\n"
    )


def test_a_library_in_a_zip_is_patched(toy: Toy) -> None:
    program = toy()
    (program.folder / "lib" / "toy.py").unlink()
    with zipfile.ZipFile(str(program.folder / "lib.zip"), "w") as archive:
        archive.writestr("toy.py", "__version__ = '2.0'\ndef answer(): return 41\n")
        archive.writestr("other.py", "")
    code = """
    import sys
    sys.path.append("lib.zip")
    import toy, other
    print(toy.answer(), type(toy.__loader__).__name__, type(toy.__spec__.loader).__name__, toy.__file__)
    print(other.__loader__ is toy.__loader__)
    """

    bare, hooked = program.bare(code), program.hooked(code)

    assert hooked.out == bare.out.replace("41", "42")


LOADERS = """
class {name}(object):
    {slots}
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        print("loads", module.__name__, type(module.__loader__).__name__, type(module.__spec__.loader).__name__)
        module.__version__ = "2.0"
        module.answer = lambda: 41
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in ("toy", "other"):
            return importlib.util.spec_from_loader(name, loader)
"""


@pytest.mark.parametrize("kind", ["one loader for all modules", "a loader without room for attributes"])
def test_loaders_that_cannot_be_marked_are_stood_in_for(toy: Toy, kind: str) -> None:
    slots = "__slots__ = ()" if "without" in kind else "pass"
    code = "import importlib.util, sys" + LOADERS.format(name="Special", slots=slots)
    code += """
loader = Special()
sys.meta_path.append(Finder())
sys.path[:] = [entry for entry in sys.path if not entry.endswith("lib")]
importlib.util.find_spec("toy")
import other, toy
print(other.answer(), toy.answer(), toy.__loader__ is toy.__spec__.loader is loader)
"""

    loads = "loads other Special Special\nloads toy Special Special\n"
    assert toy().hooked(code).out == loads + "41 42 True\n"


def test_runpy_runs_a_trigger_as_main(toy: Toy) -> None:
    program = toy(
        library="__version__ = '2.0'\ndef answer(): return 41\nprint(__name__, __spec__.name, __loader__.name)\n"
    )
    environ = dict(program.environ([DOOR]), MESHRUN_ENABLED="1", MESHRUN_HOOKS="-all,planted:hook")

    bare = program.start([sys.executable, "-m", "toy"])
    hooked = program.start([sys.executable, "-m", "toy"], environ)

    assert hooked == bare
    assert bare.out == "__main__ toy toy\n"


def test_a_finder_of_the_old_protocol_keeps_its_module(toy: Toy) -> None:
    program = toy()
    code = """
    import sys, types
    class Old:
        def find_module(self, name, path=None):
            return self if name == "toy" else None
        def load_module(self, name):
            module = sys.modules[name] = types.ModuleType(name)
            module.answer = lambda: "old"
            return module
    sys.meta_path.append(Old())
    sys.meta_path.insert(0, sys.meta_path.pop()) if {first} else None
    import toy
    print(toy.answer())
    """
    for first in (True, False):
        bare = program.bare(
            "import warnings; warnings.simplefilter('ignore')\n" + textwrap.dedent(code.format(first=first))
        )
        hooked = program.hooked(
            "import warnings; warnings.simplefilter('ignore')\n" + textwrap.dedent(code.format(first=first))
        )
        assert (hooked.code, hooked.err) == (bare.code, bare.err) == (0, "")
        assert hooked.out == bare.out.replace("41", "42")


def test_another_agents_finder_that_walks_the_list_as_we_do_does_not_recurse(toy: Toy) -> None:
    code = """
    import sys
    class Walker:
        busy = False
        def find_spec(self, name, path=None, target=None):
            seen.append(name) if name == "toy" else None
            for finder in sys.meta_path:
                if finder is not self:
                    spec = finder.find_spec(name, path, target)
                    if spec is not None:
                        return spec
    seen = []
    sys.meta_path.%s
    import toy
    print(toy.answer(), len(seen) < 3)
    """
    for place in ("insert(0, Walker())", "insert(1, Walker())", "append(Walker())"):
        assert toy().hooked(code % place).out == "42 True\n"


THREADED = {
    "pack/__init__.py": """
        import threading
        result = []
        def work():
            %s
            result.append(part.answer())
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    """,
    "pack/part.py": "def answer(): return 41\n",
    "planted/__init__.py": "",
    "planted/hook.py": """
        from meshrun import hook
        LIBRARY, SUPPORTED, VERSION = "pack", (">=3.8",), None
        TRIGGERS = ("pack.part",)
        SEAMS = ("pack.part:answer",)
        def patch():
            import pack.part
            hook.replace(pack.part, "answer", lambda original: lambda: original() + 1)
        def unpatch():
            pass
    """,
}


@pytest.mark.parametrize(
    "form",
    [
        "from pack.part import answer; import sys; part = sys.modules['pack.part']",
        "import importlib; part = importlib.import_module('pack.part')",
    ],
)
def test_a_package_that_waits_for_a_thread_which_imports_a_trigger_does_not_hang(program: Program, form: str) -> None:
    """The hook imports its library by a statement that would wait for the package: it is applied after the package."""
    program.plant({**THREADED, "pack/__init__.py": THREADED["pack/__init__.py"] % form})
    code = "import pack; from pack import part; print(pack.result, part.answer())"

    assert program.bare(code).out == "[41] 41\n"
    assert program.hooked(code).out == "[41] 42\n"


def test_a_hook_waits_for_every_package_above_its_trigger(program: Program) -> None:
    program.plant(
        {
            "a/__init__.py": "from a.b.c import value; print('a', value())",
            "a/b/__init__.py": "from a.b.c import value; print('b', value())",
            "a/b/c.py": "def value(): return 'bare'\nprint('c')",
            "planted/__init__.py": "",
            "planted/hook.py": """
                LIBRARY, SUPPORTED, VERSION, TRIGGERS, SEAMS = "a", (), None, ("a.b.c",), ("a.b.c:value",)
                def patch():
                    import a.b.c
                    a.b.c.value = lambda: "patched"
                    print("patch")
                def unpatch(): pass
            """,
        }
    )

    assert program.hooked("import a; print(a.b.c.value())").out == "c\nb bare\na bare\npatch\npatched\n"


def test_two_threads_that_import_a_library_at_once_patch_it_once_and_never_see_it_bare(toy: Toy) -> None:
    code = """
    import threading
    answers = []
    barrier = threading.Barrier(8)
    def work():
        barrier.wait()
        import toy
        answers.append(toy.answer())
    threads = [threading.Thread(target=work) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    print(answers)
    """
    library = "import time\ntime.sleep(0.2)\n__version__ = '2.0'\ndef answer(): return 41\n"

    assert toy(library=library).hooked(code).out == "%r\n" % ([42] * 8)


def test_a_child_forked_during_an_import_of_another_thread_patches_its_own_imports(program: Program) -> None:
    """In the child nobody will ever finish the package that the other thread was importing."""
    program.plant(
        {
            "pack/__init__.py": "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\n",
            "pack/part.py": "def answer(): return 41\n",
            "planted/__init__.py": "",
            "planted/hook.py": """
                import sys
                LIBRARY, SUPPORTED, VERSION, TRIGGERS, SEAMS = "pack", (), None, ("pack.part",), ("pack.part:answer",)
                def patch(): sys.modules["pack.part"].answer = lambda: 42
                def unpatch(): pass
            """,
        }
    )
    code = """
    import importlib, os, sys, threading, time
    threading.Thread(target=__import__, args=("pack",)).start()
    while "pack" not in sys.modules: time.sleep(0.01)
    pid = os.fork()
    if pid == 0:
        os._exit(importlib.import_module("pack.part").answer())
    print(os.waitpid(pid, 0)[1] >> 8)
    open("go", "w").close()
    """

    assert program.hooked(code).out == "42\n"


def test_multiprocessing_children_of_every_kind_are_patched(toy: Toy) -> None:
    program = toy()
    (program.folder / "main.py").write_text(
        textwrap.dedent("""
        import multiprocessing, toy
        if __name__ == "__main__":
            for way in "fork", "spawn", "forkserver":
                with multiprocessing.get_context(way).Pool(1) as pool:
                    print(way, pool.apply(toy.answer))
        """)
    )
    environ = dict(program.environ([DOOR]), MESHRUN_ENABLED="1", MESHRUN_HOOKS="-all,planted:hook")

    ran = program.start([sys.executable, "-W", "ignore", "main.py"], environ)

    assert ran.out == "fork 42\nspawn 42\nforkserver 42\n"
