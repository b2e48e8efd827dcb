"""One outgoing call: asks the core where it goes, remembers how it went. The hooks' ``Call`` lives here."""

from __future__ import annotations

from operator import attrgetter
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Dict, FrozenSet, Optional, Sequence, Tuple, Union

from .. import _guard
from ..core import reason as reasons
from ..core import route
from ..core.match import RequestFacts
from ..core.model import Instance, Pairs, shown
from .context import CURRENT
from .headers import DRAINING, Name, name_of, text
from .live import Asked
from .tallies import UNSENT, outcome, unanswered

if TYPE_CHECKING:
    from itertools import count

    from .leg import Leg
    from .live import Key, Live, Peer
    from .process import Process

CONNECT_CAP = 3.0
"""Seconds for one TCP connect while another instance is left (DESIGN 9.3)."""
_DRAINING_SIZE = len(DRAINING)
NOBODY: FrozenSet[str] = frozenset()
NOTHING_CARRIED: Tuple[Tuple[str, str], ...] = ()


class Windows(Dict[str, Optional[int]]):
    """From a service to the most endpoints of it that a client may keep connections to; None: as many as there are."""

    def __init__(self, limit: Optional[int]) -> None:
        super().__init__()
        self._limit = limit

    def __missing__(self, service: str) -> Optional[int]:
        """Share the limit with one service more."""
        each = None if self._limit is None else max(2, self._limit * 3 // 4 // (len(self) + 1))
        self.update(dict.fromkeys([*self, service], each))
        return each


class Client:
    """One client object of the app: its windows together stay below three quarters of its keep-alive limit."""

    __slots__ = ("windows",)

    def __init__(self, limit: Optional[int]) -> None:
        self.windows = Windows(limit)


class Call:
    """A call that goes to the mesh. `address` None: dial what the app wrote; the headers are set all the same.

    `set_headers` are to be set on a copy of the app's headers; `fresh`: the app set none of them itself, so that they
    need only be added; `steady`: and they are the same object for each call of this colour.
    """

    __slots__ = (
        "_given", "_leg", "_live", "_peer", "_process", "_question", "_started", "_tried", "address", "decision",
        "endpoint", "fresh", "keepalive", "reason", "refused", "set_headers", "steady",
    )  # fmt: skip

    def __init__(
        self, process: Process, live: Live, peer: Peer, question: route.Call,
        set_headers: Tuple[Tuple[str, str], ...], fresh: bool, steady: bool,
        decision: Optional[route.Decision] = None,
    ) -> None:  # fmt: skip
        self._process = process
        self._live = live
        self._peer = peer
        self._question = question
        self.set_headers = set_headers
        self.fresh = fresh
        self.steady = steady
        self.decision = decision
        self.refused: Optional[str] = None
        self._tried = NOBODY
        self._started: Optional[float] = None  # when the first TCP connect began; `_given` is there from then on
        leg = live.legs.get(id(decision))
        if leg is None or leg.group is not None:
            self._first(decision)
            return
        self._leg: Optional[Leg] = leg  # while it is under way to an instance
        self.reason = leg.reason  # here and in `_begin`
        self.address: Optional[Tuple[str, int]] = leg.address
        self.endpoint: Optional[str] = leg.endpoint
        self.keepalive: Optional[float] = leg.keepalive
        leg.calls.append(None)  # until `Leg.end`

    def _first(self, decision: Optional[route.Decision]) -> None:
        """What `__init__` leaves over: a decision that is new, that nobody serves, or none."""
        self._leg = self.address = self.endpoint = self.keepalive = None
        self.reason = ""
        if decision is None:
            return
        self.reason = decision.reason
        if decision.instance is not None:
            self._begin(decision, decision.instance)
        elif decision.refused:
            self.refused = "%s: meshrun refuses the call (%s)" % (shown(decision.service), decision.reason)

    def observe(self) -> None:
        """Decide, to count where the call would have gone."""
        process = self._process
        decision = self.decision = route.decide(
            self._live.index, self._question, process.local, process.draw, time(), process.zone
        )
        self._first(decision)

    left = property(attrgetter("_process.local.left"), doc="See `Local.left`.")

    def _begin(self, decision: route.Decision, instance: Instance) -> None:
        """The call goes to this instance from now on."""
        live = self._live
        leg = self._leg = live.legs.get(id(decision)) or live.leg(decision, instance, self._process.local)
        self.address = leg.address
        self.endpoint = leg.endpoint
        self.keepalive = leg.keepalive
        leg.calls.append(None)  # until `Leg.end`
        if leg.group is not None:
            leg.group.begin()

    def only_colour(self, reason: str) -> None:
        """Leave the address to the app: proxies, side-cars, modes below enforce."""
        self._end()
        self.address = self.endpoint = self.keepalive = self.refused = None
        self.reason = reason

    def lacks(self, headers: Any) -> bool:
        """Look again at headers that another agent had in hand since: `set_headers` is from now on what they lack."""
        written = self._process.headers
        present = written.present(headers)
        self.set_headers = written.outgoing(self._question.colour, (), self._process.caller, present)
        self.fresh = self.steady = False
        return bool(self.set_headers)

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
        owner = (decision.instance.id, UNSENT)
        next(process.counter(self._peer, decision, "unsent", decision.reason, owner))
        self.decision = other
        self.reason = reasons.RETRY
        self._begin(other, other.instance)
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
            self._started = now
            self._given: Optional[float] = given
        remaining = None if self._given is None else max(0.001, self._given - (now - self._started))
        if self.decision is None or self.decision.instance is None or self._other().instance is None:
            return remaining
        return CONNECT_CAP if remaining is None else min(CONNECT_CAP, remaining / 2)

    @_guard.positional(where="done")
    def done(self, status: Optional[int], headers: Any, error: Optional[BaseException], sent: bool) -> None:
        """The call ended: release it, count it, believe an instance that says it drains.

        With the `status` and the `headers` of its response, or with none: by the `error`, if that is known. `sent`:
        something may have reached the instance.
        """
        ended: Union[int, str] = status if status is not None else unanswered(error, sent=sent)
        leg = self._leg
        counter = None
        if leg is not None:
            self._leg = None
            if leg.calls:  # `Leg.end` written out
                leg.calls.pop()
            if leg.group is not None:
                leg.group.end()
            if headers is not None and (
                _says_drains(headers) if isinstance(headers, (list, tuple)) else DRAINING in headers
            ):
                self._process.local.drains(leg.instance, time())
            if self.reason is leg.reason:
                counter = leg.counters.get(ended)
        if counter is None:
            counter = self._counter(ended)
            if leg is not None and self.reason is leg.reason:
                leg.counters[ended] = counter
        next(counter)

    def _counter(self, ended: Union[int, str]) -> count[int]:
        """What counts calls that ended so, to the same instance if this one was routed."""
        result, how = outcome(ended)
        decision = self.decision
        instance = decision.instance if decision is not None and self.address is not None else None
        owner = (instance.id, how) if instance is not None else None
        return self._process.counter(self._peer, decision, result, self.reason, owner)

    def untouched(self) -> None:
        """The call goes on as the app wrote it: it was decided and is counted, but nobody sees how it ends."""
        self._end()
        next(self._process.counter(self._peer, self.decision, "unknown", self.reason))

    def __del__(self) -> None:
        if self._leg is not None:  # the app dropped its response unread: the instance must not look busy for ever
            self._dropped()

    @_guard.guarded(where="dropped")
    def _dropped(self) -> None:
        self._end()
        next(self._counter("dropped"))

    def _end(self) -> None:
        leg, self._leg = self._leg, None
        if leg is not None:
            leg.end()


def _says_drains(headers: Sequence[Tuple[Name, Name]]) -> bool:
    """Of pairs. In every call; the length tells almost all names apart."""
    if _DRAINING_SIZE not in map(len, map(name_of, headers)):
        return False
    return any(text(name).lower() == DRAINING for name in map(name_of, headers))


def spoken(call: Call) -> bool:
    """Whether anybody there speaks the call's protocol. If not, it goes on as the app wrote it, and is counted."""
    if call.reason != reasons.PROTOCOL:
        return True
    call.untouched()
    return False


def unrouted(process: Process, call: Call, proxied: bool) -> Optional[Call]:
    """A call that others route: a proxy, a side-car, or the app itself below enforce, where it is decided to count."""
    ours = True
    if proxied or process.sidecar:
        call.only_colour(reasons.PROXY if proxied else reasons.MESH_SIDECAR)
    else:
        call.observe()
        ours = call.reason != reasons.PROTOCOL
        call.only_colour(reasons.OBSERVE)
    if ours and process.colours:
        return call
    call.untouched()
    return None


def ask(process: Process, peer: Peer, key: Key, request: Tuple[str, Name, Name, Any]) -> Asked:
    """The question about a call, and the headers that a call of this colour sets."""
    protocol, scheme, colour, window = key
    plain = process.headers.outgoing(colour, (), process.caller, ())
    if not peer.routed:
        return peer.remember(key, plain)
    facts = _facts(process, request, colour, peer.service or "")
    return Asked(route.Call(peer.service or "", protocol, scheme == "https", colour, facts, window), plain)


def _facts(process: Process, request: Tuple[str, Name, Name, Any], colour: Pairs, service: str) -> RequestFacts:
    host, method, path, headers = request
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
