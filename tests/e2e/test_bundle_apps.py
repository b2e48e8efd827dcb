"""Programs that meet a bundle: every Python, in an environment or none, read-only; each keeps its own packages."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Sequence

import pytest

from tests.compat.environments import needed
from tests.compat.pythons import INERT, LATER, SUPPORTED, find
from tests.contract.mesh import Mesh, mesh
from tests.e2e.bundles import NOBODY, Ran, built, clean, entered, listing, remove, run
from tests.e2e.grounds import HOOK, LIBRARY

pytestmark = [pytest.mark.slow, pytest.mark.once]
PLANTED = {"toy.py": LIBRARY, "planted/__init__.py": "", "planted/hook.py": HOOK}
TOY = "import toy, sys; print(toy.answer(), sys.modules.get('meshrun') and sys.modules['meshrun'].__file__, sys.path)"


@pytest.fixture(scope="module")
def bundle() -> Iterator[Path]:
    """A bundle with code for every Python that is here, in a folder that any user may enter."""
    with tempfile.TemporaryDirectory(prefix="mr-") as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "bundle"
        built(folder)
        yield folder
        remove(folder)


def interpreter(version: str) -> str:
    """The interpreter of a version; a test of one that is not here is skipped."""
    path = find(version)
    if path is None:
        pytest.skip("no Python %s on this machine" % version)
    return path


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A toy library with its hook."""
    for name, text in PLANTED.items():
        (tmp_path / "library" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "library" / name).write_text(text, encoding="utf-8")
    return tmp_path / "library"


def met(bundle: Path, library: Path, **settings: object) -> Dict[str, str]:
    """The environment of a program that meets the bundle, with the toy's hook alone."""
    environ = entered(bundle, MESHRUN_HOOKS="-all,planted:hook", MESHRUN_STATE_DIR=library / "state", **settings)
    return dict(environ, PYTHONPATH="%s:%s" % (environ["PYTHONPATH"], library))


def hooked(bundle: Path) -> str:
    return "hooked %s " % (bundle / "lib" / "meshrun" / "__init__.py")


@pytest.mark.parametrize("version", [*SUPPORTED, *LATER])
def test_every_python_loads_it_with_and_without_an_environment(
    bundle: Path, library: Path, tmp_path: Path, version: str
) -> None:
    python = interpreter(version)
    before = listing(bundle)
    assert run([python, "-m", "venv", "--without-pip", tmp_path / "venv"]).status == 0
    for one in (python, str(tmp_path / "venv" / "bin" / "python")):
        bare = run([one, "-c", TOY], clean(PYTHONPATH=library))
        for flags in ((), ("-BO",), ("-BOO",), ("-W", "error")):
            seen = run([one, *flags, "-c", TOY], met(bundle, library))

            assert (seen.status, seen.err) == (0, "")
            assert seen.out == bare.out.replace("bare None ", hooked(bundle))
    assert listing(bundle) == before  # also where this user may write it, nothing was


@pytest.mark.parametrize("version", INERT)
def test_older_pythons_run_as_if_it_were_not_there(bundle: Path, tmp_path: Path, version: str) -> None:
    python = interpreter(version)
    show = "import sys; print(sorted(sys.modules), sys.path, sys.meta_path)"
    readonly = shutil.copytree(str(bundle / "boot"), str(tmp_path / "boot"))  # Python 2 may write where root may
    environ = clean(PYTHONPATH=readonly, MESHRUN_ENABLED=1, PYTHONDONTWRITEBYTECODE=1)

    bare = run([python, "-c", show], clean(PYTHONDONTWRITEBYTECODE=1))

    assert run([python, "-c", show], environ) == bare
    assert bare.status == 0


MODULES = """
import sys
import asyncio.events, signal, threading
print(sorted(name for name in sys.modules if not name.startswith(("meshrun", "__future__"))), sys.path)
ours = [name for name in sys.modules if name.startswith("meshrun_hooks.")]
print([name for name in ours if sys.modules[name].__doc__ is not None], len(ours))
"""


@pytest.mark.parametrize("version", SUPPORTED)
def test_nothing_of_the_standard_library_is_loaded_for_its_code(bundle: Path, tmp_path: Path, version: str) -> None:
    python = interpreter(version)
    bare = run([python, "-c", MODULES], clean())

    seen = run([python, "-c", MODULES], entered(bundle, MESHRUN_STATE_DIR=tmp_path))

    assert (seen.status, seen.err) == (0, "")
    (loaded, ours), (without, none) = seen.out.splitlines(), bare.out.splitlines()
    assert loaded == without
    # Every hook that came was compiled: those have no docstring.
    assert none == "[] 0"
    assert ours.startswith("[] ")
    assert int(ours.split()[1]) > 1


