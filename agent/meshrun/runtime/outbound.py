"""One outgoing call: asks the core where it goes, remembers how it went. The hooks' ``Call`` lives here."""

from __future__ import annotations

from time import monotonic, time
from typing import TYPE_CHECKING, Any, Callable, FrozenSet, Optional, Sequence, Tuple

from ..core import reason as reasons
from ..core import route
from ..core.match import Facts, RequestFacts
from ..core.model import Pairs, shown
from ..telemetry.metrics import RESULTS
from .context import CURRENT
from .headers import DRAINING, Name, text
from .local import Begun

if TYPE_CHECKING:
    from .live import Live, Peer
    from .process import Process

CONNECT_CAP = 3.0
"""Seconds for one TCP connect while another instance is left (DESIGN 9.3)."""
NOBODY: FrozenSet[str] = frozenset()


class Client:
    """One client object of the app: its windows together stay below three quarters of its keep-alive limit."""

    __slots__ = ("limit", "services")

    def __init__(self, limit: Optional[int]) -> None:
        self.limit = limit
        self.services: set[str] = set()

    def window(self, service: str) -> Optional[int]:
        """The most endpoints of one service that this client may keep connections to."""
        if self.limit is None:
            return None
        self.services.add(service)
        return max(2, int(self.limit * 0.75) // len(self.services))


class Call:
    """A decided call. `address` None: dial what the app wrote; the headers are set all the same."""

    # Defaults live on the class and most calls never change them: that is cheaper than storing each of them anew.
    _tried = NOBODY
    _started: Optional[float] = None
    _given: Optional[float] = None
    _begun: Optional[Begun] = None
    decision: Optional[route.Decision] = None
    reason = ""
    address: Optional[Tuple[str, int]] = None
    endpoint: Optional[str] = None
    keepalive: Optional[float] = None
    refused: Optional[str] = None

    def __init__(
        self, process: Process, live: Live, peer: Peer, question: route.Call, present: Sequence[Tuple[str, str]]
    ) -> None:
        self._process = process
        self._live = live
        self._peer = peer
        self._question = question
        self._present = present

    def decide(self) -> bool:
        """Ask the core and take what it says; False: not ours, no instance speaks the call's protocol."""
        process = self._process
        decision = self.decision = route.decide(
            self._live.index, self._question, process.local, process.draw, time(), process.zone
        )
        self.reason = decision.reason
        instance = decision.instance
        if instance is not None:
            self.address, self.endpoint, self.keepalive = self._live.dial(instance)
            self._begun = process.local.begin(instance.id, decision.group if self._peer.wide else "")
            return True
        if decision.refused:
            self.refused = "%s: meshrun refuses the call (%s)" % (shown(decision.service), decision.reason)
        return decision.reason != reasons.PROTOCOL

    def only_colour(self, reason: str) -> None:
        """Leave the address to the app: proxies, side-cars, modes below enforce."""
        self._end()
        self.address = self.endpoint = self.keepalive = self.refused = None
        self.reason = reason

    @property
    def set_headers(self) -> Tuple[Tuple[str, str], ...]:
        """What to set on a copy of the app's headers."""
        current = CURRENT.get()
        carried = current.carried if current is not None else ()
        process = self._process
        return process.headers.outgoing(self._question.colour, carried, process.caller, self._present)

    def next(self, _error: Optional[BaseException] = None) -> bool:
        """The endpoint could not be reached and nothing was sent: leave it out for a second and move on.

        False: no other instance; the hook raises the last error as the library does.
        """
        decision = self.decision
        if decision is None or decision.instance is None:
            return False
        process = self._process
        process.local.eject(decision.instance.id, time())
        self._end()
        self._tried |= {decision.instance.id}
        other = self._other()
        if other.instance is None:
            return False
        process.count(self._peer, decision, "unsent", decision.reason)
        self.decision = other
        self.reason = reasons.RETRY
        self.address, self.endpoint, self.keepalive = self._live.dial(other.instance)
        self._begun = process.local.begin(other.instance.id, other.group if self._peer.wide else "")
        return True

    def _other(self) -> route.Decision:
        process = self._process
        tried = self._tried
        if self.decision is not None and self.decision.instance is not None:
            tried |= {self.decision.instance.id}
        return route.decide(
            self._live.index, self._question, process.local, process.draw, time(), process.zone, None, tried
        )

    def connect_timeout(self, given: Optional[float]) -> Optional[float]:
        """Seconds for the next TCP connect. All tries together stay within `given`, the app's own (None: none).

        While another instance is left, a try gets at most half of what remains and at most 3 s.
        """
        now = monotonic()
        if self._started is None:
            self._started, self._given = now, given
        remaining = None if self._given is None else max(0.001, self._given - (now - self._started))
        if self.decision is None or self.decision.instance is None or self._other().instance is None:
            return remaining
        return CONNECT_CAP if remaining is None else min(CONNECT_CAP, remaining / 2)

    def done(self, status: Optional[int] = None, headers: Any = None, error: Any = None, sent: bool = True) -> None:
        """The call ended: release it, count it, believe an instance that says it drains."""
        process, decision = self._process, self.decision
        begun = self._begun
        if begun is not None:
            self._begun = None
            process.local.end(begun)
            if headers is not None and decision is not None and decision.instance is not None and _drains(headers):
                process.local.drains(decision.instance.id, time())
        if status is not None:
            result = RESULTS.get(status, "other")
        elif error is not None and not isinstance(error, Exception):  # a cancelled task, a thrown greenlet, Ctrl-C
            result = "cancelled"
        else:
            result = "error" if sent else "unsent"
        process.count(self._peer, decision, result, self.reason)

    def __del__(self) -> None:
        if self._begun is not None:  # the app dropped its response unread: the instance must not look busy for ever
            self._end()

    def _end(self) -> None:
        begun, self._begun = self._begun, None
        if begun is not None:
            self._process.local.end(begun)


def _drains(headers: Any) -> bool:
    if isinstance(headers, (list, tuple)):
        return any(text(pair[0]).lower() == DRAINING for pair in headers)
    return DRAINING in headers


def make(process: Process) -> Callable[..., Optional[Call]]:
    """The function behind ``hook.outbound``, bound to this process."""

    def outbound(
        scheme: str, host: str, port: Optional[int], method: Name, path: Name, headers: Any,
        proxied: bool = False, client: Optional[Client] = None, protocol: str = "http",
    ) -> Optional[Call]:  # fmt: skip
        live = process.live
        if live is None or process.inline:
            live = process.refresh()
        if live is None or not process.reads:
            return None
        peer = live.hosts.get((host, port))
        if peer is None:
            peer = live.peer(host, port)
        if peer.service is None:
            next(peer.calls)
            return None
        current = CURRENT.get()
        colour = current.colour if current is not None else live.own_colour
        present = process.headers.present(headers)
        if present and (current is None or current.trusted):
            colour = process.headers.incoming(present).colour or colour
        window = client.window(peer.service) if client is not None else None
        if peer.routed:
            facts: Facts = _facts(process, host, method, path, headers, colour, peer.service)
            question = route.Call(peer.service, protocol, scheme == "https", colour, facts, window)
        else:
            question = peer.question(protocol, scheme, colour, window)
        call = Call(process, live, peer, question, present)
        if not process.routes or proxied:
            return _coloured(process, call, proxied)
        if call.decide():
            return call
        call.done()
        return None

    return outbound


def _coloured(process: Process, call: Call, proxied: bool) -> Optional[Call]:
    """A call that is not routed: by a proxy, a side-car or the mode. Below enforce it is decided and counted only."""
    ours = True
    if proxied or process.sidecar:
        call.only_colour(reasons.PROXY if proxied else reasons.MESH_SIDECAR)
    else:
        ours = call.decide()
        call.only_colour(reasons.OBSERVE)
    if ours and process.colours:
        return call
    call.done()
    return None


def _facts(
    process: Process, host: str, method: Name, path: Name, headers: Any, colour: Pairs, service: str
) -> RequestFacts:
    current = CURRENT.get()
    carried = current.carried if current is not None else ()

    def look(name: str) -> Optional[str]:
        items = headers if isinstance(headers, (list, tuple)) else headers.items() if headers else ()
        for pair in items:
            if text(pair[0]).lower() == name:
                return text(pair[1])
        for key, value in carried:
            if key == name:
                return value
        return None

    return RequestFacts(text(method), text(path), host, look, colour, process.tags, process.caller, service)
