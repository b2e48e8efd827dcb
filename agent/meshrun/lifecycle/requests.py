"""The requests of one process: how many are under way, how many there were, and whether they are told of a drain."""

from __future__ import annotations

import time
from itertools import count
from typing import Callable, List, Optional

from ..core.timeline import TOLD
from .lasting import Lasting
from .page import IDLE, INFLIGHT, REQUESTS, Page, private_row


class Requests:
    """Each request calls `enter`, `leave` and `draining`."""

    def __init__(self) -> None:
        self._page: Optional[Page] = None
        self.unfinished: Optional[Callable[[], int]] = None  # of a server whose responses outlast their requests
        self._flags = memoryview(bytes(1))
        self.begin()

    def begin(self) -> None:
        """A process begins: whatever was served before, its parent has served."""
        self.lasting = Lasting()
        self._number = count(1).__next__
        self._calls: List[None] = []
        self._row = private_row()

    @property
    def draining(self) -> bool:
        """True from the first stop signal, or from ``offline``, on: responses end keep-alive."""
        return self._flags[0] != IDLE

    def enter(self) -> None:
        """A request begins."""
        calls, row = self._calls, self._row
        calls.append(None)
        row[INFLIGHT] = len(calls)
        row[REQUESTS] = self._number()

    def leave(self) -> None:
        """A request ended, with all of its response."""
        calls = self._calls
        if calls:
            calls.pop()
            self._row[INFLIGHT] = len(calls)

    def settle(self) -> None:
        """Write the count of requests in flight again.

        The length of the list is exact, for append and pop are single operations of the interpreter; but of two
        threads that write it down, the later one may write the older length.
        """
        unfinished = self.unfinished
        self._row[INFLIGHT] = len(self._calls) if unfinished is None else max(len(self._calls), unfinished())

    def told(self) -> None:
        """A response says to a caller that the instance drains."""
        if self._page is not None:
            self._page.note(TOLD, time.time())
