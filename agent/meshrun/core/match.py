"""Whether a rule's ``when`` holds for a request: the sources it may look at and the operators."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, FrozenSet, Iterable, Mapping, Optional, Pattern, Tuple
from urllib.parse import unquote_plus

from .model import Pairs, shown
from .rules import Condition, When

LOOKED_AT = 256
"""Characters of a value that ``regex`` looks at."""
MOST_PARTS = 256
"""Parameters of a query, and cookies, that are looked at."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,64}(\.[0-9]{1,64})?")


class Facts:
    """What conditions can ask about a request. A subclass answers; this one knows nothing."""

    __slots__ = ()

    def get(self, kind: str, key: str) -> Optional[str]:
        """The value of a source (the kinds and keys of `rules.Source`), None if the request lacks it."""
        raise NotImplementedError


class NoFacts(Facts):
    """A request of which nothing is known: every source is absent."""

    __slots__ = ()

    def get(self, kind: str, key: str) -> Optional[str]:  # noqa: ARG002 - the interface
        """Nothing."""
        return None


class RequestFacts(Facts):
    """The facts of one HTTP request. Query and cookies are parsed, and headers looked up, only when asked for.

    `path` may have a query behind it. `headers` answers a lower-case header name. `host` may have a port, which does
    not count; None: it stands in the header of that name. `caller` and `service` are service keys or
    ``name.namespace``; conditions see ``name.namespace``. `caller` is whoever sends, ``-`` if it has no name; `service`
    is the service that the request is for.
    """

    __slots__ = (
        "_caller", "_colour", "_cookies", "_headers", "_host", "_method", "_path", "_query", "_service", "_tags",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        path: str,
        host: Optional[str],
        headers: Callable[[str], Optional[str]],
        colour: Pairs,
        tags: Mapping[str, str],
        caller: Optional[str],
        service: Optional[str],
    ) -> None:
        self._method, self._path, self._host, self._headers = method, path, host, headers
        self._colour, self._tags, self._caller, self._service = colour, tags, caller, service
        self._query: Optional[Dict[str, str]] = None
        self._cookies: Optional[Dict[str, str]] = None

    def get(self, kind: str, key: str) -> Optional[str]:
        """See `Facts.get`."""
        if kind == "header":
            return self._headers(key)
        if kind == "colour":
            return next((value for name, value in self._colour if name == key), None)
        if kind in ("query", "cookie"):
            return self._parsed(kind).get(key)
        if kind == "tag":
            return self._tags.get(key)
        return self._bare(kind)

    def _bare(self, kind: str) -> Optional[str]:
        """The sources without a key."""
        if kind == "path":
            return self._path.partition("?")[0]
        if kind == "method":
            return self._method
        if kind == "host":
            return _without_port(self._headers("host") or "" if self._host is None else self._host).lower()
        if kind == "caller":
            return None if self._caller == "-" else _named(self._caller)
        return _named(self._service) if kind == "service" else None

    def _parsed(self, kind: str) -> Mapping[str, str]:
        if kind == "query":
            if self._query is None:
                self._query = _first_of(self._path.partition("?")[2].split("&", MOST_PARTS)[:MOST_PARTS], unquote_plus)
            return self._query
        if self._cookies is None:
            cookies = (self._headers("cookie") or "").split(";", MOST_PARTS)
            self._cookies = _first_of(cookies[:MOST_PARTS], _unquoted)
        return self._cookies


def holds(when: When, facts: Facts) -> bool:
    """Whether any item of `when` has all its conditions fulfilled."""
    return any(all(fulfilled(condition, facts) for condition in item) for item in when)


def fulfilled(condition: Condition, facts: Facts) -> bool:
    """Whether one condition holds. An absent value fulfils ``not``, ``not_in`` and ``present: false``, else nothing."""
    source, op, operand = condition
    value = facts.get(source.kind, source.key)
    if op == "present":
        return (value is not None) is operand
    if value is None:
        # Like a negated matcher of other meshes: "every user but 7" includes the requests that name no user.
        return op in ("not", "not_in")
    return _OPERATORS[op](value, operand)


def _exact(value: str, operand: str) -> bool:
    return value == operand


def _not(value: str, operand: str) -> bool:
    return value != operand


def _in(value: str, operand: FrozenSet[str]) -> bool:
    return value in operand


def _not_in(value: str, operand: FrozenSet[str]) -> bool:
    return value not in operand


def _prefix(value: str, operand: str) -> bool:
    return value.startswith(operand)


def _suffix(value: str, operand: str) -> bool:
    return value.endswith(operand)


def _regex(value: str, operand: Pattern[str]) -> bool:
    return operand.fullmatch(value, 0, LOOKED_AT) is not None


def _range(value: str, operand: Tuple[float, float]) -> bool:
    # Not float(): that accepts "nan", "1_000", and digits of other scripts, none of which a rule's author means.
    match = _NUMBER.fullmatch(value.strip())
    if match is None:
        return False
    number = float(value) if match.group(1) else int(value)
    return operand[0] <= number <= operand[1]


_OPERATORS: Mapping[str, Callable[[str, Any], bool]] = {
    "exact": _exact,
    "not": _not,
    "in": _in,
    "not_in": _not_in,
    "prefix": _prefix,
    "suffix": _suffix,
    "regex": _regex,
    "range": _range,
}


def _first_of(parts: Iterable[str], decode: Callable[[str], str]) -> Dict[str, str]:
    """The ``name=value`` parts as a mapping; of several with one name the first counts."""
    found: Dict[str, str] = {}
    for part in parts:
        name, _, value = part.strip().partition("=")
        if name:
            found.setdefault(decode(name), decode(value))
    return found


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _without_port(host: str) -> str:
    name, sign, port = host.rpartition(":")
    return name if sign and port.isdigit() and (":" not in name or name.endswith("]")) else host


def _named(service: Optional[str]) -> Optional[str]:
    return shown(service) if service and "/" in service else service
