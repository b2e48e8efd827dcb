"""Any two doors at once: meshrun starts once, and the program and its children are as behind one of them."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Tuple

import pytest

from meshrun.boot import door
from tests.compat.environments import needed
from tests.compat.programs import DOOR
from tests.e2e.grounds import LAUNCHER, Grounds, Ran, ran

SHOW = """
import os, subprocess, sys, toy
count = lambda name: sum(name in repr(finder) for finder in sys.meta_path)
print(toy.answer(), count("ImportFinder"), count("OwnFinder"), os.environ.get("PYTHONPATH"), sys.path)
print([name for name in ("_meshrun_boot", "sitecustomize") if name in sys.modules], flush=True)
if not sys.argv[1:]:
    subprocess.run([sys.executable, __file__, "child"], check=True)
"""
DOORS = ("launcher", "environment", "venv")


@pytest.fixture(scope="module")
def grounds() -> Iterator[Grounds]:
    """One environment for all tests of the module."""
    with tempfile.TemporaryDirectory(prefix="mr-") as name:
        made = Grounds(Path(name))
        (made.work / "show.py").write_text(SHOW, encoding="utf-8")
        yield made


def through(grounds: Grounds, doors: Sequence[str]) -> Ran:
    """Run the program behind several doors, of which the last to be named is the nearest to it."""
    command: List[str] = [grounds.python, "show.py"]
    environ = grounds.environ("environment" if "environment" in doors else "venv", path="/a::/b")
    if "environment" not in doors:
        environ["MESHRUN_ENABLED"] = "1"
    for name in reversed(doors):
        if name == "launcher":
            command = [grounds.python, *LAUNCHER, *command]
    if "venv" in doors:
        door.enable(str(grounds.venv))
    try:
        return ran(command, environ, grounds.work)
    finally:
        door.disable(str(grounds.venv))


PAIRS = [*itertools.combinations_with_replacement(DOORS, 2), DOORS]


@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_behind_two_doors_a_program_is_as_behind_one(grounds: Grounds, pair: Tuple[str, ...]) -> None:
    bare = ran([grounds.python, "show.py"], grounds.environ(path="/a::/b"), grounds.work)
    assert bare.out.startswith("bare 0 0 /a::/b ")

    seen = through(grounds, pair)

    path = "/a::/b" if set(pair) == {"venv"} else "%s:/a::/b" % DOOR
    assert seen == (0, bare.out.replace("bare 0 0 /a::/b", "hooked 1 0 " + path), "")


def test_a_launcher_twice_keeps_the_users_path(grounds: Grounds) -> None:
    """Others lose it when they find themselves there already."""
    once, twice = through(grounds, ["launcher"]), through(grounds, ["launcher", "launcher", "environment"])

    assert once == twice
    assert "hooked 1 0 %s:/a::/b " % DOOR in once.out


@pytest.fixture(scope="module")
def otel() -> str:
    """The ``bin`` of an environment with OpenTelemetry, where meshrun can be imported."""
    return str(Path(needed("otel-door", sys.executable, ["opentelemetry-distro"])).parent)


@pytest.fixture(scope="module")
def apart(otel: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The ``bin`` of an environment with the same, where meshrun is not installed."""
    folder = tmp_path_factory.mktemp("apart") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (place,), (source,) = folder.glob("lib/python*/site-packages"), Path(otel).parent.glob("lib/python*/site-packages")
    place.rmdir()
    shutil.copytree(str(source), str(place), ignore=shutil.ignore_patterns("meshrun*", "pip", "*.pth"))
    script = folder / "bin" / "opentelemetry-instrument"
    text = Path(otel, "opentelemetry-instrument").read_text(encoding="utf-8")
    script.write_text(text.replace(otel, str(folder / "bin")), encoding="utf-8")
    script.chmod(0o755)
    return str(folder / "bin")


def instrumented(
    grounds: Grounds, otel: str, words: Sequence[str], path: Sequence[object] = (), **settings: str
) -> Ran:
    """Run the program in OpenTelemetry's environment; what stands before the interpreter is said by `words`."""
    texts = {"meshrun": [otel + "/python", *LAUNCHER], "otel": [otel + "/opentelemetry-instrument"]}
    before = [part for word in words for part in texts[word]]
    environ = grounds.environ("venv", path=":".join(map(str, [*path, grounds.packages])))
    quiet = {"OTEL_%s_EXPORTER" % signal: "none" for signal in ("TRACES", "METRICS", "LOGS")}
    changed: Dict[str, str] = dict(environ, MESHRUN_ENABLED="", **quiet)
    changed.update(settings)
    return ran([*before, otel + "/python", "show.py"], changed, grounds.work)


