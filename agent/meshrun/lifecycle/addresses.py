"""Which address of this machine callers can reach."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from typing import Iterator, Tuple

LOOPBACK, LOOPBACK6 = "127.0.0.1", "::1"
_SIOCGIFADDR = 0x8915  # netdevice(7)
LISTENS = "0A"  # tcp_states.h
_GLOBAL = "00"  # scope of an address in /proc/net/if_inet6


def reachable(bound: str) -> str:
    """The address to register for a socket bound to `bound`.

    That one, unless it is a wildcard: then the first address of that family that is not loopback, in the order of the
    interfaces, else the loopback address. A socket on ``::`` may refuse IPv4, so it is given an IPv6 address.
    """
    if bound == "::":
        return next(_addresses6(), LOOPBACK6)
    if bound in ("", "0.0.0.0"):  # noqa: S104 -- compared, not bound
        return next(_addresses(), LOOPBACK)
    mapped = bound.lower()
    return mapped[7:] if mapped.startswith("::ffff:") and "." in mapped else bound


def own(bound: str) -> str:
    """The address under which this very machine reaches a socket bound to `bound`."""
    if bound == "::":
        return LOOPBACK6
    return LOOPBACK if bound in ("", "0.0.0.0") else bound  # noqa: S104 -- compared, not bound


def held(port: int) -> Iterator[Tuple[str, str]]:
    """State and inode of each socket at a port of this machine, proc(5)."""
    end = ":%04X" % port
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        try:
            with open(table, encoding="ascii") as rows:
                for row in rows:
                    fields = row.split(None, 10)
                    if fields[1].endswith(end):
                        yield fields[3], fields[9]
        except OSError:  # a machine without IPv6, or without /proc
            continue


def listens(port: int) -> bool:
    """Whether this very process has a socket that listens at a port."""
    wanted = {"socket:[%s]" % inode for state, inode in held(port) if state == LISTENS}
    found = False
    try:
        for number in os.listdir("/proc/self/fd") if wanted else ():
            try:
                found = found or os.readlink("/proc/self/fd/" + number) in wanted
            except OSError:  # closed meanwhile
                continue
    except OSError:  # no descriptor is left to look with
        return False
    return found


def _addresses() -> Iterator[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            question = struct.pack("256s", name.encode()[:15])
            try:
                address = socket.inet_ntoa(fcntl.ioctl(asking.fileno(), _SIOCGIFADDR, question)[20:24])
            except OSError:  # an interface without an address
                continue
            if not address.startswith("127."):
                yield address


def _addresses6() -> Iterator[str]:
    try:
        with open("/proc/net/if_inet6", encoding="ascii") as table:
            lines = [line.split() for line in table]
    except OSError:  # a machine without IPv6
        return
    for fields in sorted(lines, key=lambda line: int(line[1], 16)):
        if fields[3] == _GLOBAL and fields[0] != "0" * 31 + "1":
            yield socket.inet_ntop(socket.AF_INET6, bytes.fromhex(fields[0]))
