"""The record of a decision for people: each candidate and each rule that was looked at, with the reason in words."""

from __future__ import annotations

from typing import Callable, Dict, Iterable, List, Pattern, Tuple

from .match import Facts, fulfilled
from .model import Instance, Pairs
from .rules import Condition, When

_SHOWN = 64  # characters of a request's value that a reason quotes


class Trace:
    """Filled by `admit` and `decide` when somebody asks why; a live call has none."""

    def __init__(self) -> None:
        self.rules: List[Tuple[str, bool, str]] = []
        """(name, whether it matched, why) of each rule looked at, in that order."""
        self._instances: Tuple[Instance, ...] = ()
        self._dropped: Dict[str, str] = {}
        self._why_kept = ""

    @property
    def candidates(self) -> List[Tuple[str, bool, str]]:
        """(``address:port``, whether the pick drew from it, why) of each instance of the service."""
        return [
            (instance.endpoint, instance.id not in self._dropped, self._dropped.get(instance.id, self._why_kept))
            for instance in self._instances
        ]

    def rule(self, name: str, matched: bool, why: str) -> None:
        """A rule was looked at."""
        self.rules.append((name, matched, why))

    def start(self, instances: Tuple[Instance, ...]) -> None:
        """All instances of the service, before the first step."""
        self._instances = instances

    def left(self, instances: Iterable[Instance], why: Callable[[Instance], str]) -> None:
        """A step left these; `why` says of each other one why it went.

        A step can bring back what an earlier one dropped: ``else: baseline`` of a Route.
        """
        kept = {instance.id for instance in instances}
        for instance in self._instances:
            if instance.id in kept:
                self._dropped.pop(instance.id, None)
            else:
                self._dropped.setdefault(instance.id, why(instance))

    def kept(self, why: str) -> None:
        """Why those that no step dropped are in."""
        self._why_kept = why


def in_words(pairs: Pairs) -> str:
    """``lane=gray,stage=b``; of no pairs, ``baseline``."""
    return ",".join("%s=%s" % pair for pair in pairs) or "baseline"


def why(when: When, facts: Facts) -> Tuple[bool, str]:
    """Whether `when` holds, and the conditions that decided it."""
    misses: List[str] = []
    for item in when:
        failed = next((condition for condition in item if not fulfilled(condition, facts)), None)
        if failed is None:
            return True, ", ".join(_found(condition, facts) for condition in item) or "it has no condition"
        misses.append("%s, expected %s" % (_found(failed, facts), _expected(failed)))
    return False, "; ".join(misses) or "it has no item that could hold"


def _found(condition: Condition, facts: Facts) -> str:
    source = condition.source
    value = facts.get(source.kind, source.key)
    name = source.kind + "." + source.key if source.key else source.kind
    return name + (" is absent" if value is None else " is %r" % value[:_SHOWN])


def _expected(condition: Condition) -> str:
    op, operand = condition.op, condition.operand
    if op == "present":
        return "it to be " + ("present" if operand else "absent")
    if isinstance(operand, frozenset):
        return ("one of " if op == "in" else "none of ") + ", ".join(sorted(operand))
    if isinstance(operand, tuple):
        return "%s to %s" % operand
    if isinstance(operand, Pattern):
        return "to match %s" % operand.pattern
    return {"exact": "%r", "not": "anything but %r"}.get(op, op + " %r") % (operand,)
