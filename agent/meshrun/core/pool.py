"""The instances of one service that a call can use at all: those of its protocol, sorted into lanes and groups."""

from __future__ import annotations

from typing import Dict, FrozenSet, List, Optional, Sequence, Tuple

from .colour import routing
from .group import Group
from .model import Instance, Pairs, Vacancy
from .rules import Lifecycle

_SILENT = Lifecycle()


class Pool:
    """The living instances of a service (key), protocol and TLS flag."""

    __slots__ = ("_groups", "_key", "_lanes", "_lanes_all", "_lifecycle", "_vacancies", "ids", "instances", "others")

    def __init__(
        self,
        key: Tuple[str, str, bool],
        instances: Sequence[Instance],
        vacancies: Sequence[Vacancy],
        reserved: FrozenSet[str],
        lifecycle: Optional[Lifecycle],
    ) -> None:
        _, protocol, tls = self._key = key
        alive = [instance for instance in instances if instance.alive]
        self.instances = tuple(one for one in alive if one.protocol == protocol and one.tls == tls)
        self.ids = frozenset(instance.id for instance in self.instances)
        self.others = len(alive) > len(self.instances)
        """Whether instances of another protocol are alive."""
        self._vacancies = vacancies
        self._lifecycle = lifecycle or _SILENT
        self._lanes_all = _by_lane(alive, reserved)
        self._lanes = _by_lane(self.instances, reserved)
        self._groups: Dict[Tuple[Pairs, Pairs, Optional[str]], Optional[Group]] = {}

    def group(self, lane: Pairs, tags: Pairs = (), zone: Optional[str] = None) -> Optional[Group]:
        """The group of a lane (``()``: the baseline), of those with these tags, of those in the zone; None if empty.

        Every group is part of exactly one lane: whatever tags a rule names, they only narrow it.
        """
        members = self._lanes.get(lane)
        if members is None:
            return None
        key = (lane, tags, zone)
        if key not in self._groups:
            self._groups[key] = self._make(lane, tags, zone, members)
        return self._groups[key]

    def _make(self, lane: Pairs, tags: Pairs, zone: Optional[str], members: Sequence[Instance]) -> Optional[Group]:
        wanted = tags if zone is None else (*tags, ("zone", zone))
        members = [one for one in members if all(one.tags.get(name) == value for name, value in wanted)]
        if not members:
            return None
        service, protocol, tls = self._key
        words = ["%s %s%s" % (service, protocol, "+tls" if tls else "")]
        words += ["%s=%s" % pair for pair in lane] + ["to:%s=%s" % pair for pair in tags]
        return Group(
            " ".join(words if zone is None else [*words, "in:" + zone]),
            ",".join("%s=%s" % pair for pair in tags),
            members,
            self._lanes_all[lane],
            [(vacancy.slot, vacancy.until) for vacancy in self._vacancies if vacancy.lane == lane],
            self._lifecycle.warmup_seconds,
            self._lifecycle.warmup_curve,
        )


def _by_lane(instances: Sequence[Instance], reserved: FrozenSet[str]) -> Dict[Pairs, List[Instance]]:
    lanes: Dict[Pairs, List[Instance]] = {}
    for instance in instances:
        lanes.setdefault(lane_of(instance, reserved), []).append(instance)
    return lanes


def lane_of(instance: Instance, reserved: FrozenSet[str]) -> Pairs:
    """The lane of an instance, by its reserved tags; ``()`` is the baseline."""
    return routing(tuple(sorted(instance.tags.items())), reserved)
