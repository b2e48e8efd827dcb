"""Really old releases, below every floor: the hooks stay off and say why, and the program is as it is bare."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Dict, Mapping

import pytest

from meshrun_hooks import TABLE
from tests.compat import releases
from tests.compat.environments import needed
from tests.compat.programs import DOOR, ROOT, Ran
from tests.compat.pythons import find
from tests.compat.table import hooked

pytestmark = [pytest.mark.slow, pytest.mark.once]

OLD: Mapping[str, str] = {
    "urllib3": "1.21.1", "requests": "2.18.4", "chardet": "3.0.4", "httpcore": "0.9.1", "httpx": "0.13.3",
    "aiohttp": "3.6.3", "gunicorn": "19.9.0", "uvicorn": "0.11.8", "hypercorn": "0.9.5", "gevent": "20.6.2",
    "greenlet": "0.4.16", "eventlet": "0.25.1", "dnspython": "1.16.0", "apscheduler": "3.5.3", "pyyaml": "5.3",
    "wrapt": "1.12.0", "h11": "0.8.1", "wsproto": "0.14.1", "uvloop": "0.14.0",
    "tornado": "5.1.1", "waitress": "1.3.1", "werkzeug": "0.16.1", "django": "2.1.15",
}  # fmt: skip
NONE_BELOW = {"uvloop", "granian"}
"""Of these the first release that installs on any supported Python is at or above the floor."""


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter with all of them; the oldest supported Python is where they still run."""
    oldest = find("3.8")
    if oldest is None:
        pytest.skip("no Python 3.8 on this machine")
    return needed("below-floors", oldest, ["%s==%s" % pair for pair in OLD.items()])


def use(python: str, library: str, folder: Path, **settings: str) -> Ran:
    """Run the program of a library."""
    (folder / "served.py").write_text(releases.SERVED, encoding="utf-8")
    dropped = ("PYTHON", "MESHRUN", "COV", "XDG", "OTEL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    done = subprocess.run(
        [python, "-W", "ignore", str(ROOT / "tests" / "compat" / "releases.py"), library], cwd=str(folder),
        env=dict(kept, SEEN=str(folder / "seen"), PYTHONWARNINGS="ignore", **settings), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def states(folder: Path) -> Dict[str, str]:
    """State of every hook, in whichever process used the library."""
    found: Dict[str, str] = {}
    for path in sorted(folder.glob("seen.*")):
        said = json.loads(path.read_text(encoding="utf-8"))
        found.update({hook: state for hook, state in said.items() if state != "waiting"})
    return found


@pytest.mark.parametrize("library", releases.USES)
def test_the_hooks_stay_off_with_the_reason_and_the_program_is_as_bare(
    python: str, library: str, tmp_path: Path
) -> None:
    bare = use(python, library, tmp_path)
    assert (bare.code, bare.err) == (0, "")
    settings = {"MESHRUN_STATE_DIR": str(tmp_path / "state"), "MESHRUN_STORE": "file:" + str(tmp_path / "store")}

    ran = use(python, library, tmp_path, PYTHONPATH=str(DOOR), MESHRUN_ENABLED="1", MESHRUN_LANE="gray", **settings)

    assert (ran.code, ran.out) == (bare.code, bare.out)
    reason = "%s %s is not supported (%s)" % (library, OLD[library], ",".join(hooked()[library]))
    seen = {hook: state for hook, state in states(tmp_path).items() if library_of(hook) == library}
    assert seen
    assert set(seen.values()) == {"off:" + reason}
    for line in ran.err.splitlines():  # one for each hook of this library, and of those that it brings with it
        assert re.match(r"meshrun: hook \w+: \w+ [\d.]+ is not supported \(>=", line), line


def library_of(hook: str) -> str:
    """The library that a hook file is for."""
    return str(importlib.import_module("meshrun_hooks." + hook).LIBRARY)


def test_every_hooked_library_has_its_program() -> None:
    assert set(releases.USES) | NONE_BELOW == set(hooked())
    assert {library_of(hook) for hook in TABLE.values()} >= set(releases.USES)
