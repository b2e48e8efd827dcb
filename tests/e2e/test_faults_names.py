"""Names that lead nowhere: the library's own errors, as without meshrun; and apps whose names are ours."""

from __future__ import annotations

import zipfile

import pytest

from tests.contract.servers import refused
from tests.e2e.place import APPS, Place

RULES = """
kind: Route
name: ghosts
service: ghost
rules:
  - to: [{tags: {version: v1}}]
    else: baseline
---
kind: Alias
name: old
hosts: [old.example.invalid, "old.example.invalid:81"]
service: ghost
---
kind: Lane
name: gray
enter:
  - {at: [ghost], percent: 100}
"""


@pytest.mark.slow
def test_a_service_that_nobody_runs_and_a_host_that_nobody_knows_fail_as_bare(place: Place) -> None:
    """`ghost` is known by its rules alone; the others are unknown to the mesh, or to anybody."""
    place.meshctl("rules", "apply", "-f", place.script(RULES, "given.yaml"))
    with refused() as (host, port):
        urls = ["http://ghost/", "https://ghost/", "http://ghost.default:81/a", "http://old.example.invalid/"]
        urls += ["http://nobody.example.invalid/", "http://nobody/", "http://%s:%d/" % (host, port)]
        for _ in range(3):  # a resolver may have another answer once
            bare = place.run(str(APPS / "errors.py"), *urls, bare=True)
            assert bare.status == 0
            assert bare.out.count("http://ghost/") >= 5
            seen = place.run(str(APPS / "errors.py"), *urls)
            if seen == bare:
                break
        assert seen.out.splitlines() == bare.out.splitlines()
        assert seen == bare


OURS = (
    "agent",
    "hooks",
    "core",
    "hook",
    "cli",
    "runtime",
    "engines",
    "wire",
    "boot",
    "telemetry",
    "lifecycle",
    "sitecustomize",
)
APP = """
import agent, hooks, core, hook, cli, runtime, engines, wire, boot, telemetry, lifecycle, sitecustomize
print([module.MINE for module in (agent, hooks, core, hook, cli, runtime, engines, wire, boot, telemetry, lifecycle)])
print(sitecustomize.MINE, __name__, __package__)
import requests
print(requests.get({url!r}, timeout=10).json()["server"])
"""


@pytest.mark.parametrize("how", ["script", "module", "module of a package", "zip", "folder", "code", "isolated"])
def test_an_app_whose_modules_are_called_as_ours_gets_its_own(place: Place, how: str) -> None:
    (stock,) = place.mesh.service("stock")
    said = []
    for url in ("http://%s:%d/" % stock.address, "http://stock/"):
        folder = place.folder / ("bare" if "stock" not in url else "ours")
        folder.mkdir()
        files = {"%s.py" % name: "MINE = %r\n" % name for name in OURS}
        files.update({"agent_app.py": APP.format(url=url), "__main__.py": APP.format(url=url)})
        for name, text in files.items():
            (folder / name).write_text(text)
        (folder / "pkg").mkdir()
        (folder / "pkg" / "__init__.py").write_text("")
        (folder / "pkg" / "hooks.py").write_text(APP.format(url=url))
        archive = folder / "app.zip"
        with zipfile.ZipFile(archive, "w") as packed:
            for name, text in files.items():
                packed.writestr(name, text)
        words = {
            "script": [str(folder / "agent_app.py")],
            "module": ["-m", "agent_app"],
            "module of a package": ["-m", "pkg.hooks"],
            "zip": [str(archive)],
            "folder": [str(folder)],
            "code": ["-c", APP.format(url=url)],
            "isolated": ["-I", str(folder / "agent_app.py")],
        }[how]
        shell = ("sh", "-c", 'cd "$0" && exec "$@"', str(folder))
        said.append(place.run(*words, prefix=shell, bare="stock" not in url))
    if how == "isolated":  # the interpreter looks at no variable: the app is bare, and imports nothing of its folder
        assert (said[0].status, said[0].out) == (said[1].status, said[1].out) == (1, "")
    else:
        assert said[0].status == 0, said[0].err
        assert "stock-0" in said[0].out
        assert said[1] == said[0]