def test_the_hooks_of_a_library_are_taken_from_packed_code(bundle: Path, tmp_path: Path) -> None:
    python = needed("bundle-app-3.9", interpreter("3.9"), OLD["3.9"])
    code = "import sys, requests; print(*(sys.modules['meshrun_hooks.urllib3.' + n].__doc__ for n in ('dial', 'idle')))"

    seen = run([python, "-c", code], entered(bundle, MESHRUN_STATE_DIR=tmp_path))

    assert (seen.status, seen.out, seen.err) == (0, "None None\n", "")


CHILDREN = """
import subprocess, sys
for python in sys.argv[1:]:
    code = "import sys, json; sys.stdout.write('%d.%d %s' % (sys.version_info[:2] + ('meshrun' in sys.modules,)))"
    done = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(done.returncode, done.stdout.decode())
"""


def test_children_of_other_versions_inherit_it_unharmed(bundle: Path) -> None:
    versions = [version for version in (*INERT, *SUPPORTED) if find(version)]
    pythons = [interpreter(version) for version in versions]

    done = run([sys.executable, "-c", CHILDREN, *pythons], entered(bundle))

    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == ["0 %s %s" % (version, version in SUPPORTED) for version in versions]


OLD: Mapping[str, Sequence[str]] = {
    "3.8": ("typing_extensions==3.7.4.3", "urllib3==1.26.0", "wrapt==1.12.0", "pyyaml==5.3", "requests==2.25.0"),
    "3.9": ("typing_extensions==4.4.0", "urllib3==1.26.14", "requests==2.28.2"),
    "3.12": ("typing_extensions==4.7.1", "urllib3==1.26.14", "requests==2.28.2", "pyyaml==6.0.1"),
    "3.13": ("typing_extensions", "urllib3", "requests", "wrapt", "pyyaml"),
}
"""What programs bring themselves: old releases, and the newest."""
CALLER = """
import importlib, json, sys
import requests
status = requests.get(sys.argv[1]).status_code
found = {}
for name in ("typing_extensions", "urllib3", "requests", "wrapt", "yaml"):
    try:
        module = importlib.import_module(name)
        found[name] = [getattr(module, "__version__", None), module.__file__]
    except ImportError as error:
        found[name] = str(error)
hook = sys.modules.get("meshrun.hook")
print(json.dumps({"status": status, "found": found, "path": sys.path, "ours": hook and hook.__file__}))
"""


@pytest.fixture
def grey(tmp_path: Path) -> Iterator[Mesh]:
    with mesh(tmp_path) as made:
        yield made


def called(bundle: Path, grey: Mesh, python: str, url: str, **settings: object) -> Any:
    """What a program sees that calls a service, in the lane ``gray``."""
    environ = entered(bundle, MESHRUN_LANE="gray", MESHRUN_STORE=grey.url, **settings)
    environ.setdefault("MESHRUN_STATE_DIR", str(grey.folder / "state"))
    return answer(run([python, "-c", CALLER, url], environ, grey.folder))


def answer(done: Ran) -> Any:
    assert (done.status, done.err) == (0, "")
    return done.json


@pytest.mark.parametrize("version", OLD)
def test_a_program_keeps_its_own_releases_older_or_newer_and_is_in_the_mesh(
    bundle: Path, grey: Mesh, version: str
) -> None:
    python = needed("bundle-app-" + version, interpreter(version), OLD[version])
    [orders], plain = grey.service("orders"), grey.server()
    bare = answer(run([python, "-c", CALLER, "http://127.0.0.1:%d/" % plain.port], clean(), grey.folder))

    seen = called(bundle, grey, python, "http://orders/")

    assert (seen["status"], seen["ours"]) == (200, str(bundle / "lib" / "meshrun" / "hook.py"))
    assert (seen["found"], seen["path"]) == (bare["found"], bare["path"])
    assert str(bundle) not in json.dumps([seen["found"], seen["path"]])
    assert [one.header("baggage") for one in orders.seen] == [["lane=gray"]]


