"""Settings that cannot be read, state folders that cannot be used, commands that cannot be run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

from tests.contract.mesh import ROOT
from tests.contract.running import until
from tests.e2e.place import APPS, Place, exchange, status_of

CALLER, ASKER, FRONT = str(APPS / "caller.py"), str(APPS / "asker.py"), str(APPS / "front_aiohttp.py")
REQUEST = b"GET /plain HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n"

GARBAGE: Dict[str, str] = {
    "NAMESPACE": "my/space",
    "SERVICE": "my service\r\nX-Evil: 1",
    "TAGS": "lane",
    "LANE": "\N{SNOWMAN}",
    "ADDRESS": "here",
    "PORT": "\N{SUPERSCRIPT TWO}",
    "PORTS": "http=80",
    "MODE": "on",
    "ENTRY": "maybe",
    "TRUST": "10.0.0.0/33",
    "WIRE_READ": "morse",
    "COLOUR_KEYS": "a b",
    "CARRY": "*",
    "DRAIN_SECONDS": "nan",
    "WARMUP_SECONDS": "-1",
    "REGISTER_DELAY": "soon",
    "HOOKS": "urlib",
    "SERVCE": "web",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_a_setting_that_cannot_be_read_is_warned_about_once_and_the_app_runs(place: Place, name: str) -> None:
    (stock,) = place.mesh.service("stock")
    urls = ["http://%s:%d/" % stock.address] * 2
    given: Any = {name: GARBAGE[name]}
    done = place.run(CALLER, *urls, "http://nobody/", **given)
    assert done[:2] == place.run(CALLER, *urls, "http://nobody/", bare=True)[:2]
    (line,) = done.err.splitlines()
    assert line.startswith("meshrun: ")
    assert "MESHRUN_" + name in line


def test_all_of_them_at_once_are_one_warning_each(place: Place) -> None:
    (stock,) = place.mesh.service("stock")
    some: Any = {name: value for name, value in GARBAGE.items() if name != "HOOKS"}
    done = place.run(CALLER, "http://%s:%d/" % stock.address, "http://stock/", **some)
    assert done.out == "http://%s:%d/ 200 stock-0\nhttp://stock/ 200 stock-0\n" % stock.address
    assert len(done.said) == len(some)
    for name in some:
        assert len([line for line in done.said if re.search("MESHRUN_%s[,:]" % name, line)]) == 1, done.err
    assert all(call.header("x-evil") == [] for call in stock.seen)
    assert stock.seen[1].header("x-meshrun-caller") == ["-"]


def test_settings_that_are_empty_are_settings_that_are_not_there(place: Place) -> None:
    place.mesh.service("stock")
    empty: Any = {name: "" for name in GARBAGE if name != "SERVCE"}
    done = place.run(CALLER, "http://stock/", **empty)
    assert done == (0, "http://stock/ 200 stock-0\n", "")


@pytest.mark.parametrize(("name", "value"), [("TAGS", "lane=gray,owner"), ("LANE", "gray lane"), ("NAMESPACE", "a b")])
def test_a_server_whose_place_in_the_mesh_cannot_be_read_takes_no_call_of_it(
    place: Place, name: str, value: str
) -> None:
    """As baseline, a gray instance with a mistyped tag would get plain requests."""
    given: Any = {"SERVICE": "web", name: value}
    server = place.start(FRONT, **given)
    assert exchange(server.port(), REQUEST).endswith(b"plain")
    until(lambda: status_of(place, server).get("reason"), server.said)
    seen = status_of(place, server)
    assert (seen["reason"], seen["registered"]) == ("MESHRUN_%s cannot be read" % name, False)
    assert place.records() == []
    assert "MESHRUN_%s cannot be read" % name in place.meshctl("status", status=1)


def config(text: Any) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "- a\n- b\n",
        "!!python/object/apply:os._exit [3]",
        b"service: \xff",
        "a: &a [*a]",
        "servce: web",
        "[" * 5000,
    ],
)
def test_a_settings_file_that_cannot_be_read_is_warned_about_once_and_the_app_runs(place: Place, text: Any) -> None:
    place.mesh.service("stock")
    path = place.folder / "meshrun.yaml"
    path.write_bytes(config(text))
    done = place.run(CALLER, "http://stock/", CONFIG=str(path))
    assert done[:2] == (0, "http://stock/ 200 stock-0\n")
    (line,) = done.err.splitlines()
    assert line.startswith("meshrun: settings: ")
    assert "meshrun.yaml" in line


def test_a_settings_file_that_is_missing_is_warned_about_once(place: Place) -> None:
    place.mesh.service("stock")
    done = place.run(CALLER, "http://stock/", CONFIG=str(place.folder / "nowhere.yaml"))
    assert done[:2] == (0, "http://stock/ 200 stock-0\n")
    (line,) = done.err.splitlines()
    assert "nowhere.yaml" in line


def test_a_state_folder_with_a_long_path_is_one_like_any_other(place: Place) -> None:
    """A socket's address has room for 107 bytes."""
    place.state = place.folder / ("x" * 100) / ("y" * 100)
    server = place.start(FRONT, SERVICE="web")
    place.registered(server)
    until(lambda: status_of(place, server), server.said)
    assert place.meshctl("status").count("registered") == 1
    assert server.ours() == []
    server.process.terminate()
    server.process.wait(60)
    assert list(place.state.iterdir()) == []


