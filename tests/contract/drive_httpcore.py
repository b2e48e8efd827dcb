"""Drives httpcore without httpx above it: a ConnectionPool, as other libraries use it."""

from __future__ import annotations

import concurrent.futures
import io
import ssl
import urllib.parse
from typing import Any, ClassVar, Dict, FrozenSet, List, Optional, Sequence, Tuple, Union

import httpcore

from tests.contract.drivers import Ask, Driver, Reply, content


class Httpcore(Driver):
    """A `ConnectionPool`, or an `HTTPProxy` where the options name a proxy. Redirects are followed by hand."""

    library: ClassVar[str] = "httpcore"
    hook: ClassVar[str] = "meshrun_hooks.httpcore"
    can: ClassVar[FrozenSet[str]] = frozenset(("connect", "proxy", "file", "generator", "threads"))
    pool: Optional[Any] = None

    def open(self) -> None:
        """Make the pool."""
        more: Dict[str, Any] = {"keepalive_expiry": 5.0}
        if self.options.ca is not None:
            more["ssl_context"] = ssl.create_default_context(cafile=self.options.ca)
        if self.options.proxy is not None:
            self.pool = httpcore.HTTPProxy(self.options.proxy, **more)
        else:
            self.pool = httpcore.ConnectionPool(**more)

    def call(self, ask: Ask) -> Reply:
        """Request and read."""
        result = self._one(ask)
        while self.options.follow and result.status == 302:
            location = dict(result.headers)["location"]
            ask = Ask(urllib.parse.urljoin(ask.url, location), stream=ask.stream)
            result = self._one(ask)
        return result

    def _one(self, ask: Ask) -> Reply:
        assert self.pool is not None
        body: Any = ask.body
        if ask.form == "generator":
            body = content(ask)
        elif ask.form == "file":
            body = io.BytesIO(ask.body or b"")
        timeout = {"connect": self.options.connect, "read": self.options.read}
        extensions = {"timeout": {key: value for key, value in timeout.items() if value is not None}}
        opened = self.pool.stream(ask.method, ask.url, headers=ask.headers, content=body, extensions=extensions)
        with opened as response:
            data = b"".join(response.iter_stream()) if ask.stream else response.read()
        headers = tuple((name.decode().lower(), value.decode()) for name, value in response.headers)
        return Reply(response.status, data, headers, ask.url)

    def together(self, asks: Sequence[Ask]) -> List[Union[Reply, BaseException]]:
        """One thread for each."""
        with concurrent.futures.ThreadPoolExecutor(len(asks)) as pool:
            futures = [pool.submit(self.call, ask) for ask in asks]
        return [future.exception() or future.result() for future in futures]

    def close(self) -> None:
        """Close the pool."""
        if self.pool is not None:
            self.pool.close()

    def drop(self) -> None:
        """Let go of the pool."""
        self.pool = None

    def objects(self) -> Sequence[Tuple[object, type]]:
        """The pool."""
        assert self.pool is not None
        return [(self.pool, httpcore.ConnectionPool)]
