"""Drives urllib3: a PoolManager, as apps use it."""

from __future__ import annotations

import concurrent.futures
import io
from typing import Any, ClassVar, FrozenSet, List, Optional, Sequence, Tuple, Union

import urllib3

from tests.contract.drivers import Ask, Driver, Reply, content


class Urllib3(Driver):
    """A `PoolManager`, or a `ProxyManager` where the options name a proxy."""

    library: ClassVar[str] = "urllib3"
    hook: ClassVar[str] = "meshrun_hooks.urllib3"
    can: ClassVar[FrozenSet[str]] = frozenset(
        ("connect", "total", "proxy", "limit", "retries", "file", "generator", "threads")
    )
    manager: Optional[Any] = None

    def open(self) -> None:
        """Make the manager."""
        chosen = self.options
        more: Any = {}
        if chosen.connect is not None or chosen.read is not None or chosen.total is not None:
            more["timeout"] = urllib3.Timeout(connect=chosen.connect, read=chosen.read, total=chosen.total)
        if chosen.ca is not None:
            more["ca_certs"] = chosen.ca
        if chosen.limit is not None:
            more.update(maxsize=chosen.limit, block=True)
        else:
            more.update(maxsize=10)
        if chosen.proxy is not None:
            self.manager = urllib3.ProxyManager(chosen.proxy, **more)
        else:
            self.manager = urllib3.PoolManager(**more)

    def call(self, ask: Ask) -> Reply:
        """Request and read."""
        assert self.manager is not None
        body: Any = ask.body
        if ask.form == "generator":
            body = content(ask)
        elif ask.form == "file":
            body = io.BytesIO(ask.body or b"")
        retries = urllib3.Retry(
            total=None, connect=self.options.retries, read=0, other=0,
            status=self.options.retries, status_forcelist=(503,),
            redirect=5 if self.options.follow else 0, raise_on_status=False, backoff_factor=0.01,
        )  # fmt: skip
        response = self.manager.request(
            ask.method, ask.url, headers=ask.headers, body=body, redirect=self.options.follow, retries=retries,
            preload_content=not ask.stream,
        )  # fmt: skip
        data = b"".join(response.stream(100)) if ask.stream else response.data
        headers = tuple((name.lower(), value) for name, value in response.headers.items())
        return Reply(response.status, data, headers, response.geturl() or ask.url)

    def together(self, asks: Sequence[Ask]) -> List[Union[Reply, BaseException]]:
        """One thread for each."""
        with concurrent.futures.ThreadPoolExecutor(len(asks)) as pool:
            futures = [pool.submit(self.call, ask) for ask in asks]
        return [future.exception() or future.result() for future in futures]

    def close(self) -> None:
        """Clear the manager, which closes its pools."""
        if self.manager is not None:
            for key in list(self.manager.pools.keys()):
                self.manager.pools[key].close()
            self.manager.clear()

    def drop(self) -> None:
        """Let go of the manager."""
        self.manager = None

    def objects(self) -> Sequence[Tuple[object, type]]:
        """The manager and a pool."""
        assert self.manager is not None
        pool = self.manager.connection_from_url("http://orders/")
        return [(self.manager, urllib3.PoolManager), (pool, urllib3.HTTPConnectionPool)]
