"""The bundle image, the company's base image and apps on it: built and run as they are documented, as non-root, on a
read-only root, with the app as PID 1."""

from __future__ import annotations

import http.client
import json
import threading
from pathlib import Path
from typing import Dict, List, Tuple

import pytest

from tests.contract.running import until
from tests.images import bases
from tests.images.tools import BUILD, Container, Ground, run

pytestmark = pytest.mark.slow
APPS = Path(__file__).resolve().parent / "apps"
SERVERS: Dict[str, List[str]] = {
    "gunicorn": ["gunicorn", "-k", "gthread", "--threads", "4", "-b", "0.0.0.0:8000", "slow:wsgi"],
    "uvicorn": ["uvicorn", "--host", "0.0.0.0", "--port", "8000", "slow:asgi"],
    "aiohttp": ["python3", "slow.py"],
}
TMPFS = ("--tmpfs", "/tmp:mode=1777,size=16m")
SLOW = ("--volume", "%s:/slow:ro" % APPS, "--workdir", "/slow")


def ask(container: Container, path: str = "/0", port: int = 8000) -> Tuple[int, str, bytes]:
    """One request on a connection of its own: status, the header Connection, body."""
    connection = http.client.HTTPConnection(container.address(), port, timeout=60)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Connection") or "", answer.read()
    finally:
        connection.close()


def ready(container: Container) -> None:
    """Wait until it is."""
    until(lambda: "not ready" not in container.meshctl("ready", status=None), container.logs)


def ids(container: Container) -> Dict[str, str]:
    """What /proc says of its PID 1."""
    lines = container.exec("cat", "/proc/1/status").splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def test_the_bundle_image_holds_the_tree_and_nothing_else(images: None, tmp_path: Path) -> None:
    look = json.loads(run("podman", "image", "inspect", bases.BUNDLE))[0]["Config"]
    assert look["User"] == "65532:65532"
    made = run("podman", "create", bases.BUNDLE, "none").strip()
    try:
        run("podman", "export", "--output", tmp_path / "image.tar", made)
    finally:
        run("podman", "rm", made)
    listed = run("tar", "--list", "--verbose", "--numeric-owner", "-f", tmp_path / "image.tar").splitlines()
    modes = {line.split(None, 5)[5].rstrip("/"): line.split(None, 1)[0] for line in listed}
    tree = bases.TREE
    wanted = {str(path.relative_to(tree)): path.is_dir() for path in tree.rglob("*")}
    assert set(wanted) <= set(modes)
    # What is left are the folders that podman makes in every container.
    left = {name.partition("/")[0] for name in set(modes) - set(wanted)}
    assert left <= {"dev", "etc", "proc", "run", "sys", "tmp", "var", "."}
    assert {modes[name] for name, folder in wanted.items() if folder} == {"dr-xr-xr-x"}
    commands = {name for name in wanted if name.startswith("bin/")}
    assert {modes[name] for name, folder in wanted.items() if not folder and name not in commands} == {"-r--r--r--"}
    assert {modes[name] for name in commands} == {"-r-xr-xr-x"}


def test_the_base_image_adds_variables_and_changes_no_command(images: None) -> None:
    before, after = (json.loads(run("podman", "image", "inspect", name))[0]["Config"]
                     for name in (bases.DEBIAN, bases.COMPANY))  # fmt: skip
    variables, old = (dict(line.split("=", 1) for line in look.get("Env") or ()) for look in (after, before))
    path = old["PATH"] + ":/opt/meshrun/bin"
    assert variables == {**old, "PYTHONPATH": "/opt/meshrun/boot", "MESHRUN_ENABLED": "1", "PATH": path}
    assert (after.get("Cmd"), after.get("Entrypoint")) == (before.get("Cmd"), before.get("Entrypoint"))
    assert after["User"] == "10001:10001"


def test_the_doctor_finds_nothing_wrong_in_the_image(ground: Ground) -> None:
    words = ("meshctl", "doctor", "gunicorn", "web:app")
    examined = ground.start(*words, MESHRUN_SERVICE="web")
    assert (examined.wait(), "no problem" in examined.logs()) == (0, True), examined.logs()


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("RUN meshctl doctor --pre gunicorn web:app\nRUN meshctl doctor gunicorn web:app", ""),
        ("ENV PYTHONPATH=/app\nRUN meshctl doctor gunicorn web:app", "MR7013"),
    ],
)
def test_the_doctor_stops_a_build_that_loses_the_variables(images: None, tmp_path: Path, lines: str, code: str) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM %s\n%s\n" % (bases.DEMO, lines), encoding="utf-8")
    said = run("buildah", "bud", *BUILD, "-f", file, tmp_path, status=None)
    assert ("no problem" in said, "exit status 1" in said) == (not code, bool(code)), said
    assert code in said


