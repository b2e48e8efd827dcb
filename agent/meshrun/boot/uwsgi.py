"""Reads from a command of uWSGI where it will serve HTTP: it is written in C, and cannot say so from within.

Only what is plain to read counts: options, ``UWSGI_…`` variables, and INI files without variables and includes.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Mapping, Optional, Sequence, Tuple

    Options = Dict[str, str]

_VALUED = {"-s": "socket", "-d": "daemonize", "-z": "socket-timeout"}
_READ = (
    "http-socket", "http11-socket", "http", "socket", "uwsgi-socket", "protocol", "socket-protocol", "ini",
    "daemonize", "daemonize2", "emperor", "http-keepalive", "socket-timeout",
)  # fmt: skip
"""Options with a value that are looked at; their value may be the next word."""
_AWAY = ("daemonize", "daemonize2", "emperor")
_VARIABLES = "%$@"
_MOST = 1 << 20  # characters of a file that are read
_IDLE_SECONDS = 4.0
"""After which ``http11-socket`` closes an idle connection, unless ``socket-timeout`` says otherwise."""


class Site:
    """Where uWSGI serves. `port`: 0 where that cannot be read."""

    def __init__(self, address: str, port: int, keepalive: Optional[float], *, ends: bool) -> None:
        self.address = address
        self.port = port
        self.keepalive = keepalive  # seconds that an idle connection is kept; None: not known
        self.ends = ends  # whether SIGTERM ends it; without ``die-on-term`` it reloads


def is_meant(command: Sequence[str]) -> bool:
    """Whether a command runs uWSGI, under any of the names that packages give it."""
    name = os.path.basename(command[0])
    return name in ("uwsgi", "pyuwsgi", "uwsgi-core") or name.startswith(("uwsgi_python", "uwsgi-python"))


def site(command: Sequence[str], environ: Mapping[str, str]) -> Optional[Site]:
    """Where a command of uWSGI will serve HTTP; None: it will leave its parent, or start others that serve."""
    options = _options(command[1:], environ)
    if any(name in options for name in _AWAY):
        return None
    ends = options.get("die-on-term", "false").lower() in ("true", "1", "yes", "on", "")
    for name, keepalive in _sockets(options):
        found = _address(options.get(name, ""))
        if found is not None:
            return Site(found[0], found[1], keepalive, ends=ends)
    return Site("", 0, None, ends=ends)


def _sockets(options: Options) -> List[Tuple[str, Optional[float]]]:
    """The options that may name a socket for HTTP, with the keep-alive time of each."""
    timeout = options.get("socket-timeout", "")
    idle = float(timeout) if timeout.isdecimal() else _IDLE_SECONDS
    names: List[Tuple[str, Optional[float]]] = [("http-socket", 0.0), ("http11-socket", idle)]
    names.append(("http", None if "http-keepalive" in options else 0.0))
    if "http" in (options.get("protocol"), options.get("socket-protocol")):
        names += [("socket", 0.0), ("uwsgi-socket", 0.0)]
    return names


def _options(words: Sequence[str], environ: Mapping[str, str]) -> Options:
    """The first value of each option: of the command itself, then of its files, then of the environment."""
    options: Options = {}
    files: List[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            files += [word] if word.partition(":")[0].endswith(".ini") else []
            continue
        name, sign, value = word.partition("=")
        name = _VALUED.get(name, name[2:].replace("_", "-") if name.startswith("--") else "")
        if not sign and name in _READ and rest and not (name == "http-keepalive" and rest[0].startswith("-")):
            value = rest.pop(0)
        if name == "ini":
            files.append(value)
        elif name:
            options.setdefault(name, value)
    for file in files:
        for name, value in _lines(file):
            options.setdefault(name, value)
    for variable, value in environ.items():
        if variable.startswith("UWSGI_"):
            options.setdefault(variable[6:].lower().replace("_", "-"), value)
    return options


def _lines(file: str) -> List[Tuple[str, str]]:
    """The options in a file, ``FILE`` or ``FILE:SECTION``; none if it cannot be read."""
    path, _, section = file.partition(":")
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            lines = [line.strip() for line in stream.read(_MOST).splitlines()]
    except OSError:
        return []
    found, inside = [], False
    for line in lines:
        if line.startswith("["):
            inside = line == "[%s]" % (section or "uwsgi")
        elif inside and line and line[0] not in ";#":
            name, _, value = line.partition("=")
            found.append((name.strip().replace("_", "-"), value.strip()))
    return found


def _address(text: str) -> Optional[Tuple[str, int]]:
    """``HOST:PORT``, ``:PORT``, ``[::1]:PORT``; None: a file, a port that the kernel chooses, or a variable."""
    host, sign, port = text.partition(",")[0].rpartition(":")
    if not sign or any(mark in text for mark in _VARIABLES) or not (port.isascii() and port.isdecimal()):
        return None
    host = host[1:-1] if host.startswith("[") else "" if host == "*" else host
    if not 0 < int(port) < 65536 or not all(letter.isalnum() or letter in ".:-" for letter in host):
        return None
    return host, int(port)
