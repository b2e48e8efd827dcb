"""Checks across documents: what no single one can tell. Errors keep a set out of force; advice does not."""

from __future__ import annotations

from typing import Any, Callable, Dict, FrozenSet, Iterable, Iterator, List, Mapping, Sequence, Tuple

from .compile import resolve
from .parsed import Parsed
from .problem import Problem, suggest
from .rules import RESERVED
from .yamlnodes import place

LINEAR_ADVICE = 50
"""More regex and range conditions than this on one service are worth a word: they are tried one after the other."""


def set_problems(parsed: Iterable[Parsed]) -> List[Problem]:
    """Every contradiction between documents."""
    everything = list(parsed)
    kinds: Dict[str, List[Parsed]] = {}
    for one in everything:
        kinds.setdefault(one.document["kind"], []).append(one)
    problems = list(_unique(everything, lambda one: [("", one.identity)], "%s stands twice", "MR1030"))
    problems += _unique(kinds.get("Alias", ()), _hosts, "the host %s has two Alias documents", "MR1031")
    meshes = _distinct(kinds.get("Mesh", ()))
    two = "the namespace %s has two Mesh documents"
    problems += _unique(meshes, lambda one: [("", _namespace(one))], two, "MR1032")
    lifecycles = _distinct(kinds.get("Lifecycle", ()))
    problems += _unique(
        lifecycles,
        lambda one: [("service", resolve(one.document["service"], _namespace(one)))],
        "the service %s has two Lifecycle documents",
        "MR1035",
    )
    problems += _lanes(kinds.get("Lane", ()), reserved_of(one.document for one in meshes))
    return problems


def reserved_of(meshes: Iterable[Mapping[str, Any]]) -> Dict[str, FrozenSet[str]]:
    """Namespace -> reserved keys, for the namespaces that have a Mesh document."""
    return {mesh["namespace"]: RESERVED | frozenset(mesh.get("routing_keys") or ()) for mesh in meshes}


def advice(parsed: Iterable[Parsed]) -> List[Problem]:
    """What is valid but probably not meant, or slow."""
    everything = list(parsed)
    reserved = reserved_of(one.document for one in everything if one.document["kind"] == "Mesh")
    linear: Dict[str, int] = {}
    found: List[Problem] = []
    for one in everything:
        if one.document["kind"] == "Policy":
            found += _share(one)
        if one.document["kind"] != "Route":
            continue
        service = resolve(one.document["service"], _namespace(one))
        before = linear.get(service, 0)
        linear[service] = before + sum(map(_linear, one.document["rules"]))
        if before <= LINEAR_ADVICE < linear[service]:
            what = "%s has more than %d regex and range conditions" % (service, LINEAR_ADVICE)
            found.append(_problem(one, "rules", what, "use exact or in where they do", "MR1040"))
        found += _reserved_in_route(one, reserved.get(_namespace(one), RESERVED))
    return found


def _unique(
    parsed: Iterable[Parsed], names: Callable[[Parsed], Sequence[Tuple[str, str]]], what: str, code: str
) -> Iterator[Problem]:
    """A problem for each name, given as (key, name), that a document shares with an earlier one."""
    first: Dict[str, Parsed] = {}
    for one in parsed:
        for key, name in names(one):
            other = first.setdefault(name, one)
            if other is not one:
                where = "; the other is at %s:%d" % (other.file, other.line)
                yield _problem(one, key, what % name + where, "remove one of them", code)


def _distinct(parsed: Iterable[Parsed]) -> List[Parsed]:
    """One document per identity: what stands twice is named once."""
    return list({one.identity: one for one in parsed}.values())


def _hosts(one: Parsed) -> Sequence[Tuple[str, str]]:
    return [("hosts[%d]" % number, host) for number, host in enumerate(one.document["hosts"])]


def _lanes(lanes: Sequence[Parsed], reserved: Mapping[str, FrozenSet[str]]) -> Iterator[Problem]:
    """Tags that are no reserved keys, and fallbacks to lanes that do not exist."""
    names: Dict[str, List[str]] = {}
    for one in lanes:
        names.setdefault(_namespace(one), []).append(one.document["name"])
    for one in lanes:
        namespace, document = _namespace(one), one.document
        keys = reserved.get(namespace, RESERVED)
        for key in document.get("tags") or ():
            if key not in keys:
                what = "%s is not a reserved key of the namespace %s" % (key, namespace)
                mend = "use one of %s, or add it to routing_keys of the Mesh document" % ", ".join(sorted(keys))
                yield _problem(one, "tags." + key, what, mend, "MR1033")
        fallback = document.get("fallback")
        key, chain = "fallback", fallback
        if isinstance(fallback, dict):
            key, chain = "fallback.default", fallback.get("default")
        for number, name in enumerate(chain[:-1] if isinstance(chain, list) else ()):
            others = [other for other in names[namespace] if other != document["name"]]
            if name not in others:
                what = "the fallback %s is no other Lane of the namespace %s" % (name, namespace)
                mend = suggest(name, others) if others else "name an existing Lane, baseline or strict"
                yield _problem(one, "%s[%d]" % (key, number), what, mend, "MR1034")


def _linear(rule: Mapping[str, Any]) -> int:
    return sum("regex" in test or "range" in test for item in rule.get("when") or () for test in item.values())


def _reserved_in_route(one: Parsed, reserved: FrozenSet[str]) -> Iterator[Problem]:
    for number, rule in enumerate(one.document["rules"]):
        for index, destination in enumerate(rule["to"]):
            for name in reserved.intersection(destination.get("tags") or ()):
                key = "rules[%d].to[%d].tags.%s" % (number, index, name)
                what = "%s is a reserved key: a Route only narrows what the lane left" % name
                yield _problem(one, key, what, "use a Lane to send requests there", "MR1041")


def _share(one: Parsed) -> Iterator[Problem]:
    document = one.document
    if document.get("percent", 100) < 100 and document["mode"] not in ("carry", "enforce"):
        what = "the instances that percent leaves out carry, whatever the setting or another Policy says"
        yield _problem(one, "percent", what, "leave percent out, or select the instances by tags", "MR1042")


def _namespace(one: Parsed) -> str:
    return str(one.document["namespace"])


def _problem(one: Parsed, key: str, what: str, mend: str, code: str) -> Problem:
    node = place(one.root, key) if key else one.root
    return Problem(one.file, node.line, node.column, key, what, mend, code)
