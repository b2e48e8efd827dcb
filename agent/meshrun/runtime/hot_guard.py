"""The two functions that run in every call of the app, with their exact signatures and the one guard round them.

It is `_guard.guarded` written out: handing on ``*args, **kwargs`` costs 0.15 µs more, and a call that is not to the
mesh has 1 µs for everything. What an outgoing call does each time stands here as one way through, for the same reason.
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any, Callable, Optional, Sequence, Tuple

from .. import _guard
from ..core import route
from .context import CURRENT
from .headers import VIEWS
from .outbound import NOTHING_CARRIED, Call, Client, ask, spoken, unrouted

if TYPE_CHECKING:
    from .headers import Name
    from .process import Process


def outbound(process: Process) -> Callable[..., Optional[Call]]:
    """`hook.outbound`: None, untouched, for a host that is not mesh and after a failure of ours."""

    def guarded(
        scheme: str, host: str, port: Optional[int], method: Name, path: Name, headers: Any,
        proxied: bool = False, client: Optional[Client] = None, protocol: str = "http",
    ) -> Optional[Call]:  # fmt: skip
        try:
            live = process.live
            if live is None or process.inline:
                live = process.refresh()
            if live is None or not process.reads:
                return None
            peer = live.hosts.get((host, port)) or live.peer(host, port)
            if peer.service is None:
                next(peer.calls)
                return None
            current = CURRENT.get()
            if current is None:
                colour, carried = live.own_colour, NOTHING_CARRIED
            else:
                colour, carried = current.colour, current.carried
            written = process.headers
            view = VIEWS.get(type(headers))
            if view is not None and written.names.meaningless.issuperset(view(headers)):
                present: Sequence[Tuple[str, str]] = ()  # `Headers.present` written out
            else:
                present = written.present(headers)
            if present and (current is None or current.trusted):
                colour = written.incoming(present).colour or colour
            key = (protocol, scheme, colour, client.windows[peer.service] if client is not None else None)
            question, plain = peer.asked.get(key) or ask(process, peer, key, (host, method, path, headers))
            steady = not (present or carried)
            set_headers = plain if steady else written.outgoing(
                colour, carried, process.caller, present, current is None or current.trusted
            )  # fmt: skip
            if proxied or not process.routes:
                return unrouted(process, Call(process, live, peer, question, set_headers, not present, steady), proxied)
            decision = route.decide(live.index, question, process.local, process.draw, time(), process.zone)
            call = Call(process, live, peer, question, set_headers, not present, steady, decision)
            return call if call.address is not None or spoken(call) else None
        except Exception as error:  # noqa: BLE001 - this is the guard
            _guard.report("outbound", error)
            return None

    return guarded


def inbound(receive: Callable[..., Any], untouched: Any) -> Callable[..., Any]:
    """Guard `hook.inbound`: a request that knows nothing after a failure of ours."""

    def guarded(headers: Any, method: str, path: str, peer: Optional[str]) -> Any:
        try:
            return receive(headers, method, path, peer)
        except Exception as error:  # noqa: BLE001 - this is the guard
            _guard.report("inbound", error)
            return untouched

    return guarded
