"""urllib3 1.26 and 2.x, and requests (2.29 and later) above it.

One call passes three rooms: `decide` asks for a decision in front of each attempt, `idle` gives it a connection of the
chosen endpoint for its place in the app's own pool, `dial` opens the TCP connection there and tells how it ended. The
app's pool keeps its host, so the names in requests, certificates, errors and logs are those that the app wrote.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Tuple

from meshrun import hook

LIBRARY = "urllib3"
SUPPORTED = (">=1.26", "<3")
VERSION = ("urllib3", "__version__")
SEAMS = (
    "urllib3.connectionpool:HTTPConnectionPool.urlopen",
    "urllib3.connectionpool:HTTPConnectionPool._get_conn",
    "urllib3.connectionpool:HTTPConnectionPool._new_conn",
    "urllib3.connectionpool:HTTPSConnectionPool._new_conn",
    "urllib3.connectionpool:HTTPConnectionPool._put_conn",
    "urllib3.connectionpool:HTTPConnectionPool.close",
    "urllib3.connection:HTTPConnection._new_conn",
    "urllib3.connection:HTTPConnection.putrequest",
    "urllib3.connection:HTTPConnection.getresponse",
)


def _seams() -> Iterable[Tuple[Any, str, Callable[[Any], Any]]]:
    from . import seams  # imports the library, which a list of hooks must not

    return seams.seams()


def _under_way() -> bool:
    from . import leaving

    return leaving.under_way()


patch, unpatch = hook.seams(_seams, ("urlopen",), _under_way)
