"""Drives aiohttp's client: a ClientSession, as apps use it."""

from __future__ import annotations

import io
import ssl
from typing import Any, ClassVar, FrozenSet, Optional, Sequence, Tuple

import aiohttp

from tests.contract.drive_httpx import Looped, pieces
from tests.contract.drivers import Ask, Reply


class Aiohttp(Looped):
    """A `ClientSession` with a `TCPConnector`."""

    library: ClassVar[str] = "aiohttp"
    hook: ClassVar[str] = "meshrun_hooks.aiohttp_client"
    can: ClassVar[FrozenSet[str]] = frozenset(("connect", "total", "proxy", "limit", "cancel", "file", "generator"))
    session: Optional[aiohttp.ClientSession] = None

    def open(self) -> None:
        """Make the session; it needs its loop."""
        self.run(self._open())

    async def _open(self) -> None:
        chosen = self.options
        more: Any = {} if chosen.ca is None else {"ssl": ssl.create_default_context(cafile=chosen.ca)}
        connector = aiohttp.TCPConnector(limit_per_host=chosen.limit or 0, **more)
        timeout = aiohttp.ClientTimeout(total=chosen.total, sock_connect=chosen.connect, sock_read=chosen.read)
        self.session = aiohttp.ClientSession(connector=connector, timeout=timeout)

    async def ask(self, ask: Ask) -> Reply:
        """Request and read."""
        assert self.session is not None
        body: Any = ask.body
        if ask.form == "generator":
            body = pieces(ask)
        elif ask.form == "file":
            body = io.BytesIO(ask.body or b"")
        async with self.session.request(
            ask.method, ask.url, headers=ask.headers, data=body, proxy=self.options.proxy,
            allow_redirects=self.options.follow,
        ) as response:  # fmt: skip
            if ask.stream:
                data = b"".join([piece async for piece in response.content.iter_chunked(100)])
            else:
                data = await response.read()
        headers = tuple((name.lower(), value) for name, value in response.headers.items())
        return Reply(response.status, data, headers, str(response.url))

    def close(self) -> None:
        """Close the session and the loop."""
        if self.session is not None:
            self.run(self.session.close())
        if self.loop is not None:
            self.loop.close()

    def drop(self) -> None:
        """Let go of the session and of the loop, without which nothing closes a socket."""
        self.session = None
        if self.loop is not None:
            self.loop.close()
            self.loop = None

    def objects(self) -> Sequence[Tuple[object, type]]:
        """The session and its connector."""
        assert self.session is not None
        connector = self.session.connector
        return [(self.session, aiohttp.ClientSession), (connector, aiohttp.TCPConnector)]
