"""What the tests of modes share: Policies, and waiting until a process is in a mode."""

from __future__ import annotations

import json
import shutil
import socket
from typing import Any, Callable, List, Tuple

from meshrun.engines.base import Edit
from tests.contract.running import until
from tests.e2e.place import BOUND_SECONDS, Place, Program, status_of


def policy(place: Place, mode: str, name: str = "all", **keys: Any) -> None:
    """Set a Policy."""
    more = "".join("%s: %s\n" % (key, json.dumps(value)) for key, value in keys.items())
    place.mesh.rules(("Policy/default/" + name, "kind: Policy\nname: %s\nmode: %s\n%s" % (name, mode, more)))


def no_policy(place: Place, name: str = "all") -> None:
    """Take a Policy back."""
    place.engine.apply([Edit("Policy/default/" + name, None)], "test", "test")


def in_mode(place: Place, program: Program, mode: str) -> Any:
    """Wait until the process says that it runs in a mode; its status."""
    until(lambda: status_of(place, program).get("mode") == mode, lambda: str(status_of(place, program)))
    return status_of(place, program)


def eventually(ask: Callable[[], str], wanted: str) -> None:
    """Ask until the answer is the one wanted."""
    said: List[str] = []

    def asked() -> bool:
        said.append(ask())
        return said[-1] == wanted

    until(asked, lambda: said[-1])


def ask(place: Place, program: Program, method: str, path: str, body: bytes = b"") -> Tuple[int, str]:
    """Ask a process by its admin socket: status and body."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(BOUND_SECONDS)
        asking.connect(str(place.state / ("%d.sock" % program.process.pid)))
        head = "%s %s HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % (method, path, len(body))
        asking.sendall(head.encode() + body)
        answer = b"".join(iter(lambda: asking.recv(65536), b"")).decode()
    first, _, text = answer.partition("\r\n\r\n")
    return int(first.split()[1]), text


def lose_store(place: Place) -> None:
    """Make the store one that cannot be read."""
    store = place.folder / "store"
    shutil.rmtree(store)
    store.write_text("not a folder", encoding="utf-8")