@pytest.mark.parametrize("version", ["3.9", "3.12"])
@pytest.mark.parametrize("own", [True, False], ids=["with a yaml of its own", "without"])
def test_settings_are_read_by_the_programs_own_yaml_or_by_one_that_it_does_not_see(
    bundle: Path, grey: Mesh, version: str, *, own: bool
) -> None:
    requirements = [*OLD[version], *(["pyyaml==6.0.1"] if own and version == "3.9" else [])]
    requirements = [word for word in requirements if own or not word.startswith("pyyaml")]
    python = needed("bundle-yaml-%s-%s" % (version, own), interpreter(version), requirements)
    settings = grey.folder / "meshrun.yaml"
    settings.write_text("lane: gray\nstore: %s\n" % grey.url, encoding="utf-8")
    [orders] = grey.service("orders")
    environ = entered(bundle, MESHRUN_CONFIG=settings, MESHRUN_STATE_DIR=grey.folder / "state")

    seen = answer(run([python, "-c", CALLER, "http://orders/"], environ, grey.folder))

    assert [one.header("baggage") for one in orders.seen] == [["lane=gray"]]
    if own:
        assert seen["found"]["yaml"][0] == "6.0.1"
    else:
        assert seen["found"]["yaml"] == "No module named 'yaml'"


def test_one_version_of_meshrun_runs_though_the_environment_holds_another(bundle: Path, tmp_path: Path) -> None:
    assert run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"]).status == 0
    python = tmp_path / "venv" / "bin" / "python"
    [site] = (tmp_path / "venv").glob("lib/python*/site-packages")
    for name in ("meshrun", "meshrun_hooks"):
        shutil.copytree(str(bundle / "lib" / name), str(site / name))
    for path, _, _ in os.walk(str(site)):
        Path(path).chmod(0o755)
    (site / "meshrun" / "__init__.py").chmod(0o644)
    (site / "meshrun" / "__init__.py").write_text("__version__ = '99'\n", encoding="utf-8")
    shutil.copytree(str(bundle / "boot"), str(site / "meshrun" / "sitecustomize"))
    show = """
import json, sys, threading, meshrun, meshrun.hook, meshrun.boot.launcher, meshrun_hooks
ours = [sys.modules[name].__file__ for name in list(sys.modules) if name.partition(".")[0].startswith("meshrun")]
print(json.dumps([meshrun.__version__, ours]))
"""
    environ = entered(bundle, MESHRUN_STATE_DIR=tmp_path / "state")
    launcher = "from meshrun.boot.launcher import main; main()"
    instead = dict(environ, PYTHONPATH="%s:%s" % (site / "meshrun" / "sitecustomize", bundle / "boot"))

    by_environment = answer(run([python, "-c", show], environ))
    shut = answer(run([python, "-c", show], dict(environ, MESHRUN_ENABLED="0")))
    for entered_by in (
        by_environment,
        answer(run([python, "-c", launcher, python, "-c", show], environ)),
        answer(run([python, "-c", show], instead)),
        shut,
    ):
        version, files = entered_by
        homes = {str(file).partition("/meshrun")[0] for file in files}
        assert homes == ({str(site)} if version == "99" else {str(bundle / "lib")})
    assert by_environment[0] != "99"
    assert shut[0] == "99"


WATCH = """
import os, sys
bundle = %r
writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT
def heard(event, args):
    path = args[0] if args and isinstance(args[0], (str, bytes)) else ""
    writes = event == "open" and isinstance(args[2], int) and args[2] & writing
    if os.fsdecode(path).startswith(bundle) and (writes or event in ("os.mkdir", "os.rename", "os.remove", "os.chmod")):
        os.write(2, ("%%s %%s\\n" %% (event, path)).encode())
sys.addaudithook(heard)
"""


