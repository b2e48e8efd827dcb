"""Whose incoming colour counts (``MESHRUN_TRUST``, ``MESHRUN_ENTRY``)."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional

from .. import _guard

MAX_PEERS = 4096


def reader(setting: Optional[str], *, entry: bool) -> Callable[[Optional[str]], bool]:
    """A function from a peer's address to whether its colour counts.

    A list that cannot be read trusts nobody: a typing error must not open the trust boundary.
    """
    chosen = (setting or ("none" if entry else "all")).strip().lower()
    if chosen in ("all", "none"):
        return lambda _: chosen == "all"
    from ipaddress import ip_address, ip_network  # noqa: PLC0415 -- only where a list is set

    try:
        networks = [ip_network(item.strip(), strict=False) for item in chosen.split(",") if item.strip()]
    except ValueError as error:
        _guard.report("MESHRUN_TRUST", "%s; expected all, none or networks such as 10.0.0.0/8" % error)
        return lambda _: False
    known: Dict[Optional[str], bool] = {}

    def trusted(peer: Optional[str]) -> bool:
        answer = known.get(peer)
        if answer is None:
            answer = _within(peer, networks, ip_address)
            if len(known) < MAX_PEERS:
                known[peer] = answer
        return answer

    return trusted


def _within(peer: Optional[str], networks: Any, parse: Callable[[str], Any]) -> bool:
    try:
        address = parse(peer or "")
    except ValueError:  # a Unix socket or an unknown peer is nobody's network
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in networks)
