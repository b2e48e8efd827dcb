"""Services of different users share one store; what runs on a machine and in a container is one service."""

from __future__ import annotations

import os
import shutil
import sys
import urllib.request
from pathlib import Path
from typing import Any, Dict, List

import pytest

from meshrun.cli import unit_files, vm_machine, vm_plan
from tests.contract.running import NO_CONTROL, until
from tests.e2e import bundles
from tests.e2e.place import Place, Program

pytestmark = [pytest.mark.slow, pytest.mark.once]
GROUP, FIRST, SECOND = 4711, 4001, 4002
APP = """
import os
def app(environ, start_response):
    body = os.environ["WHO"].encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
RULE = "kind: Route\nname: r\nservice: web\nrules:\n  - to: [{tags: {version: v1}}]\n"
CALLER = """
import sys, urllib3
pool = urllib3.PoolManager()
for _ in range(40):
    print(pool.request("GET", "http://web/", timeout=20, retries=False).data.decode())
"""


def user(uid: int) -> List[str]:
    """What stands before a command of a user; it may read everything: the interpreter may lie where only root looks."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() or setpriv is None:
        pytest.skip("only root, with setpriv, can become two users")
    ids = ["--reuid=%d" % uid, "--regid=%d" % uid, "--groups=%d" % GROUP]
    return [setpriv, *ids, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


@pytest.fixture
def shared(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place whose store is open to a group, as `meshctl vm enable` opens that of a machine."""
    monkeypatch.setattr(vm_machine, "group_id", lambda root: GROUP)
    if os.geteuid() == 0:
        [step] = vm_machine.store_steps(str(place.folder / "store"), "")
        step.do()
        assert vm_machine.store_steps(str(place.folder / "store"), "") == []
    place.script(APP)
    return place


def state_of(place: Place, uid: int) -> str:
    """A state folder of a user, as systemd makes it."""
    folder = place.folder / ("state-%d" % uid)
    folder.mkdir(mode=0o700)
    os.chown(folder, uid, uid)
    return str(folder)


def by_drop_in(place: Place, uid: int) -> Dict[str, str]:
    """The environment that a unit gives its program once `meshctl vm enable` wrote its drop-in."""
    tree = place.folder / "tree"
    folder = tree / "etc/systemd/system"
    folder.mkdir(parents=True)
    (folder / "web.service").write_text("[Service]\nUser=%d\nEnvironment=WHO=machine\nExecStart=/bin/true\n" % uid)
    place.meshctl("vm", "enable", "web", "--service", "web", "--root", str(tree), "--store", place.mesh.url)
    found = unit_files.load("web", unit_files.folders({}, str(tree)), str(tree))
    assert found.drop_ins == (str(folder / "web.service.d" / vm_plan.NAME),)
    environ = {**place.environ(bare=True), **found.environ}
    assert environ["MESHRUN_STATE_DIR"] == "/run/meshrun-web"  # systemd makes it; here nobody does
    return {**environ, "MESHRUN_STATE_DIR": state_of(place, uid)}


def by_image(place: Place, uid: int) -> Dict[str, str]:
    """The environment that an image sets, with a bundle."""
    environ = place.environ(bare=True)
    bundle = place.folder / "bundle"
    bundles.built(bundle)
    environ.update(PYTHONPATH=str(bundle / "boot"), MESHRUN_ENABLED="1", MESHRUN_SERVICE="web", WHO="container")
    environ.update(MESHRUN_STORE=place.mesh.url, MESHRUN_STATE_DIR=state_of(place, uid))
    return environ


def served(place: Place, environ: Dict[str, str], uid: int) -> Program:
    command = [*user(uid), sys.executable, "-m", "gunicorn", *NO_CONTROL, "--workers", "2"]
    log = place.folder / ("log-of-%d" % uid)
    return Program([*command, "--bind", "127.0.0.1:0", "app:app"], place.folder, environ, log)


def test_a_machine_and_a_container_are_two_instances_of_one_service(shared: Place) -> None:
    user(FIRST)
    programs: List[Program] = []
    try:
        for who, environ in ((FIRST, by_drop_in(shared, FIRST)), (SECOND, by_image(shared, SECOND))):
            programs.append(served(shared, environ, who))
        until(lambda: len(shared.records("web")) == 2, lambda: "".join(one.said() for one in programs))
        owners = {path.stat().st_uid for path in (shared.folder / "store/instances").rglob("*.json")}
        assert owners == {FIRST, SECOND}

        def both() -> Any:
            found = shared.run("-c", CALLER)
            return found.status == 0 and set(found.out.split()) == {"machine", "container"}

        until(both)
        for program in programs:
            with urllib.request.urlopen("http://127.0.0.1:%d/" % program.port(), timeout=30) as answer:
                assert answer.status == 200
            assert program.ours() == []
        programs[0].process.terminate()
        assert programs[0].process.wait(60) == 0
        assert [one.state for one in shared.records("web")] == ["ready"]
    finally:
        for program in programs:
            program.stop()


def test_a_service_of_one_user_reads_rules_that_another_wrote(shared: Place) -> None:
    program = served(shared, by_image(shared, SECOND), SECOND)
    try:
        until(lambda: shared.records("web"), program.said)
        rules = Path(shared.folder / "store/rules")
        shared.meshctl("rules", "apply", "-f", shared.script(RULE, "r.yaml"))
        assert [path.stat().st_uid for path in rules.glob("*.yaml")] == [0]
        until(lambda: '"rules_version": %d' % shared.engine.rules(None).version in shared.meshctl(
            "status", "-o", "json", "--state-dir", str(shared.folder / ("state-%d" % SECOND))
        ), program.said)  # fmt: skip
    finally:
        program.stop()