@pytest.mark.parametrize("server", sorted(SERVERS))
def test_a_stop_is_drained_and_ends_as_without_us(ground: Ground, server: str) -> None:
    bare = ground.start(*SERVERS[server], options=(*TMPFS, *SLOW), MESHRUN_ENABLED="0")
    settings = {"MESHRUN_SERVICE": "web", "MESHRUN_DRAIN_SECONDS": "30", "MESHRUN_PROBE": "0.0.0.0:55199"}
    app = ground.start(*SERVERS[server], options=(*TMPFS, *SLOW), **settings)
    ready(app)
    until(lambda: ask(app, "/readiness", 55199)[0] == 200, app.logs)
    seen = ids(app)
    assert seen["Uid"].split() == ["10001"] * 4
    assert (int(seen["CapEff"], 16), seen["NoNewPrivs"]) == (0, "1")
    assert SERVERS[server][0] in app.exec("cat", "/proc/1/cmdline")
    [instance] = json.loads(app.meshctl("status", "-o", "json"))["instances"]
    assert (instance["service"], instance["address"], instance["port"]) == ("web", app.address(), 8000)
    answers: List[Tuple[int, str, bytes]] = []
    asking = threading.Thread(target=lambda: answers.append(ask(app, "/8")))
    asking.start()
    until(lambda: _inflight(app) == 1, app.logs)
    app.signal()
    assert "draining" in app.meshctl("ready", status=1)
    assert ask(app, "/readiness", 55199)[0] == 503
    late = ask(app)
    assert (late[0], late[1].lower(), late[2]) == (200, "close", b"done")
    assert "ready" not in [one["state"] for one in json.loads(app.meshctl("status", "-o", "json"))["instances"]]
    asking.join()
    assert [(status, body) for status, _, body in answers] == [(200, b"done")]
    until(lambda: ask(bare)[0] == 200, bare.logs)
    bare.signal()
    assert app.wait() == bare.wait(), app.logs()
    assert _said(app) == []


def _inflight(app: Container) -> int:
    processes = json.loads(app.meshctl("status", "-o", "json"))["processes"]
    return max((process["inflight"] or 0 for process in processes), default=0)


def _said(app: Container) -> List[str]:
    """Our own lines in its log."""
    return [line for line in app.logs().splitlines() if line.startswith("meshrun: ")]


def test_without_a_writable_folder_it_serves_and_says_so_once(ground: Ground) -> None:
    app = ground.start(*SERVERS["uvicorn"], options=SLOW, MESHRUN_SERVICE="web")
    until(lambda: _answers(app), app.logs)
    [line] = until(lambda: _said(app), app.logs)
    assert "no state folder" in line
    app.signal()
    app.wait()


def _answers(app: Container) -> bool:
    try:
        return ask(app)[0] == 200
    except OSError:
        return False


OURS = {"PYTHONPATH": "/opt/meshrun/boot", "MESHRUN_ENABLED": "1", "MESHRUN_SERVICE": "web"}


def test_an_init_container_fills_a_volume_whole_and_may_run_again(ground: Ground) -> None:
    run("podman", "volume", "create", ground.name + "-tree")
    try:
        volume = "%s-tree:/target" % ground.name
        own = ("run", "--rm", "--user", "0", "--volume", volume, bases.DEBIAN, "sh", "-c")
        run("podman", *own, "chmod 0777 /target")  # as an emptyDir is
        copy = ("run", "--rm", "--read-only", "--cap-drop", "ALL", "--volume", volume, bases.COPY)
        version = (bases.TREE / "VERSION").read_text(encoding="utf-8")
        assert run("podman", *copy) == version
        assert run("podman", *copy) == version
        # Killed half-way: what is there has not its name yet.
        run("podman", *own, "mv /target/meshrun /target/.meshrun")
        assert run("podman", *copy) == version
        options = (*TMPFS, *SLOW, "--volume", "%s-tree:/opt/agent:ro" % ground.name, "--user", "10001:10001")
        app = ground.start(
            *SERVERS["uvicorn"], image=bases.PLAIN, options=options, **{**OURS, "PYTHONPATH": "/opt/agent/meshrun/boot"}
        )  # fmt: skip
        ready(app)
        assert "/opt/agent/meshrun/lib/" in app.exec("python3", "-c", "import meshrun; print(meshrun.__file__)")
    finally:
        ground.close()
        run("podman", "volume", "rm", "--force", ground.name + "-tree", status=None)


def test_an_image_volume_needs_no_copy(ground: Ground) -> None:
    mount = "type=image,source=%s,destination=/opt/meshrun" % bases.BUNDLE
    app = ground.start(
        *SERVERS["uvicorn"],
        image=bases.PLAIN,
        options=(*TMPFS, *SLOW, "--mount", mount),
        **OURS,
    )
    ready(app)
    assert "/opt/meshrun/lib/" in app.exec("python3", "-c", "import meshrun; print(meshrun.__file__)")
    assert app.exec("sh", "-c", "touch /opt/meshrun/lib/x", status=None)