@pytest.mark.slow
class TestOpenTelemetry:
    """``opentelemetry-instrument`` as a door, and together with the others."""

    def test_it_loads_us_by_our_entry_point_where_the_switch_is_on(self, grounds: Grounds, otel: str) -> None:
        bare = instrumented(grounds, otel, ["otel"])
        assert (bare.status, bare.err) == (0, "")
        assert bare.out.count("bare 0 0 ") == 2

        seen = instrumented(grounds, otel, ["otel"], MESHRUN_ENABLED="1")

        assert seen == (0, bare.out.replace("bare 0 0", "hooked 1 0"), "")

    def test_its_own_setting_leaves_us_out(self, grounds: Grounds, otel: str) -> None:
        out = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "meshrun", "MESHRUN_ENABLED": "1"}

        assert instrumented(grounds, otel, ["otel"], **out).out.count("bare 0 0 ") == 2

    @pytest.mark.parametrize(
        "words",
        [["meshrun", "otel"], ["otel", "meshrun"], ["meshrun", "otel", "meshrun"], ["otel", "meshrun", "otel"]],
        ids=" ".join,
    )
    def test_beside_the_launcher_it_starts_us_once(self, grounds: Grounds, otel: str, words: List[str]) -> None:
        seen = instrumented(grounds, otel, words)

        assert (seen.status, seen.err) == (0, "")
        assert seen.out.count("hooked 1 0 ") == 2  # the program and its child
        assert "opentelemetry/instrumentation/auto_instrumentation" in seen.out

    def test_where_we_are_not_installed_the_nearer_launcher_starts_us_for_children_too(
        self, grounds: Grounds, apart: str
    ) -> None:
        """OpenTelemetry's file puts its folder in front of ours again, and runs no other one."""
        seen = instrumented(grounds, apart, ["otel", "meshrun"])

        assert (seen.status, seen.err) == (0, "")
        assert seen.out.count("hooked 1 0 ") == 2

    def test_where_we_are_not_installed_the_other_order_keeps_us_out_and_is_said(
        self, grounds: Grounds, apart: str
    ) -> None:
        seen = instrumented(grounds, apart, ["meshrun", "otel"])

        assert (seen.status, seen.out.count("bare 0 0 ")) == (0, 2)
        assert "opentelemetry-instrument runs no other start-up code: put meshrun behind it" in seen.err
        assert seen.err.count("\n") == 1

    @pytest.mark.parametrize("kind", ["otel", "apart"])
    def test_beside_the_door_of_the_virtual_environment(
        self, grounds: Grounds, kind: str, request: pytest.FixtureRequest
    ) -> None:
        """Its line is read before any sitecustomize."""
        programs: str = request.getfixturevalue(kind)
        prefix = str(Path(programs).parent)
        door.enable(prefix)
        try:
            for words, path in ((["otel"], []), (["otel"], [DOOR]), (["meshrun", "otel"], [])):
                seen = instrumented(grounds, programs, words, path, MESHRUN_ENABLED="1")
                assert (seen.status, seen.err, seen.out.count("hooked 1 0 ")) == (0, "", 2)
        finally:
            door.disable(prefix)

    def test_beside_the_environment_door(self, grounds: Grounds, otel: str) -> None:
        seen = instrumented(grounds, otel, ["otel"], [DOOR], MESHRUN_ENABLED="1")

        assert (seen.status, seen.err, seen.out.count("hooked 1 0 ")) == (0, "", 2)

    def test_an_instrumentor_that_fails_does_not_take_us_with_it_where_another_door_is_open(
        self, grounds: Grounds, apart: str, tmp_path: Path
    ) -> None:
        """By its own door alone nothing could be done: whoever stands before us there can keep us out."""
        info = tmp_path / "bad-0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text("[opentelemetry_instrumentor]\nbad = bad:Bad\n", encoding="utf-8")
        bad = "class Bad:\n    def instrument(self, **_):\n        raise RuntimeError('bad')\n"
        (tmp_path / "bad.py").write_text(bad, encoding="utf-8")

        seen = instrumented(grounds, apart, ["otel", "meshrun"], [tmp_path])

        assert seen.out.count("hooked 1 0 ") == 2
        assert "RuntimeError: bad" in seen.err
        assert "meshrun: " not in seen.err
