"""Which attribute of urllib3 is replaced by what."""

from __future__ import annotations

from typing import Any, Callable, List, Tuple

from urllib3 import connection, connectionpool

from . import decide, dial, idle

Seam = Tuple[Any, str, Callable[[Any], Any]]


def seams() -> List[Seam]:
    """Owner, attribute, and the function that makes the new one from the original."""
    plain, secure = connectionpool.HTTPConnectionPool, connectionpool.HTTPSConnectionPool
    return [
        (connection.HTTPConnection, "_new_conn", _bound(dial.new_conn)),
        (connection.HTTPConnection, "getresponse", _bound(dial.getresponse)),
        (plain, "close", _bound(idle.close)),
        (plain, "_put_conn", _bound(idle.put_conn)),
        (plain, "_new_conn", _bound(idle.new_conn)),
        (secure, "_new_conn", _bound(idle.new_conn)),
        (plain, "_get_conn", _bound(idle.get_conn)),
        (plain, "urlopen", decide.urlopen),
    ]


def _bound(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Call the original as a method even where another agent put a descriptor in its place before us."""

    def made(original: Any) -> Any:
        return make(decide.method(original))

    return made
