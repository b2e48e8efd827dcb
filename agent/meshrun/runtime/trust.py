"""Whose incoming colour counts (``MESHRUN_TRUST``, ``MESHRUN_ENTRY``)."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence

from .. import _guard
from ..core.settings import Settings

MAX_PEERS = 4096
MAPPED = 96
"""Bits before the IPv4 address in an IPv6 address that maps one (RFC 4291, 2.5.5.2)."""


def of(settings: Settings) -> Callable[[Optional[str]], bool]:
    """The trust of this process. A `MESHRUN_ENTRY` that cannot be read makes an entry, as the careful reading does."""
    return reader(settings["TRUST"], entry=settings["ENTRY"] or "ENTRY" in settings.unread)


def reader(setting: Optional[str], *, entry: bool) -> Callable[[Optional[str]], bool]:
    """A function from a peer's address to whether its colour counts.

    The peer is whoever opened the connection: a proxy speaks for all whom it forwards, and what its headers say of
    them (``X-Forwarded-For``) anybody could have written. A list names networks, so that a peer on a Unix socket, or
    one whose address the server could not tell any more, is in none. A list that cannot be read trusts nobody: a
    typing error must not open the trust boundary.
    """
    chosen = (setting or "").strip().lower() or ("none" if entry else "all")
    if chosen in ("all", "none"):
        return lambda _: chosen == "all"
    from ipaddress import ip_address  # noqa: PLC0415 -- only where a list is set

    networks = _networks(chosen)
    known: Dict[Optional[str], bool] = {}

    def trusted(peer: Optional[str]) -> bool:
        answer = known.get(peer)
        if answer is None:
            answer = _within(peer, networks, ip_address)
            if len(known) < MAX_PEERS:
                known[peer] = answer
        return answer

    return trusted


def _networks(chosen: str) -> List[Any]:
    """The networks of a list; none, reported, where an item is none."""
    from ipaddress import IPv6Network, ip_network  # noqa: PLC0415 -- as above

    found: List[Any] = []
    try:
        for item in filter(None, map(str.strip, chosen.split(","))):
            network = ip_network(item, strict=False)
            mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
            if mapped is not None and network.prefixlen >= MAPPED:
                network = ip_network("%s/%d" % (mapped, network.prefixlen - MAPPED))
            found.append(network)
    except ValueError as error:
        found.clear()
        _guard.report(
            "MESHRUN_TRUST", "%s; expected all, none or networks such as 10.0.0.0/8: nobody is trusted" % error
        )
    return found


def _within(peer: Optional[str], networks: Sequence[Any], parse: Callable[[str], Any]) -> bool:
    try:
        address = parse((peer or "").partition("%")[0])  # an IPv6 address of one link has its interface behind it
    except ValueError:  # a Unix socket or an unknown peer is nobody's network
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in networks)
