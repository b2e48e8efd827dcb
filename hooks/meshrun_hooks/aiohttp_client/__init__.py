"""aiohttp's client: a call is decided when it reaches a `TCPConnector`; the endpoint is part of the connection's key.

A `ClientSession`, its connector and its requests stay the app's. Unix and pipe connectors, and what never reaches a
connector, are left alone. `SOCKS` and other connectors that make connections in their own way are coloured, not routed.
"""

from __future__ import annotations

from typing import Any, Callable, List, Tuple

from meshrun import hook

LIBRARY = "aiohttp"
SUPPORTED = (">=3.8", "<4")
VERSION = ("aiohttp", "__version__")
SEAMS = (
    "aiohttp.connector:BaseConnector.connect",
    "aiohttp.connector:TCPConnector._create_connection",
    "aiohttp.connector:TCPConnector._resolve_host",
    "aiohttp.client_reqrep:ClientResponse.start",
)


def _seams() -> List[Tuple[Any, str, Callable[[Any], Any]]]:
    from aiohttp import client_reqrep, connector

    from . import connect, dial, outcome

    return [
        (connector.BaseConnector, "connect", connect.make_connect),
        (connector.TCPConnector, "_create_connection", dial.make_create_connection),
        (connector.TCPConnector, "_resolve_host", dial.make_resolve_host),
        (client_reqrep.ClientResponse, "start", outcome.make_start),
    ]


patch, unpatch = hook.seams(_seams, ("connect",), hook.calls_under_way)
