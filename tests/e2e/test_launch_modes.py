"""Every way to start a Python, behind each door: where meshrun loads, where it cannot; nothing else may differ."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Tuple

import pytest

from meshrun.boot import door
from tests.compat.environments import needed
from tests.compat.programs import DOOR, ROOT
from tests.e2e.grounds import DOORS, LAUNCHER, Grounds, Ran, ran, unseen

ALL, VENV_ONLY, NONE = frozenset(DOORS), frozenset({"venv"}), frozenset[str]()
MODES: Dict[str, Tuple[Sequence[str], frozenset[str]]] = {
    "script": (("{python}", "app.py", "-x", "--service"), ALL),
    "-m": (("{python}", "-m", "probe", "-x"), ALL),
    "-c": (("{python}", "-c", "{probe}", "-x"), ALL),
    "zipapp": (("{python}", "app.pyz", "-x"), ALL),
    "folder": (("{python}", "package", "-x"), ALL),
    "standard input": (("sh", "-c", "{python} - -x < app.py"), ALL),
    "console script": (("tool", "-x"), ALL),
    "through a shell": (("sh", "-c", "exec {python} app.py"), ALL),
    "through env": (("env", "OTHER=1", "{python}", "app.py"), ALL),
    "found on PATH": (("python", "app.py"), ALL),
    "-s": (("{python}", "-s", "app.py"), ALL),
    "-P": (("{python}", "-P", "app.py"), ALL),
    "-u -B -OO -bb -W error": (("{python}", "-u", "-B", "-OO", "-bb", "-W", "error", "app.py"), ALL),
    "-X dev": (("{python}", "-X", "dev", "app.py"), ALL),
    "-X utf8": (("{python}", "-X", "utf8", "app.py"), ALL),
    "-E": (("{python}", "-E", "app.py"), VENV_ONLY),
    "-I": (("{python}", "-I", "app.py"), VENV_ONLY),
    "-Es": (("{python}", "-Es", "app.py"), VENV_ONLY),
    "-S": (("{python}", "-S", "app.py"), NONE),
    "-IS": (("{python}", "-I", "-S", "app.py"), NONE),
}
"""How a program is started -> the doors through which meshrun loads then."""


@pytest.fixture(scope="module")
def grounds() -> Iterator[Grounds]:
    """One environment for all tests of the module, in a folder that any user may enter."""
    with tempfile.TemporaryDirectory(prefix="mr-") as name:
        Path(name).chmod(0o755)
        yield Grounds(Path(name))


@pytest.mark.parametrize("mode", MODES)
def test_a_launch_mode_loads_behind_the_doors_that_it_leaves_open(grounds: Grounds, mode: str) -> None:
    words, through = MODES[mode]
    if mode == "-P" and sys.version_info < (3, 11):
        pytest.skip("this Python does not know -P")
    command = [word.format(python=grounds.python, probe=grounds.probe) for word in words]
    bare = grounds.run(command)
    assert (bare.status, bare.err, bare.answer) == (0, "", "bare")

    for name in DOORS:
        seen = grounds.run(command, name)
        assert seen.answer == ("hooked" if name in through else "bare"), name
        rest = seen.out.partition(";")[2]
        if words[1] == "-S":  # nothing of ours runs, so nothing takes our folder from the path
            rest = rest.replace("%r, " % str(DOOR), "")
        assert rest == bare.out.partition(";")[2], name
        assert (seen.status, unseen(seen.err)) == (0, []), name
        # The launcher alone sees the flag, and says what it means.
        assert seen.err.count("\n") == int(name == "launcher" and name not in through), name


CHILDREN = """
import os, subprocess, sys
python, probe = sys.argv[1:]
import probe as own  # so that the parent's hooks are in
sys.stdout.flush()
number = os.fork()
if not number:
    import toy
    print("forked;", toy.answer(), flush=True)
    os._exit(0)
