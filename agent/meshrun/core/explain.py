"""Explains one call: the question of ``meshctl explain`` and ``POST /explain`` answered by the live path."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import urlsplit

from . import reason
from .admit import admit
from .colour import clean
from .index import Index
from .match import RequestFacts
from .model import Pairs, service_key, shown
from .route import Call, Local, decide
from .trace import Trace

_PORTS = {"http": 80, "https": 443, "grpc": 80, "grpcs": 443}


class QuestionError(ValueError):
    """The question cannot be understood; the text says why."""


class Question(NamedTuple):
    """A call to explain. What is not known is None; headers are those that the caller received and passes on."""

    caller: Optional[str] = None  # service key of the calling service
    service: Optional[str] = None  # service key of the called service, or `host` is given
    host: str = ""
    port: Optional[int] = None
    protocol: Optional[str] = None  # http | grpc; None: what the service's instances speak
    tls: Optional[bool] = None
    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = {}  # names in lower case
    colour: Optional[Pairs] = None  # the colour that came in; None: none, so that a lane may be entered
    draw: Optional[float] = None  # 0 up to but without 1; None: drawn


class Explanation(NamedTuple):
    """Where the call goes, and the story of it."""

    service: Optional[str]  # service key; None: not a mesh service
    colour: Pairs
    entered: bool  # whether the colour comes from a lane that is entered at the caller
    candidates: Tuple[Tuple[str, bool, str], ...]  # (address, kept, why)
    rules: Tuple[Tuple[str, bool, str], ...]  # (name, matched, why)
    chosen: Optional[str]  # address:port
    reason: str
    refused: bool

    def shape(self, name: Callable[[str], str] = shown) -> Dict[str, Any]:
        """The explanation as JSON; `name` writes a service key."""
        return {
            "service": None if self.service is None else name(self.service),
            "colour": dict(self.colour),
            "candidates": [{"address": a, "kept": kept, "why": why} for a, kept, why in self.candidates],
            "rules": [{"name": n, "matched": matched, "why": why} for n, matched, why in self.rules],
            "chosen": self.chosen,
            "reason": self.reason,
        }


def explain(
    index: Index, question: Question, namespace: str, local: Local, now: float, draw: Callable[[], float]
) -> Explanation:
    """Follow a call from the moment its request reaches the caller: colour, then destination.

    `namespace` is the caller's where the question names none; `now` is in epoch seconds; `draw` answers numbers in
    [0, 1) and is replaced by the question's own number.
    """
    own = namespace if question.caller is None else question.caller.partition("/")[0]
    chance = draw if question.draw is None else _constant(question.draw)
    service = question.service
    if service is None or not _known(index, service):
        host = question.host if service is None else shown(service)
        service = index.target(host, question.port if question.service is None else None, own)
    trace = Trace()
    header = {name.lower(): value for name, value in question.headers.items()}.get
    incoming = question.colour or ()
    came = RequestFacts(question.method, question.path, "", header, incoming, {}, None, question.caller)
    colour = admit(index.rules, question.caller, own, {}, incoming, True, came, chance, now, trace)
    entered = colour != incoming
    if service is None:
        return Explanation(None, colour, entered, (), tuple(trace.rules), None, reason.NOT_MESH, False)
    host = question.host or shown(service)
    facts = RequestFacts(question.method, question.path, host, header, colour, {}, question.caller, service)
    protocol, tls = _spoken(index, service, question)
    call = Call(service, protocol, tls, colour, facts, None)
    decision = decide(index, call, local, chance, now, None, trace)
    chosen = decision.instance.endpoint if decision.instance is not None else None
    candidates, rules = tuple(trace.candidates), tuple(trace.rules)
    return Explanation(service, colour, entered, candidates, rules, chosen, decision.reason, decision.refused)


def read(asked: Any, namespace: str) -> Question:
    """The question in JSON: ``from``, ``to`` or ``url``, ``method``, ``path``, ``headers``, ``colour``, ``draw``.

    Services are ``NAME`` (of `namespace`) or ``NAME.NAMESPACE``. Raises `QuestionError`.
    """
    if not isinstance(asked, Mapping):
        raise QuestionError("expected a mapping")
    caller, to, url = _text(asked, "from"), _text(asked, "to"), _text(asked, "url")
    if (to is None) == (url is None):
        raise QuestionError("expected either `to` or `url`")
    own = _key(caller, namespace) if caller else None
    draw = asked.get("draw")
    if draw is not None and not (isinstance(draw, (int, float)) and 0 <= draw <= 1):
        raise QuestionError("expected `draw` to be a number from 0 to 1")
    colour = asked.get("colour")
    found = Question(
        caller=own,
        service=None if to is None else _key(to, own.partition("/")[0] if own else namespace),
        method=(_text(asked, "method") or "GET").upper(),
        path=_text(asked, "path") or "/",
        headers={name.lower(): value for name, value in _texts(asked, "headers").items()},
        colour=None if colour is None else clean(_texts(asked, "colour").items())[0],
        draw=None if draw is None else min(float(draw), 1 - 2**-53),
    )
    return found if url is None else _at(found, url, asked)


def _at(question: Question, url: str, asked: Mapping[str, Any]) -> Question:
    """The question with what its URL says; a path that is asked for by itself wins."""
    try:
        parts = urlsplit(url if "://" in url else "http://" + url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise QuestionError("%r is not a URL: %s" % (url[:200], error)) from None
    if not host or parts.scheme not in _PORTS:
        raise QuestionError("%r is not a URL such as http://orders/items" % url[:200])
    path = (parts.path or "/") + (parts.query and "?" + parts.query)
    return question._replace(
        host=host,
        port=_PORTS[parts.scheme] if port is None else port,
        protocol="grpc" if parts.scheme.startswith("grpc") else "http",
        tls=parts.scheme.endswith("s"),
        path=question.path if asked.get("path") else path,
    )


def _spoken(index: Index, service: str, question: Question) -> Tuple[str, bool]:
    """Protocol and TLS flag of the call; where the question is silent, those of an instance, plain HTTP first."""
    if question.protocol is not None and question.tls is not None:
        return question.protocol, question.tls
    spoken = {(instance.protocol, instance.tls) for instance in index.instances(service) if instance.alive}
    return min(spoken, key=lambda one: (one[0] != "http", one[1]), default=("http", False))


def _known(index: Index, service: str) -> bool:
    return bool(index.instances(service)) or service in index.rules.services


def _constant(number: float) -> Callable[[], float]:
    return lambda: number


def _key(name: str, namespace: str) -> str:
    service, dot, other = name.partition(".")
    if not service or (dot and not other):
        raise QuestionError("%r is not the name of a service" % name[:200])
    return service_key(service, other or namespace)


def _text(asked: Mapping[str, Any], name: str) -> Optional[str]:
    value = asked.get(name)
    if value is not None and not isinstance(value, str):
        raise QuestionError("expected `%s` to be text" % name)
    return value or None


def _texts(asked: Mapping[str, Any], name: str) -> Dict[str, str]:
    value = asked.get(name) or {}
    if not isinstance(value, Mapping) or not all(isinstance(part, str) for pair in value.items() for part in pair):
        raise QuestionError("expected `%s` to be a mapping of texts" % name)
    return dict(value)
