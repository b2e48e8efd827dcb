"""When a stop is over: from the signal, or an operator's wish, to the moment when the app's own handler may run."""

from __future__ import annotations

from typing import Optional

IDLE, DRAINING, DELIVER = "idle", "draining", "deliver"
"""No stop was asked for; keep serving; hand the signal to the app now. The last is final."""

ECHO_SECONDS = 0.5
"""A signal this soon after the first is the same one: a loop's handler and Python's can both fire for it."""


class Stop:
    """One stop. It has no clock of its own: each event brings the time, in seconds of one clock that never goes back.

    It delivers after ``max(min, nothing in flight for quiet)``, but ``seconds`` after it was asked for at the latest.
    Nothing in flight means that every sample since then saw no request under way and no request that came and went
    between two samples. Each event answers the state after it.
    """

    __slots__ = ("_began", "_busy", "_deadline", "_inflight", "_minimum", "_quiet", "_requests", "_signalled", "state")

    def __init__(self) -> None:
        self.state = IDLE
        self._began = self._busy = self._deadline = self._minimum = self._quiet = 0.0
        self._signalled: Optional[float] = None
        self._requests: Optional[int] = None
        self._inflight = 1  # until a sample says otherwise

    def asked(self, now: float, seconds: float, quiet: float, minimum: float, *, signal: bool = True) -> str:
        """Begin, for a signal or (`signal` False) for an operator. Asked once more, it goes on as it was."""
        if self.state == IDLE:
            self.state = DRAINING
            self._began = self._busy = now
            self._deadline = now + seconds
            self._quiet, self._minimum = quiet, minimum
            self._signalled = now if signal else None
        return self._at(now)

    def sample(self, now: float, inflight: int, requests: int) -> str:
        """A look at all workers: requests under way, and how many were begun since the process started."""
        if inflight > 0 or (self._requests is not None and requests != self._requests):
            self._busy = now
        self._requests, self._inflight = requests, inflight
        return self._at(now)

    def signalled_again(self, now: float) -> str:
        """A signal came during the stop. Later than an echo of the first one, it means: at once."""
        if self._signalled is None:
            self._signalled = now
        elif self.state == DRAINING and now - self._signalled > ECHO_SECONDS:
            self.state = DELIVER
        return self._at(now)

    def _at(self, now: float) -> str:
        if self.state == DRAINING:
            calm = self._inflight <= 0 and now - self._busy >= self._quiet
            if (calm and now - self._began >= self._minimum) or now >= self._deadline:
                self.state = DELIVER
        return self.state
