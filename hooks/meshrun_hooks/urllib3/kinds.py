"""Which pools and connections open their socket through our seam, and the parts of a URL."""

from __future__ import annotations

from typing import Any, Optional, Set, Tuple

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.url import parse_url

PLAIN: Set[type] = {HTTPConnectionPool, HTTPSConnectionPool, HTTPConnection, HTTPSConnection}
"""Classes of pools and connections that open their sockets as the library does."""

_OWN = frozenset(PLAIN)
_MAX_KINDS = 256


def dials(pool: type, connection: Any) -> bool:
    """Whether this pool with connections of this class opens its sockets in the library's own way.

    Those of SOCKS proxies, Unix sockets, recorders and browsers do not: their calls are left untouched.
    """
    return _known(pool, HTTPConnectionPool, ("_get_conn", "_new_conn", "_put_conn")) and _known(
        connection, HTTPConnection, ("connect", "_new_conn")
    )


def _known(kind: Any, base: type, names: Tuple[str, ...]) -> bool:
    if kind in PLAIN:
        return True
    if not isinstance(kind, type) or not issubclass(kind, base) or not all(_reaches(kind, name) for name in names):
        return False
    if len(PLAIN) < _MAX_KINDS:
        PLAIN.add(kind)
    return True


def _reaches(kind: type, name: str) -> bool:
    """Whether the method of a subclass ends up in the library's: code that does so names ``super`` or the dial."""
    for owner in kind.__mro__:
        if name not in vars(owner):
            continue
        if owner in _OWN:
            return True
        names = getattr(getattr(vars(owner)[name], "__code__", None), "co_names", ())
        if "super" not in names and "_new_conn" not in names:
            return False
    return True  # inherited from http.client, as by HTTPConnection itself in some versions


def parts(url: str) -> Tuple[Optional[str], Optional[str], Optional[int], str]:
    """Scheme, host, port and path with query; only a path where the URL is one."""
    if url.startswith("/"):
        return None, None, None, url
    parsed = parse_url(url)
    return parsed.scheme, parsed.host, parsed.port, parsed.request_uri