os.waitpid(number, 0)
environs = {
    "inherited": None, "the same": dict(os.environ), "with one more": dict(os.environ, MORE="1"), "empty": {},
    "only PATH": {"PATH": os.environ["PATH"]},
    "without PYTHONPATH": {k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    "another PYTHONPATH": dict(os.environ, PYTHONPATH="/nowhere"),
    "PYTHONPATH in front": dict(os.environ, PYTHONPATH="/nowhere:" + os.environ.get("PYTHONPATH", "")),
    "switched off": dict(os.environ, MESHRUN_ENABLED="0"),
}
for name, environ in environs.items():
    out = subprocess.run([python, probe], env=environ, stdout=subprocess.PIPE, check=True).stdout.decode()
    print(name, out, sep="; ", end="", flush=True)
for name, words in {"-E": ["-E"], "-I": ["-I"], "-S": ["-S"], "grandchild": ["-c", "import os, sys; "
                    "os.execv(sys.executable, [sys.executable, %r])" % probe]}.items():
    out = subprocess.run([python, *words, probe], stdout=subprocess.PIPE, check=True).stdout.decode()
    print(name, out, sep="; ", end="", flush=True)
os.execv(python, [python, probe])
"""
ENVIRONMENT_CHILDREN = {"forked", "inherited", "the same", "with one more", "PYTHONPATH in front", "grandchild"}
VENV_CHILDREN = ENVIRONMENT_CHILDREN | {"without PYTHONPATH", "another PYTHONPATH", "-E", "-I"}


def _children(seen: Ran) -> Tuple[Dict[str, str], Dict[str, str]]:
    """Answer by kind of child, and what else each showed; the last line is the process itself, after ``exec``."""
    lines = [line.split("; ", 2) for line in seen.out.splitlines()[1:-1]]
    answers = {line[0]: line[1] for line in lines}
    return dict(answers, exec=seen.out.splitlines()[-1].partition(";")[0]), {line[0]: line[-1] for line in lines[1:]}


@pytest.mark.parametrize("name", DOORS)
def test_children_load_it_where_their_environment_says_so_and_see_what_they_see_bare(
    grounds: Grounds, name: str
) -> None:
    """Never a copy of ours in front of their own packages: their ``sys.path`` is that of bare."""
    (grounds.work / "children.py").write_text(CHILDREN, encoding="utf-8")
    command = [grounds.python, "children.py", grounds.python, "app.py"]
    bare_answers, bare_rest = _children(grounds.run(command, path="/own"))
    assert set(bare_answers.values()) == {"bare"}

    seen = grounds.run(command, name, path="/own")
    answers, rest = _children(seen)
    rest["-S"] = rest["-S"].replace("%r, " % str(DOOR), "")  # nothing of ours runs there that could take it out

    assert (seen.status, seen.err) == (0, "")
    hooked = VENV_CHILDREN if name == "venv" else ENVIRONMENT_CHILDREN
    assert {kind for kind, answer in answers.items() if answer == "hooked"} == hooked | {"exec"}
    assert rest == bare_rest


POOLS = """
import multiprocessing, os, sys
def answer(_):
    import toy
    return toy.answer()
def say(kind):
    print(kind, "process;", answer(0), flush=True)
if __name__ == "__main__":
    for kind in "fork", "spawn", "forkserver":
        context = multiprocessing.get_context(kind)
        with context.Pool(1) as pool:
            print(kind, "pool;", *pool.map(answer, range(2)))
        process = context.Process(target=say, args=(kind,))
        process.start()
        process.join()
        print(kind, "ended;", process.exitcode, flush=True)
    print(sys.path, [flag for flag in sys.flags])
"""


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("flags", [[], ["-I"]], ids=["plain", "isolated"])
def test_processes_of_multiprocessing_load_as_their_parent_does(grounds: Grounds, name: str, flags: List[str]) -> None:
    (grounds.work / "pools.py").write_text(POOLS, encoding="utf-8")
    command = [grounds.python, *flags, "pools.py"]
    bare = grounds.run(command)
    assert bare.out.count("bare") == 9

    seen = grounds.run(command, name)

    loads = name == "venv" or not flags
    assert seen.out == bare.out.replace("bare", "hooked" if loads else "bare")
    assert (seen.status, unseen(seen.err)) == (0, [])


ENDINGS = (
    "print('{0}')", "raise RuntimeError('{0}')", "import sys; print('{0}'); sys.exit(3)", "raise KeyboardInterrupt",
    "import os; print('{0}', flush=True); os._exit(7)", "this does not parse",
)  # fmt: skip


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("where", ["PYTHONPATH", "site-packages"])
def test_a_sitecustomize_of_the_app_runs_once_and_ends_as_bare(
    grounds: Grounds, name: str, ending: str, where: str
) -> None:
    own = grounds.folder / "own"
    own.mkdir(exist_ok=True)
    file = (own if where == "PYTHONPATH" else grounds.packages) / "sitecustomize.py"
    file.write_text(ending.format("of the app"), encoding="utf-8")
    try:
        bare = grounds.run([grounds.python, "app.py"], path=str(own))
        seen = grounds.run([grounds.python, "app.py"], name, path=str(own))
    finally:
        file.unlink()

    assert seen.status == bare.status
    assert seen.out.replace("hooked", "bare") == bare.out
    # Where it ends the interpreter, the traceback that is shown then has frames of ours in it.
    assert seen.err.splitlines()[-1:] == bare.err.splitlines()[-1:]
    assert ("hooked" in seen.out) == ("bare;" in bare.out)


@pytest.mark.parametrize("name", ["environment", "launcher"])
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("flags", [[], ["-s"]], ids=["plain", "-s"])
@pytest.mark.parametrize("kind", ["venv", "base"])
def test_a_usercustomize_runs_where_it_does_bare_and_ends_as_bare(
    grounds: Grounds, name: str, ending: str, flags: List[str], kind: str
) -> None:
    """Not in a virtual environment, not with ``-s``; behind meshrun and the sitecustomize, as ``site`` orders it."""
    own = grounds.folder / "user"
    own.mkdir(exist_ok=True)
    (own / "usercustomize.py").write_text(ending.format("of the user"), encoding="utf-8")
    (own / "sitecustomize.py").write_text("print('before it')", encoding="utf-8")
    base: str = getattr(sys, "_base_executable", sys.executable)
    command = [grounds.python if kind == "venv" else base, *flags, "app.py"]

    bare = grounds.run(command, path=str(own))
    seen = grounds.run(command, name, path="%s:%s" % (own, grounds.packages))

    assert (seen.status, seen.err.replace(str(DOOR) + ":", "")) == (bare.status, bare.err)
    shown = [line for line in seen.out.splitlines() if ";" not in line]
    assert shown == [line for line in bare.out.splitlines() if ";" not in line]
    assert shown[0] == "before it"
    runs = kind == "base" and not flags
    assert ("of the user" in seen.out + seen.err) == (runs and "{0}" in ending)
    if seen.status == 0:
        assert "hooked; __main__" in seen.out


def test_the_distributions_sitecustomize_runs_behind_ours(grounds: Grounds) -> None:
    """Debian's Python has one (the crash reporter's), which any other agent's hides unless it chains."""
    python = shutil.which("python3", path="/usr/bin")
    ask = "import sys; print(getattr(sys.modules.get('sitecustomize'), '__file__', None), sys.excepthook)"
    bare = ran([python, "-c", ask], grounds.environ(), grounds.work) if python else Ran(1, "", "")
    if not bare.out.startswith("/usr/lib"):
        pytest.skip("the distribution's Python has no sitecustomize, or there is none")
    assert python is not None

    assert grounds.run([python, "-c", ask], "environment", path=str(grounds.packages)).out == bare.out
    seen = grounds.run([python, "app.py"], "environment", path=str(grounds.packages))
    assert (seen.status, seen.answer, seen.err) == (0, "hooked", "")