@pytest.mark.parametrize("version", SUPPORTED)
def test_nothing_tries_to_write_it_with_compiled_code_or_without(
    bundle: Path, library: Path, tmp_path: Path, version: str
) -> None:
    python = interpreter(version)
    plain = tmp_path / "plain"
    built(plain, "--source-only")
    try:
        for one in (bundle, plain):
            # The next sitecustomize runs before meshrun does, so it sees all that meshrun does.
            (library / "sitecustomize.py").write_text(WATCH % str(one), encoding="utf-8")
            seen = run([python, "-c", TOY + "; import meshrun.hook, meshrun.runtime.process"], met(one, library))

            assert (seen.status, seen.err) == (0, "")
            assert seen.out.startswith(hooked(one))
    finally:
        remove(plain)


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a folder, which root alone can")
def test_a_user_without_rights_loads_it_from_a_read_only_mount(bundle: Path, tmp_path: Path) -> None:
    python = next((path for path in ("/usr/bin/python3", sys.executable) if shutil.which(path)), "")
    code = "import sys, threading; print('meshrun.boot.start' in sys.modules, open(%r, 'a'))" % str(bundle / "VERSION")
    script = 'mount --bind %s %s && mount -o remount,bind,ro %s && exec setpriv --reuid %d --clear-groups "$@"'
    words = ["unshare", "-m", "sh", "-c", script % (bundle, bundle, bundle, NOBODY), "sh", python, "-c", code]
    if not (shutil.which("setpriv") and run(["unshare", "-m", "true"]).status == 0):
        pytest.skip("no mount namespaces here")
    if run(["setpriv", "--reuid", NOBODY, "--clear-groups", python, "-c", ""]).status:
        pytest.skip("no interpreter here can be run by a user without rights")

    readonly = run(words, entered(bundle, HOME="/nonexistent"), Path("/"))
    code = code.partition(", open")[0] + ")"
    seen = run([*words[:-1], code], entered(bundle, HOME="/nonexistent"), Path("/"))

    assert "OSError: [Errno 30]" in readonly.err or "PermissionError" in readonly.err
    assert (seen.status, seen.out, seen.err) == (0, "True\n", "")


def damaged(bundle: Path, tmp_path: Path, content: bytes) -> Path:
    """A copy of the bundle whose code for this Python is something else."""
    copy = tmp_path / "copy"
    shutil.copytree(str(bundle), str(copy), copy_function=shutil.copyfile)
    for path, _, _ in os.walk(str(copy)):
        Path(path).chmod(0o755)
    (copy / "code" / ("%s.bin" % sys.implementation.cache_tag)).write_bytes(content)
    return copy


def test_code_of_another_interpreter_or_half_of_it_gives_way_to_the_source(
    bundle: Path, library: Path, tmp_path: Path
) -> None:
    own = "%s.bin" % sys.implementation.cache_tag
    whole = (bundle / "code" / own).read_bytes()
    others = [path.read_bytes() for path in (bundle / "code").iterdir() if path.name != own]
    cut = [whole[:size] for size in (0, 4, 2000, len(whole) // 8, len(whole) // 3)]
    for number, content in enumerate([*cut, *others]):
        copy = damaged(bundle, tmp_path / str(number), content)

        seen = run([sys.executable, "-c", TOY], met(copy, library))

        assert (seen.status, seen.err, seen.out.startswith(hooked(copy))) == (0, "", True)


REPLACED = """
import os, sys
import meshrun.boot.start
path, other = sys.argv[1:]
os.replace(other, path)
import meshrun.boot.wake
print(meshrun.boot.start.__doc__ is None, meshrun.boot.wake.__doc__ is None)
"""


def test_a_process_takes_no_code_from_a_bundle_that_was_put_in_the_place_of_its_own(
    bundle: Path, library: Path, tmp_path: Path
) -> None:
    own = "%s.bin" % sys.implementation.cache_tag
    whole = (bundle / "code" / own).read_bytes()
    copy = damaged(bundle, tmp_path, whole)
    later = tmp_path / "later"
    later.write_bytes(whole[:8] + b"x" * 12 + whole[20:])

    seen = run([sys.executable, "-c", REPLACED, copy / "code" / own, later], met(copy, library))

    # Compiled code has no docstrings; the source has.
    assert (seen.status, seen.out, seen.err) == (0, "True False\n", "")


def test_a_traceback_through_it_shows_its_lines_where_it_lies_now(bundle: Path, library: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(str(bundle), str(moved))
    code = "import meshrun.boot.versions as v; v.supported('1', ['~1'])"
    try:
        seen = run([sys.executable, "-c", code], met(moved, library))
    finally:
        remove(moved)

    assert 'File "%s/lib/meshrun/boot/versions.py", line ' % moved in seen.err
    assert 'raise ValueError("not a version range: %r" % item)' in seen.err


def test_its_wrapt_and_yaml_run_on_every_python(bundle: Path) -> None:
    code = "import yaml, wrapt; print(yaml.safe_load('a: [1]'), yaml.__version__, wrapt.__version__)"
    for version in (*SUPPORTED, *LATER):
        if find(version) is None:
            continue
        seen = run([interpreter(version), "-S", "-B", "-c", code], clean(PYTHONPATH=bundle / "deps"))
        assert (seen.status, seen.err) == (0, ""), version
        assert seen.out.startswith("{'a': [1]} 6.0.3 2.0.1"), version
