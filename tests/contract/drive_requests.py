"""Drives requests: a Session, as apps use it."""

from __future__ import annotations

import concurrent.futures
import io
from typing import Any, ClassVar, FrozenSet, List, Optional, Sequence, Tuple, Union

import requests
import requests.adapters
import urllib3

from tests.contract.drivers import Ask, Driver, Reply, content

_numbers = tuple(int(part) for part in requests.__version__.split(".")[:2])
GENERATOR = ("generator",) if _numbers >= (2, 29) else ()
"""Before that release requests takes a connection from the pool and sends a body of unknown length by itself: such a
call never reaches what urllib3's hook decides, and goes where the app wrote."""


class Requests(Driver):
    """A `Session` with the adapters that the options ask for."""

    library: ClassVar[str] = "requests"
    hook: ClassVar[str] = "meshrun_hooks.urllib3"
    can: ClassVar[FrozenSet[str]] = frozenset(
        ("connect", "proxy", "limit", "retries", "file", "pickle", "threads", *GENERATOR)
    )
    session: Optional[requests.Session] = None

    def open(self) -> None:
        """Make the session."""
        self.session = requests.Session()
        self.session.trust_env = False
        if self.options.limit is not None or self.options.retries:
            retries = urllib3.Retry(
                total=self.options.retries, status_forcelist=(503,), raise_on_status=False, backoff_factor=0.01
            )
            more: Any = {"pool_maxsize": self.options.limit, "pool_block": True} if self.options.limit else {}
            self.session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries, **more))
        if self.options.proxy is not None:
            self.session.proxies = {"http": self.options.proxy, "https": self.options.proxy}
        if self.options.ca is not None:
            self.session.verify = self.options.ca

    def call(self, ask: Ask) -> Reply:
        """Request and read."""
        assert self.session is not None
        body: Any = ask.body
        if ask.form == "generator":
            body = content(ask)
        elif ask.form == "file":
            body = io.BytesIO(ask.body or b"")
        timeout: Any = None
        if self.options.connect is not None or self.options.read is not None:
            timeout = (self.options.connect, self.options.read)
        response = self.session.request(
            ask.method, ask.url, headers=ask.headers, data=body, timeout=timeout,
            allow_redirects=self.options.follow, stream=ask.stream,
        )  # fmt: skip
        data = b"".join(response.iter_content(100)) if ask.stream else response.content
        headers = tuple((name.lower(), value) for name, value in response.headers.items())
        return Reply(response.status_code, data, headers, response.url)

    def together(self, asks: Sequence[Ask]) -> List[Union[Reply, BaseException]]:
        """One thread for each."""
        with concurrent.futures.ThreadPoolExecutor(len(asks)) as pool:
            futures = [pool.submit(self.call, ask) for ask in asks]
        return [future.exception() or future.result() for future in futures]

    def close(self) -> None:
        """Close the session."""
        if self.session is not None:
            self.session.close()

    def drop(self) -> None:
        """Let go of the session."""
        self.session = None

    def pickles(self) -> Sequence[object]:
        """The session, its adapter."""
        assert self.session is not None
        return [self.session, self.session.get_adapter("http://orders/")]

    def objects(self) -> Sequence[Tuple[object, type]]:
        """The session and its adapter."""
        assert self.session is not None
        return [
            (self.session, requests.Session),
            (self.session.get_adapter("http://x/"), requests.adapters.HTTPAdapter),
        ]
