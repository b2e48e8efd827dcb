"""Which attribute of urllib3 is replaced by what."""

from __future__ import annotations

from typing import Any, Callable, List, Tuple

from urllib3 import connection, connectionpool

from . import decide, dial, headers, idle

Seam = Tuple[Any, str, Callable[[Any], Any]]


def seams() -> List[Seam]:
    """Owner, attribute, and the function that makes the new one from the original."""
    plain, secure = connectionpool.HTTPConnectionPool, connectionpool.HTTPSConnectionPool
    listed: List[Seam] = [
        (connection.HTTPConnection, "_new_conn", dial.new_conn),
        (connection.HTTPConnection, "putrequest", dial.putrequest),
        (connection.HTTPConnection, "getresponse", dial.getresponse),
        (plain, "close", idle.close),
        (plain, "_put_conn", idle.put_conn),
        (plain, "_new_conn", idle.new_conn),
        (secure, "_new_conn", idle.new_conn),
        (plain, "_get_conn", idle.get_conn),
        (plain, "urlopen", decide.urlopen),
    ]
    shared = decide.shared(connectionpool)
    headers.write_apart(allowed=not shared)
    if shared and hasattr(plain, "_make_request"):
        listed.append((plain, "_make_request", decide.make_request))
    return listed
