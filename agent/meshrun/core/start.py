"""One worker's way from ready to registration: the delay, the probe, the requests that warm it."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from .rules import Lifecycle

DELAY, PROBE, PREWARM, OVER = "delay", "probe", "prewarm", "over"
PROBE_SECONDS = 5.0
"""How long a program may take to answer a probe, unless it is asked less often than that."""
PAUSE_SECONDS = 0.2
"""How long a worker sends nothing after a request that was not answered."""
SHARE = 4
"""Behind a socket that workers share the kernel chooses who answers: so many times `requests` at most for each."""


class Asked(NamedTuple):
    """A request to send now."""

    path: str
    until: float  # monotonic: when to give up


class Start:
    """It has no clock and sends nothing: `ask` says what to send, `answered` is told what came of it.

    `rule` with its `delay` filled in; `ready` and every other time is of one clock that never goes back, in seconds.
    A worker counts the requests that it serves, whoever sent them: its own are not all its own behind a shared socket.
    """

    __slots__ = ("_all", "_deadline", "_first", "_mine", "_next", "_ready", "_status", "_workers", "failed", "rule",
                 "sent", "state", "under_way")  # fmt: skip

    def __init__(self, rule: Lifecycle, ready: float) -> None:
        self.rule = rule
        self.state = DELAY
        self._ready = self._next = ready
        self._status: Optional[int] = None
        self._first: Optional[Tuple[int, int]] = None  # `_mine` and `_all` as they were when the warming began
        self._mine = self._all = 0
        self._workers = 1
        self._deadline = 0.0
        self.sent = self.failed = self.under_way = 0

    @property
    def over(self) -> bool:
        """Whether nothing is to be waited for any more."""
        return self.state == OVER

    def look(self, now: float, mine: int, everybody: int, workers: int) -> None:
        """Go on as far as the time and the counts say: requests served by this worker, by all; how many they are."""
        self._mine, self._all, self._workers = mine, everybody, max(1, workers)
        if self.state == DELAY and now >= self._ready + (self.rule.delay or 0.0):
            self.state = PROBE if self.rule.probe_path is not None else PREWARM
            self._next = now
        if self.state == PREWARM and self._first is None:
            self._first = mine, everybody
            self._deadline = now + self.rule.prewarm_timeout
        if self.state == PREWARM and (now >= self._deadline or (self._enough() and not self.under_way)):
            self.state = OVER

    def _enough(self) -> bool:
        wanted = self.rule.prewarm_requests if self.rule.prewarm_paths else 0
        if self._workers == 1 or self._first is None:
            return self.sent >= wanted
        served, of_all = self._mine - self._first[0], self._all - self._first[1]
        return served >= wanted or max(self.sent, of_all) >= SHARE * wanted * self._workers

    def ask(self, now: float, mine: int) -> Optional[Asked]:
        """The next request, or None: nothing is to be sent now. `mine` as for `look`."""
        self._mine, rule = mine, self.rule
        if now < self._next:
            return None
        if self.state == PROBE and rule.probe_path is not None and not self.under_way:
            self.under_way = 1
            return Asked(rule.probe_path, now + max(PROBE_SECONDS, rule.probe_every))
        if self.state != PREWARM or self._first is None or now >= self._deadline or self._enough():
            return None
        if self.under_way >= rule.prewarm_concurrency:
            return None
        self.sent += 1
        self.under_way += 1
        return Asked(rule.prewarm_paths[(self.sent - 1) % len(rule.prewarm_paths)], self._deadline)

    def answered(self, now: float, status: Optional[int]) -> None:
        """A request ended with that status; None: without an answer."""
        self.under_way -= 1
        self._status = status
        good = status is not None and status < 500
        if self.state == PROBE:
            self.state = PREWARM if good else PROBE
            self._next = now if good else now + self.rule.probe_every
        elif not good:
            self.failed += 1
            if status is None:
                self._next = now + PAUSE_SECONDS

    @property
    def waits(self) -> str:
        """What is waited for."""
        if self.state == DELAY:
            return "waiting for the delay"
        if self.state == PROBE:
            said = "" if self._status is None else " (the last answer was %d)" % self._status
            return "waiting for the probe of %s%s" % (self.rule.probe_path, said)
        return "being warmed: %d requests sent, %d failed" % (self.sent, self.failed)
