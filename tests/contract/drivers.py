"""What the client contract needs of a library: one small driver per library, run in a process of its own.

A driver is plain app code: it imports nothing of ours and uses the library as an app does. Drivers of asynchronous
libraries run their own event loop inside and look synchronous from here.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from typing import Any, ClassVar, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

DRIVERS = {
    "urllib3": "tests.contract.drive_urllib3:Urllib3",
    "requests": "tests.contract.drive_requests:Requests",
    "httpx": "tests.contract.drive_httpx:Httpx",
    "httpx_async": "tests.contract.drive_httpx:HttpxAsync",
    "httpcore": "tests.contract.drive_httpcore:Httpcore",
    "aiohttp": "tests.contract.drive_aiohttp:Aiohttp",
}
"""Name of a driver -> where it is."""


class Options(NamedTuple):
    """How the app makes its client. A driver ignores what its library has no word for and leaves it out of `can`."""

    connect: Optional[float] = None  # seconds for a connect; None: the app set none
    read: Optional[float] = None  # seconds for a read; None: the app set none
    total: Optional[float] = None  # seconds for the whole call; None: the app set none
    ca: Optional[str] = None  # file with the authority that signs the servers' certificates
    proxy: Optional[str] = None  # URL of a forward proxy for every call
    limit: Optional[int] = None  # connections in use at once to one service (as far as the library counts by host)
    retries: int = 0  # the library's own retries, of failed connects and of answers with status 503
    follow: bool = False  # follow redirects


class Ask(NamedTuple):
    """One request of the app."""

    url: str
    method: str = "GET"
    headers: Any = None  # handed to the library as it is
    body: Optional[bytes] = None
    form: str = "bytes"  # how the body is handed over: bytes | generator | file
    stream: bool = False  # read the response in pieces, after the head


class Reply(NamedTuple):
    """One response as the app sees it."""

    status: int
    body: bytes
    headers: Tuple[Tuple[str, str], ...]  # names in lower case
    url: str  # what the library says it fetched, redirects followed


class Driver(ABC):
    """One client object of one library."""

    library: ClassVar[str]
    """Import name of the library that the hook patches."""
    hook: ClassVar[str]
    """Module of the hook."""
    can: ClassVar[FrozenSet[str]] = frozenset()
    """What the library can do at all: connect total proxy limit retries cancel file generator threads pickle."""

    def __init__(self, options: Options = Options()) -> None:  # noqa: B008 -- immutable
        self.options = options

    @abstractmethod
    def open(self) -> None:
        """Make the client."""

    @abstractmethod
    def call(self, ask: Ask) -> Reply:
        """Send one request and read the response; raises what the library raises."""

    @abstractmethod
    def together(self, asks: Sequence[Ask]) -> List[Union[Reply, BaseException]]:
        """Send all at the same time on the one client."""

    def cancelled(self, ask: Ask, after: float) -> None:
        """Start a request, cancel it `after` seconds, wait until it is gone. Only where `can` has ``cancel``."""
        raise NotImplementedError

    @abstractmethod
    def close(self) -> None:
        """Close the client as an app does."""

    @abstractmethod
    def drop(self) -> None:
        """Forget the client without closing it."""

    def pickles(self) -> Sequence[object]:
        """Objects that an app pickles, the client in use among them."""
        return ()

    def objects(self) -> Sequence[Tuple[object, type]]:
        """Objects that an app holds while it uses the client, each with the class that it must be an instance of."""
        return ()


def content(ask: Ask) -> Iterator[bytes]:
    """The body of `ask` in pieces, for drivers that hand over a generator."""
    body = ask.body or b""
    for start in range(0, len(body), 4):
        yield body[start : start + 4]


def load(name: str) -> type[Driver]:
    """The driver class of that name."""
    module, _, attribute = DRIVERS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]
