"""Apps of the tests about what leaves the mesh, for `tests.contract.child`; every name leads to the loopback."""

from __future__ import annotations

import socket
from typing import Any, Dict, List, Sequence, Tuple

from tests.contract.scripts import Kind, Plan, _state, asks, attempt, client

_real = socket.getaddrinfo


def _numeric(host: Any) -> bool:
    """Whether it is an address, in any spelling that the system takes for one."""
    try:
        _real(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return True


def _getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
    """Names lead to the loopback; addresses are left to the system, and so are names that cannot be asked for."""
    text = host.decode("latin-1") if isinstance(host, bytes) else host
    if text and not _numeric(host):
        text.encode("idna")
        host = "127.0.0.1"
    return _real(host, port, *args, **kwargs)


def anywhere(kind: Kind, plan: Plan) -> Dict[str, Any]:
    """Every request of the plan in turn, on one client; what meshrun counted.

    ``inbound``: headers of a request that is served meanwhile.
    """
    socket.getaddrinfo = _getaddrinfo
    results: List[Dict[str, Any]] = []
    served: Sequence[Sequence[str]] = plan.get("inbound", ())
    with client(kind, plan) as driver:
        for ask in asks(plan):
            if served:
                from meshrun import hook

                pairs: List[Tuple[str, str]] = [(name, value) for name, value in served]
                with hook.inbound(pairs, "GET", "/", "127.0.0.1"):
                    results.append(attempt(driver, ask))
            else:
                results.append(attempt(driver, ask))
    return dict(_state(), results=results)