def test_a_pth_file_in_a_folder_of_pythonpath_is_read_by_nobody(grounds: Grounds) -> None:
    """Why the door of an environment stands in its site-packages: only there is such a line read."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name, "lib", "python3.9", "site-packages")
        place.mkdir(parents=True)
        Path(name, "pyvenv.cfg").touch()
        door.enable(name)
        environ = dict(grounds.environ("venv"), PYTHONPATH=str(place))

        assert ran([grounds.python, "app.py"], environ, grounds.work).answer == "bare"


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("path", ["", "/nowhere", "/nowhere::/elsewhere", ":", "/nowhere:"])
def test_the_working_directory_is_where_it_is_bare(grounds: Grounds, tmp_path: Path, name: str, path: str) -> None:
    """A folder in which anybody may write must not shadow the standard library, for the program or its children."""
    own = "" in path.split(":") and bool(path)  # then the user has put it there
    for module in ("colorsys", "sitecustomize", "meshrun", "typing", *([] if own else ["_meshrun_door"])):
        (tmp_path / (module + ".py")).write_text("print(%r)" % ("hijacked " + module), encoding="utf-8")
    code = "import colorsys, subprocess, sys; print(colorsys.__file__); sys.stdout.flush();"
    code += "sys.argv[1:] and subprocess.run([sys.executable, *sys.argv[1:]], check=True)"
    script = grounds.folder / "s.py"
    script.write_text(code, encoding="utf-8")
    command = [grounds.python, str(script), str(script)]

    bare = grounds.run(command, path=path, cwd=tmp_path)
    seen = grounds.run(command, name, path=path, cwd=tmp_path)

    assert seen == bare
    assert ("hijacked colorsys" in bare.out) == own


OTHERS = {
    "OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "none", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*",
    "OTEL_PYTHON_DISTRO": "none", "DD_TRACE_ENABLED": "false", "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "NEW_RELIC_ENABLED": "false", "ELASTIC_APM_ENABLED": "false", "SW_AGENT_DISABLE_PLUGINS": "*",
    "AUTOWRAPT_BOOTSTRAP": "nothing", "AIKIDO_DISABLE": "1", "SENTRY_DSN": "",
}  # fmt: skip


def test_variables_that_are_meant_for_another_agent_do_not_switch_us_off(grounds: Grounds) -> None:
    environ = dict(grounds.environ("environment"), **OTHERS)

    assert ran([grounds.python, "app.py"], environ, grounds.work).answer == "hooked"


def _nobody(python: str) -> List[str]:
    """What stands before a command so that modes of files bind it; skips where that cannot be had."""
    if os.geteuid():
        return []
    setpriv = shutil.which("setpriv") or pytest.skip("root ignores the modes of files, and there is no setpriv")
    prefix = [str(setpriv), "--reuid=65534", "--regid=65534", "--clear-groups"]
    if ran([*prefix, python, "-c", ""], dict(os.environ), Path("/")).status:
        pytest.skip("no interpreter here that another user may run")
    return prefix


def _for_all(folder: Path) -> Path:
    """A copy of the installation that everybody may read and nobody write; its boot folder."""
    hidden = shutil.ignore_patterns("__pycache__")
    for part in ("agent/meshrun", "hooks/meshrun_hooks", "sitecustomize"):
        shutil.copytree(str(ROOT / part), str(folder / part), ignore=hidden)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder / "sitecustomize"


@pytest.mark.parametrize("hidden", ["", "sitecustomize", "agent/meshrun", "hooks/meshrun_hooks"])
def test_a_user_who_may_not_write_or_not_read_the_installation_is_not_disturbed(grounds: Grounds, hidden: str) -> None:
    """Read-only: it loads and leaves nothing behind. Unreadable: silent where even the boot file is, else one line."""
    python = "/usr/bin/python3" if not os.geteuid() else grounds.python
    prefix = _nobody(python)
    with tempfile.TemporaryDirectory(prefix="mr-") as name:
        Path(name).chmod(0o755)
        boot = _for_all(Path(name) / "delivered")
        environ = dict(grounds.environ("environment"), PYTHONPATH="%s:%s" % (boot, grounds.packages))
        del environ["PYTHONDONTWRITEBYTECODE"]
        bare = ran([*prefix, python, "app.py"], dict(environ, PYTHONPATH=str(grounds.packages)), grounds.work)
        assert bare.answer == "bare", bare
        place = boot.parent / hidden
        try:
            place.chmod(0o555 if place == boot.parent else 0)
            seen = ran([*prefix, python, "app.py"], environ, grounds.work)
        finally:
            place.chmod(0o755)
            left = list(Path(name).rglob("__pycache__"))
            for path in (Path(name, "delivered"), *Path(name).rglob("*")):
                path.chmod(0o755)

    assert (seen.status, seen.answer) == (0, "bare" if hidden else "hooked")
    assert left == []
    ours = seen.err.splitlines()
    assert unseen(seen.err) == []
    assert len(ours) == int(hidden.endswith(("/meshrun", "hooks"))), ours
    if ours:
        assert ours[0].startswith("meshrun: not started, the program runs without it: ")


def test_what_another_program_reads_from_its_output_is_its_own(grounds: Grounds) -> None:
    """As in shell scripts: a single JSON value, in which a line of a launcher would be one too many."""
    code = "import toy, json; print(json.dumps([1, 2]))"
    for name in DOORS:
        assert json.loads(grounds.run([grounds.python, "-c", code], name).out) == [1, 2]


@pytest.mark.slow
def test_a_frozen_program_runs_without_us(tmp_path: Path) -> None:
    """It brings an interpreter of its own, which reads neither PYTHONPATH nor any site-packages."""
    python = needed("frozen", sys.executable, ["pyinstaller"])
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MESHRUN"))}
    (tmp_path / "app.py").write_text(
        "import sys; print('app', [n for n in sys.modules if 'mesh' in n], sys.path == [])"
    )
    built = ran([python, "-m", "PyInstaller", "--onedir", "--noconfirm", "app.py"], clean, tmp_path)
    if built.status and "shared library" in built.err:
        pytest.skip("this Python cannot be frozen: it has no shared library")
    assert built.status == 0, built.err
    program = str(tmp_path / "dist" / "app" / "app")
    bare = ran([program], clean, tmp_path)
    assert bare[:1] + bare[2:] == (0, "")
    assert bare.out.startswith("app []")

    environ = dict(clean, PYTHONPATH=str(DOOR), MESHRUN_ENABLED="1", MESHRUN_STATE_DIR=str(tmp_path / "state"))

    assert ran([program], environ, tmp_path) == bare
    assert ran([sys.executable, *LAUNCHER, program], environ, tmp_path) == bare