def foreign(place: Place) -> Path:
    folder = place.folder / "foreign"
    folder.mkdir()
    if os.geteuid():
        return Path("/")
    os.chown(folder, 65534, 65534)
    return folder


def in_the_way(place: Place) -> Path:
    (place.folder / "file").write_text("")
    return place.folder / "file"


def a_link(place: Place) -> Path:
    (place.folder / "mine").mkdir()
    (place.folder / "link").symlink_to(place.folder / "mine")
    return place.folder / "link"


@pytest.mark.parametrize("where", [foreign, in_the_way, a_link])
def test_a_state_folder_that_is_not_ours_is_not_used_and_said_once(place: Place, where: Any) -> None:
    place.mesh.service("stock")
    place.state = where(place)
    before = sorted(place.folder.rglob("*"))
    server = place.start(FRONT, SERVICE="web")
    place.registered(server)  # alone it needs no lock to know who registers
    client = place.run(CALLER, "http://stock/")
    assert client[:2] == (0, "http://stock/ 200 stock-0\n")
    for lines in (client.said, server.ours()):
        (line,) = lines
        assert line.startswith("meshrun: no state folder: %s " % place.state)
    assert [path for path in sorted(place.folder.rglob("*")) if place.state in path.parents] == [
        path for path in before if place.state in path.parents
    ]


def test_workers_without_a_state_folder_serve_and_say_why_they_do_not_register(place: Place) -> None:
    place.state = in_the_way(place)
    words = ("-m", "gunicorn", "-b", "127.0.0.1:0", "--no-control-socket", "--chdir", str(APPS), "front_wsgi")
    server = place.start(*words, SERVICE="web", DRAIN_SECONDS="0")
    assert exchange(server.port(), REQUEST).endswith(b"plain")
    until(server.ours, server.said)
    assert place.records() == []
    server.process.terminate()
    assert server.process.wait(60) == 0


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["no-such-program"], 127, "no-such-program: command not found"),
        ([], 2, "no command"),
        (["--lane", "gray lane", "true"], 2, "--lane 'gray lane': expected"),
        (["--port", "\N{SUPERSCRIPT TWO}", "true"], 2, "expected a port"),
        (["--port", "9" * 5000, "true"], 2, "expected a port"),
        (["--nonsense", "true"], 2, "unknown option --nonsense"),
        (["--config", "/nowhere/meshrun.yaml", "true"], 2, "there is no such file"),
        (["."], 126, "is a directory"),
        ([""], 127, "cannot be a command"),
    ],
)
def test_a_command_that_cannot_be_run_says_why_with_the_status_of_a_shell(
    place: Place, words: Any, status: int, says: str
) -> None:
    environ = place.environ(bare=True, pythonpath=str(ROOT / "agent"))
    done = subprocess.run(
        [sys.executable, "-m", "meshrun.boot.launcher", *words], env=environ, cwd=str(place.folder), check=False,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("meshrun: ")
    assert says in done.stderr
