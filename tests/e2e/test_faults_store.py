"""A store that is missing, in the way, read-only or gone: the program runs, its calls go where it sent them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Callable, Dict

import pytest

from tests.contract.running import until
from tests.e2e.place import APPS, Place, exchange, give, status_of, unprivileged

CALLER, ASKER, FRONT = str(APPS / "caller.py"), str(APPS / "asker.py"), str(APPS / "front_aiohttp.py")
REQUEST = b"GET /plain HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n"
ROUTE = "kind: Route\nname: split\nservice: stock\nrules:\n  - to: [{tags: {version: %s}}]\n"


def in_the_way(folder: Path) -> str:
    (folder / "file").write_text("not a folder")
    return "file:%s/file" % folder


def below_a_file(folder: Path) -> str:
    return in_the_way(folder) + "/store"


def a_loop(folder: Path) -> str:
    (folder / "loop").symlink_to(folder / "loop")
    return "file:%s/loop/store" % folder


WRONG: Dict[str, Callable[[Path], str]] = {
    "a file in its place": in_the_way,
    "below a file": below_a_file,
    "a link to itself": a_loop,
    "no such engine": lambda folder: "etcd9://127.0.0.1:1",
    "no scheme": str,
    "no folder": lambda folder: "file:",
    "a host": lambda folder: "file://other%s" % folder,
}


@pytest.mark.parametrize("how", WRONG)
def test_a_store_that_cannot_be_used_is_said_once_and_calls_go_where_the_app_sent_them(place: Place, how: str) -> None:
    (stock,) = place.mesh.service("stock")
    urls = ["http://%s:%d/a" % stock.address, "http://stock/b", "http://%s:%d/c" % stock.address]
    done = place.run(CALLER, *urls, STORE=WRONG[how](place.folder))
    assert done[:2] == place.run(CALLER, *urls, bare=True)[:2]
    (line,) = done.err.splitlines()
    assert line.startswith("meshrun: store: ")
    assert stock.seen[0].head.replace(b"/a", b"/c") == stock.seen[1].head
    assert all(not name.startswith("x-") for name, _ in stock.seen[0].headers)


def test_a_store_that_nobody_made_yet_is_an_empty_one(place: Place) -> None:
    store = place.folder / "new" / "store"
    done = place.run(CALLER, "http://stock/", STORE="file:%s" % store)
    assert done == place.run(CALLER, "http://stock/", bare=True)
    assert not store.parent.exists()


def test_a_client_routes_by_a_store_that_it_may_only_read(place: Place) -> None:
    prefix = unprivileged()
    for version in ("v1", "v2"):
        place.mesh.service("stock", 1, {"version": version}, label=version)
    place.meshctl("rules", "apply", "-f", place.script(ROUTE % "v1", "given.yaml"))
    store = place.folder / "store"
    for folder in (store, *(path for path in store.rglob("*") if path.is_dir())):
        folder.chmod(0o555)
    give(place.state)
    try:
        client = place.start(ASKER, prefix=prefix)
        assert {client.tell("http://stock/") for _ in range(4)} == {"v1-0"}
        # Nobody compiles what is edited now: the client does so for itself.
        (store / "rules" / "route.split.yaml").chmod(0o644)
        (store / "rules" / "route.split.yaml").write_text(ROUTE % "v2")
        until(lambda: client.tell("http://stock/") == "v2-0", client.said)
        late = place.start(ASKER, prefix=prefix)
        assert {late.tell("http://stock/") for _ in range(4)} == {"v2-0"}
        assert client.ours() == late.ours() == []
    finally:
        for folder in (store, *(path for path in store.rglob("*") if path.is_dir())):
            folder.chmod(0o755)


@pytest.mark.parametrize("missing", [False, True])
def test_a_server_that_may_not_write_the_store_serves_says_so_and_registers_when_it_may(
    place: Place, missing: bool
) -> None:
    prefix = unprivileged()
    store = place.folder / "closed" / "store" if missing else place.folder / "store"
    top = store.parent if missing else store
    top.mkdir(parents=True, exist_ok=True)
    top.chmod(0o555)
    give(place.state)
    server = place.start(FRONT, prefix=prefix, SERVICE="web", STORE="file:%s" % store)
    assert exchange(server.port(), REQUEST).endswith(b"plain")
    until(lambda: status_of(place, server).get("reason"), server.said)
    seen = status_of(place, server)
    assert "Permission denied" in seen["reason"]
    assert "uid %d" % (os.geteuid() or 65534) in seen["reason"]
    assert seen["ready"]
    assert not seen["registered"]
    (line,) = server.ours()
    assert line.startswith("meshrun: registration: ")
    assert str(store) in line
    top.chmod(0o777)
    until(lambda: status_of(place, server).get("registered"), server.said)
    assert server.ours() == [line]


@pytest.mark.slow
def test_a_store_that_is_removed_comes_back_and_nobody_fails(place: Place) -> None:
    server = place.start(FRONT, SERVICE="stock")
    place.registered(server, "stock")
    client = place.start(ASKER)
    assert client.tell("http://stock/plain") == "JSONDecodeError"  # it answers, if not in JSON
    shutil.rmtree(place.folder / "store")
    assert exchange(server.port(), REQUEST).endswith(b"plain")
    place.registered(server, "stock")
    until(lambda: client.tell("http://stock/plain") == "JSONDecodeError", client.said)
    assert server.process.poll() is None
