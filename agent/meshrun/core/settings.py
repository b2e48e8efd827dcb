"""Settings: flag > environment > ``meshrun.yaml`` > built-in, each value with its origin. Pure: all sources come in."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Tuple

PREFIX = "MESHRUN_"
MODES = ("off", "dormant", "observe", "carry", "enforce")
READS, COLOURS, ROUTES = frozenset(MODES[2:]), frozenset(MODES[3:]), frozenset(MODES[4:])
"""The modes in which seams read a colour, write it, and route (the table in DESIGN 12)."""


class SettingError(ValueError):
    """A value cannot be read; the caller warns once and takes the next source."""


_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'+.^_`|~-]+\*?")  # of a header (RFC 9110, 5.6.2)
_EXPECTED = "expected 1 to 64 letters, digits, '.', '_' or '-'"


def _text(value: str) -> str:
    return value.strip()


def _name(value: str) -> str:
    """A word that may stand in a host name, a header and a path; nothing: not set."""
    name = value.strip()
    if name and not _WORD.fullmatch(name):
        raise SettingError(_EXPECTED)
    return name


def _bool(value: str) -> bool:
    if value.strip() in ("1", "true", "yes", "on"):
        return True
    if value.strip() in ("0", "", "false", "no", "off"):
        return False
    raise SettingError("expected 1 or 0")


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        raise SettingError("expected a number of seconds") from None
    if not 0 <= seconds <= 86400:
        raise SettingError("expected 0 to 86400 seconds")
    return seconds


def _port(value: str) -> int:
    if re.fullmatch("0*[0-9]{1,5}", value.strip()) and 0 < int(value) < 65536:
        return int(value)
    raise SettingError("expected a port, 1 to 65535")


def _address(value: str) -> str:
    address = value.strip()
    if address:
        from ipaddress import ip_address  # noqa: PLC0415 -- only where it is set

        try:
            ip_address(address)
        except ValueError:
            raise SettingError("expected an IP address") from None
    return address


def endpoint(value: str) -> Tuple[str, int]:
    """The IP address and the port of ``127.0.0.1:80`` or ``[::1]:80``; ``localhost`` is the former address.

    Raises `SettingError`.
    """
    host, colon, port = value.strip().rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    address = host[1:-1] if bracketed else "127.0.0.1" if host == "localhost" else host
    if not colon or not address or (":" in address) != bracketed:
        raise SettingError("expected an IP address and a port, as 127.0.0.1:55199 or [::1]:55199")
    return _address(address), _port(port)


def _endpoint(value: str) -> str:
    endpoint(value)
    return value.strip()


def _loopback(value: str) -> str:
    from ipaddress import ip_address  # noqa: PLC0415 -- only where it is set

    if not ip_address(endpoint(value)[0]).is_loopback:
        raise SettingError("expected a loopback address: 127.0.0.1, localhost or [::1], and a port")
    return value.strip()


def _list(value: str) -> Tuple[str, ...]:
    return tuple(item.strip() for item in value.split(",") if item.strip())


def _names(value: str) -> Tuple[str, ...]:
    return tuple(_name(item) for item in _list(value))


def _headers(value: str) -> Tuple[str, ...]:
    for item in _list(value):
        if not _TOKEN.fullmatch(item):
            raise SettingError("expected names of headers, comma-separated; a name may end in *")
    return _list(value)


def _tags(value: str) -> Mapping[str, str]:
    pairs: Dict[str, str] = {}
    for item in _list(value):
        key, sign, word = item.partition("=")
        if not sign or not key.strip():
            raise SettingError("expected key=value pairs, comma-separated")
        if not _name(key) or not _name(word):
            raise SettingError("keys and values: " + _EXPECTED)
        pairs[key.strip().lower()] = word.strip()
    return pairs


def _ports(value: str) -> Mapping[str, int]:
    pairs: Dict[str, int] = {}
    for item in _list(value):
        protocol, sign, port = item.partition(":")
        if not sign:
            raise SettingError("expected protocol:port pairs, comma-separated")
        pairs[protocol.strip()] = _port(port)
    return pairs


def _mode(value: str) -> str:
    if value.strip() in MODES:
        return value.strip()
    raise SettingError("expected one of " + ", ".join(MODES))


_READERS: Mapping[str, Tuple[Callable[[str], Any], Any]] = {
    "ENABLED": (_bool, False),
    "CONFIG": (_text, None),
    "NAMESPACE": (_name, "default"),
    "SERVICE": (_name, None),
    "TAGS": (_tags, {}),
    "LANE": (_name, None),
    "STORE": (_text, None),
    "REGISTRY": (_list, ()),
    "STATE_DIR": (_text, None),
    "ADDRESS": (_address, None),
    "PORT": (_port, None),
    "PORTS": (_ports, {}),
    "MODE": (_mode, "enforce"),
    "ENTRY": (_bool, False),
    "TRUST": (_text, None),
    "WIRE_READ": (_list, ("polaris", "sct", "mse", "joylive", "sermant", "baggage")),
    "WIRE_WRITE": (_list, ("baggage", "polaris")),
    "COLOUR_KEYS": (_names, ()),
    "CARRY": (_headers, ()),
    "PROBE": (_endpoint, None),
    "ADMIN": (_loopback, None),
    "ADMIN_TOKEN": (_text, None),
    "DRAIN_SECONDS": (_seconds, 6.0),
    "WARMUP_SECONDS": (_seconds, 0.0),
    "REGISTER_DELAY": (_seconds, 0.0),
    "HOOKS": (_list, ("all",)),
    "COMPAT": (_list, ()),
    "LOG": (_text, "error"),
}


class Settings:
    """Resolved settings, never changed. Keyed by the name without prefix; use the properties where they exist."""

    __slots__ = ("origins", "unread", "values", "warnings")

    def __init__(
        self,
        values: Mapping[str, Any],
        origins: Mapping[str, str],
        warnings: Tuple[str, ...],
        unread: FrozenSet[str] = frozenset(),
    ) -> None:
        self.values = values
        self.origins = origins  # flag | environment | file | default
        self.warnings = warnings
        self.unread = unread  # names that were given a value that cannot be read

    def __getitem__(self, name: str) -> Any:
        """The value of a setting, by its name without prefix: ``settings["SERVICE"]``."""
        return self.values[name]

    @property
    def service(self) -> Optional[str]:
        """Own service key, or None: client only."""
        name = self.values["SERVICE"]
        return None if not name else "%s/%s" % (self.values["NAMESPACE"], name)

    @property
    def unregistered(self) -> Optional[str]:
        """Why a server of this process does not register; None: it does.

        One whose tags cannot be read belongs to a lane that nobody knows: registered as baseline it would take requests
        that are not for it.
        """
        for name in ("SERVICE", "NAMESPACE", "TAGS", "LANE"):
            if name in self.unread:
                return "%s%s cannot be read" % (PREFIX, name)
        return None if self.values["SERVICE"] else "no service name (MESHRUN_SERVICE)"

    @property
    def caller(self) -> str:
        """The value of ``X-Meshrun-Caller``."""
        name = self.values["SERVICE"]
        return "-" if not name else "%s.%s" % (name, self.values["NAMESPACE"])

    @property
    def tags(self) -> Mapping[str, str]:
        """Own tags, with ``MESHRUN_LANE`` folded in."""
        lane = self.values["LANE"]
        return dict(self.values["TAGS"], lane=lane) if lane else self.values["TAGS"]


def resolve(environ: Mapping[str, str], file: Mapping[str, Any], flags: Optional[Mapping[str, str]] = None) -> Settings:
    """Settings from the environment, the mapping of ``meshrun.yaml`` (lower-case keys) and flags.

    A value that cannot be read is named in `warnings` and the next source counts; so is an unknown key.
    """
    values: Dict[str, Any] = {}
    origins: Dict[str, str] = {}
    warnings: List[str] = []
    unread: List[str] = []
    for name, (read, default) in _READERS.items():
        values[name], origins[name] = default, "default"
        sources = (
            ("flag", (flags or {}).get(name)),
            ("environment", environ.get(PREFIX + name)),
            ("file", _from_file(file, name.lower())),
        )
        for origin, raw in sources:
            if raw is None or not raw.strip():  # an empty variable is how many a template leaves one out
                continue
            try:
                values[name], origins[name] = read(raw), origin
                break
            except SettingError as error:
                unread.append(name)
                warnings.append("%s%s=%r (%s): %s" % (PREFIX, name, raw[:80], origin, error))
    other = environ.get("OTEL_SERVICE_NAME", "").strip()
    if not values["SERVICE"] and _WORD.fullmatch(other):
        values["SERVICE"], origins["SERVICE"] = other, "environment (OTEL_SERVICE_NAME)"
    elif not values["SERVICE"] and other:
        warnings.append("OTEL_SERVICE_NAME=%r (environment): no name of a service: %s" % (other[:80], _EXPECTED))
    known = {PREFIX + name for name in _READERS}
    warnings += ["unknown setting " + key for key in environ if key.startswith(PREFIX) and key not in known]
    warnings += ["unknown key %r in meshrun.yaml" % key for key in file if str(key).upper() not in _READERS]
    return Settings(values, origins, tuple(warnings), frozenset(unread))


def _from_file(file: Mapping[str, Any], key: str) -> Optional[str]:
    """A value of the file in the form that the environment would give it."""
    value = file.get(key)
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, dict):
        separator = ":" if key == "ports" else "="
        return ",".join("%s%s%s" % (name, separator, item) for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return ",".join(str(item) for item in value)
    return str(value)
