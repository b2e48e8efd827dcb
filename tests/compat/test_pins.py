"""A program that pins old releases, and meshrun delivered from outside with newer ones: the program keeps its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, NamedTuple, Sequence

import pytest

from tests.compat.environments import needed
from tests.compat.programs import DOOR, ROOT
from tests.compat.pythons import find
from tests.contract.mesh import Mesh, mesh

pytestmark = [pytest.mark.slow, pytest.mark.once]

PINS: Mapping[str, str] = {
    "typing_extensions": "3.7.4.3", "urllib3": "1.26.0", "wrapt": "1.12.0", "pyyaml": "5.3", "requests": "2.25.0",
}  # fmt: skip
PROGRAM = """
import importlib, importlib.metadata, json, sys
import requests
status = requests.get(sys.argv[1]).status_code
found = {}
for name in ("typing_extensions", "urllib3", "wrapt", "pyyaml", "requests"):
    module = importlib.import_module("yaml" if name == "pyyaml" else name)
    found[name] = [importlib.metadata.version(name), module.__file__]
runtime = sys.modules.get("meshrun.hook")
print(json.dumps({
    "status": status, "found": found, "path": sys.path,
    "ours": runtime and runtime.__file__,
    "mode": runtime and runtime._process and [runtime._process.modes.mode, runtime._process.modes.reason],
}))
"""


@pytest.fixture(scope="module")
def oldest() -> str:
    """The oldest supported Python, where such old releases are at home."""
    path = find("3.8")
    if path is None:
        pytest.skip("no Python 3.8 on this machine")
    return path


@pytest.fixture(scope="module")
def delivered(oldest: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `pip install --target` makes it: meshrun, what it needs, and newer releases of what the app has."""
    newer = needed("delivered", oldest, ["typing_extensions", "urllib3>=2", "wrapt", "pyyaml", "requests"])
    (source,) = Path(newer).parents[1].glob("lib/python*/site-packages")
    folder = tmp_path_factory.mktemp("delivered") / "site"
    leave = shutil.ignore_patterns("__pycache__", "*.pth", "pip*", "setuptools*")
    shutil.copytree(str(source), str(folder), ignore=leave)
    for package in (ROOT / "agent" / "meshrun", ROOT / "hooks" / "meshrun_hooks"):
        shutil.copytree(str(package), str(folder / package.name), ignore=leave)
    shutil.copytree(str(DOOR), str(folder / "meshrun" / "sitecustomize"), ignore=leave)
    return folder


class App(NamedTuple):
    """The program's environment, its mesh, and what is delivered beside it."""

    python: str
    mesh: Mesh
    delivered: Path
    folder: Path

    def run(self, url: str, path: Sequence[object] = (), **settings: str) -> Any:
        """What the program says; fails where it does or writes on stderr."""
        dropped = ("PYTHON", "MESHRUN", "COV", "XDG", "OTEL")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        done = subprocess.run(
            [self.python, "-c", PROGRAM, url], cwd=str(self.folder), stdin=subprocess.DEVNULL, capture_output=True,
            env=dict(kept, PYTHONPATH=os.pathsep.join(map(str, path)), NO_PROXY="*", **settings), text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout), err=done.stderr)

    def meshed(self, url: str, *more: object) -> Any:
        """The same with the delivered meshrun."""
        settings: Dict[str, str] = {
            "MESHRUN_ENABLED": "1", "MESHRUN_LANE": "gray", "MESHRUN_STORE": self.mesh.url,
            "MESHRUN_STATE_DIR": str(self.folder / "state"),
        }  # fmt: skip
        return self.run(url, [self.delivered / "meshrun" / "sitecustomize", *more], **settings)


@pytest.fixture
def app(oldest: str, delivered: Path, tmp_path: Path) -> Iterator[App]:
    """The program with its pins."""
    python = needed("pins", oldest, ["%s==%s" % pin for pin in PINS.items()])
    with mesh(tmp_path) as made:
        yield App(python, made, delivered, tmp_path)


@pytest.mark.parametrize("appended", [False, True], ids=["not on the path", "appended to the path"])
def test_the_program_keeps_its_own_releases_and_is_in_the_mesh(app: App, *, appended: bool) -> None:
    [orders], plain = app.mesh.service("orders"), app.mesh.server()
    user = app.folder / "user"
    user.mkdir()
    if appended:
        (user / "sitecustomize.py").write_text("import sys\nsys.path.append(%r)\n" % str(app.delivered))
    bare = app.run("http://127.0.0.1:%d/" % plain.port, [user])

    seen = app.meshed("http://orders/", user)

    assert {name: version for name, (version, _) in seen["found"].items()} == PINS
    assert (seen["found"], seen["path"]) == (bare["found"], bare["path"])
    assert (seen["status"], seen["err"], seen["ours"]) == (200, "", str(app.delivered / "meshrun" / "hook.py"))
    assert [one.header("baggage") for one in orders.seen] == [["lane=gray"]]


def test_below_the_floor_of_what_we_need_ourselves_the_process_is_dormant_and_says_why(app: App, oldest: str) -> None:
    [orders], plain = app.mesh.service("orders"), app.mesh.server()
    app.mesh.alias("127.0.0.1:%d" % plain.port, "orders")
    old = app._replace(python=needed("pins-old", oldest, ["%s==%s" % pin for pin in dict(PINS, pyyaml="5.1").items()]))

    seen = old.meshed("http://127.0.0.1:%d/" % plain.port)

    reason = "PyYAML 5.1 is not supported (>=5.3)"
    assert (seen["status"], seen["mode"], seen["err"]) == (200, ["dormant", reason], "meshrun: dormant: %s\n" % reason)
    assert orders.seen == []
    assert {name.lower() for name, _ in plain.seen[0].headers} & {"baggage", "x-meshrun-caller"} == set()
