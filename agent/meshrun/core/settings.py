"""Settings: flag > environment > ``meshrun.yaml`` > built-in, each value with its origin. Pure: all sources come in."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

PREFIX = "MESHRUN_"
MODES = ("off", "dormant", "observe", "carry", "enforce")


class SettingError(ValueError):
    """A value cannot be read; the caller warns once and takes the next source."""


def _text(value: str) -> str:
    return value.strip()


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
    if value.strip().isdigit() and 0 < int(value) < 65536:
        return int(value)
    raise SettingError("expected a port, 1 to 65535")


def _list(value: str) -> Tuple[str, ...]:
    return tuple(item.strip() for item in value.split(",") if item.strip())


def _tags(value: str) -> Mapping[str, str]:
    pairs: Dict[str, str] = {}
    for item in _list(value):
        key, sign, word = item.partition("=")
        if not sign or not key.strip():
            raise SettingError("expected key=value pairs, comma-separated")
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
    "NAMESPACE": (_text, "default"),
    "SERVICE": (_text, None),
    "TAGS": (_tags, {}),
    "LANE": (_text, None),
    "STORE": (_text, None),
    "REGISTRY": (_list, ()),
    "STATE_DIR": (_text, None),
    "ADDRESS": (_text, None),
    "PORT": (_port, None),
    "PORTS": (_ports, {}),
    "MODE": (_mode, "enforce"),
    "ENTRY": (_bool, False),
    "TRUST": (_text, None),
    "WIRE_READ": (_list, ("polaris", "sct", "mse", "joylive", "sermant", "baggage")),
    "WIRE_WRITE": (_list, ("baggage", "polaris")),
    "COLOUR_KEYS": (_list, ()),
    "CARRY": (_list, ()),
    "PROBE": (_text, None),
    "ADMIN": (_text, None),
    "ADMIN_TOKEN": (_text, None),
    "DRAIN_SECONDS": (_seconds, 6.0),
    "WARMUP_SECONDS": (_seconds, 0.0),
    "REGISTER_DELAY": (_seconds, 0.0),
    "HOOKS": (_list, ("all",)),
    "COMPAT": (_list, ()),
    "LOG": (_text, "error"),
}


class Settings(NamedTuple):
    """Resolved settings. `values` is keyed by the name without prefix; use the attributes below where they exist."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]  # flag | environment | file | default
    warnings: Tuple[str, ...]

    def __getitem__(self, name: Any) -> Any:
        """The value of a setting, by its name without prefix: ``settings["SERVICE"]``."""
        return self.values[name]

    @property
    def service(self) -> Optional[str]:
        """Own service key, or None: client only."""
        name = self.values["SERVICE"]
        return None if not name else "%s/%s" % (self.values["NAMESPACE"], name)

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
    for name, (read, default) in _READERS.items():
        values[name], origins[name] = default, "default"
        sources = (
            ("flag", (flags or {}).get(name)),
            ("environment", environ.get(PREFIX + name)),
            ("file", _from_file(file, name.lower())),
        )
        for origin, raw in sources:
            if raw is None:
                continue
            try:
                values[name], origins[name] = read(raw), origin
                break
            except SettingError as error:
                warnings.append("%s%s=%r (%s): %s" % (PREFIX, name, raw[:80], origin, error))
    if not values["SERVICE"] and environ.get("OTEL_SERVICE_NAME"):
        values["SERVICE"], origins["SERVICE"] = environ["OTEL_SERVICE_NAME"], "environment (OTEL_SERVICE_NAME)"
    known = {PREFIX + name for name in _READERS}
    warnings += ["unknown setting " + key for key in environ if key.startswith(PREFIX) and key not in known]
    warnings += ["unknown key %r in meshrun.yaml" % key for key in file if str(key).upper() not in _READERS]
    return Settings(values, origins, tuple(warnings))


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
