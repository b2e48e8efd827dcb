"""Which pools and connections open their socket through our seam, and the parts of a URL."""

from __future__ import annotations

from typing import Any, Optional, Set, Tuple

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

PLAIN: Set[type] = {HTTPConnectionPool, HTTPSConnectionPool, HTTPConnection, HTTPSConnection}
"""Classes of pools and connections that open their sockets through our seam."""
ODD: Set[Any] = set()
"""Classes met on a call to the mesh that do not: those of SOCKS proxies, Unix sockets, recorders, browsers."""

ENDS = ("/", "?", "#", "\\")
"""What ends the authority of a URL; the backslash too, which urllib3 takes for the first letter of the path."""
OWN = frozenset(PLAIN)
"""The library's own."""
DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_KINDS = 256


def dials(pool: Any) -> bool:
    """Whether this pool opens its sockets in the library's own way; if not, its calls are left untouched."""
    kind, connection = type(pool), pool.ConnectionCls
    return (kind in PLAIN or _known(kind, HTTPConnectionPool, ("_get_conn", "_new_conn", "_put_conn"))) and (
        connection in PLAIN or _known(connection, HTTPConnection, ("connect", "_new_conn"))
    )


def own(pool: Any) -> bool:
    """Whether pool and connections are of the library's own classes, without code of the app in them."""
    return type(pool) in OWN and pool.ConnectionCls in OWN


def _known(kind: Any, base: type, names: Tuple[str, ...]) -> bool:
    if kind in ODD:
        return False
    fits = isinstance(kind, type) and issubclass(kind, base) and all(_reaches(kind, name) for name in names)
    kinds = PLAIN if fits else ODD
    if len(kinds) < _MAX_KINDS:
        kinds.add(kind)
    return fits


def _reaches(kind: type, name: str) -> bool:
    """Whether the method of a subclass ends up in the library's: code that does so names ``super`` or the dial."""
    for owner in kind.__mro__:
        if name not in vars(owner):
            continue
        if owner in OWN:
            return True
        names = getattr(getattr(vars(owner)[name], "__code__", None), "co_names", ())
        if "super" not in names and "_new_conn" not in names:
            return False
    return True  # inherited from http.client, as by HTTPConnection itself in some versions


def parts(url: str) -> Tuple[str, str, Optional[int], str]:
    """Scheme, host, port and path with query, as far as they can be read; scheme and host are empty for a mere path.

    Cheap, because every call through a proxy comes here.
    """
    if url.startswith("/"):
        return "", "", None, url
    scheme, _, rest = url.partition("://")
    end = min((place for place in map(rest.find, ENDS) if place >= 0), default=len(rest))
    authority = rest[:end].rpartition("@")[2]
    host, colon, port = authority.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = authority, ""
    number = int(port) if port.isdigit() else DEFAULT_PORTS.get(scheme.lower())
    return scheme.lower(), host.strip("[]").lower(), number, rest[end:] or "/"
