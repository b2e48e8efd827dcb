"""A group: the instances that one ring is made of, and how a caller's calls spread over them at a time."""

from __future__ import annotations

from math import floor
from typing import Dict, FrozenSet, List, NamedTuple, Optional, Sequence, Tuple, TypeVar

from . import aperture
from .model import DRAINING, READY, Instance
from .spread import Spread
from .weight import cold, effective_weights
from .zone import Share, share

_NONE: FrozenSet[str] = frozenset()
_FOREVER = float("inf")
_MOST_MEMOS = 32  # a frame forgets all of them beyond that: flapping instances must not make it grow

_K = TypeVar("_K")
_V = TypeVar("_V")

SERVING, LEAVING, FAILED = 0, 1, 2
"""Tiers, best first: ready; draining, which serve on if nothing else is left; ejected, tried rather than nothing."""


class Standing(NamedTuple):
    """What this process has against instances of a service, by instance id. Nearly always empty."""

    ejected: FrozenSet[str] = _NONE  # failed a moment ago
    draining: FrozenSet[str] = _NONE  # said so in a response, before the store did
    tried: FrozenSet[str] = _NONE  # for this call


CLEAR = Standing()


class Frame:
    """A group during a stretch of time in which nothing in it changes by itself.

    Warm-up weights are those of the whole second, so that everything here is a function of (group, second).
    """

    __slots__ = ("_live", "_places", "_shares", "_spreads", "_weights", "group", "since", "until", "warmup_default")

    def __init__(self, group: Group, now: float, warmup_default: float) -> None:
        self.group = group
        self.warmup_default = warmup_default
        self.since: float = floor(now)
        self.until = _FOREVER
        warmup = warmup_default if group.warmup is None else group.warmup
        ready = group.of_state(READY)
        rest = tuple(instance for instance in group.members if instance.state != READY)
        self._weights: Dict[str, float] = {instance.id: instance.weight for instance in rest}
        weights = effective_weights(ready, self.since, warmup, group.curve)
        self._weights.update({instance.id: weight for instance, weight in zip(ready, weights)})
        if any(cold(instance, self.since, warmup) for instance in ready):
            self.until = self.since + 1
        held = [(slot, until) for slot, until in group.vacancies if until > now]
        self.since = max([self.since] + [until for _, until in group.vacancies if until <= now])
        self.until = min([self.until] + [until for _, until in held])
        taken = {instance.slot for instance in group.lane_members}
        self._places = _ring(group.members, [slot for slot, _ in held if slot not in taken])
        self._live: Dict[Tuple[int, Standing], Tuple[Instance, ...]] = {}
        self._shares: Dict[Tuple[int, Standing, str], Share] = {}
        self._spreads: Dict[Tuple[object, ...], Spread] = {}

    def holds(self, now: float, warmup_default: float) -> bool:
        """Whether this frame describes the group at `now`."""
        return self.since <= now < self.until and self.warmup_default == warmup_default

    def live(self, tier: int, standing: Standing) -> Tuple[Instance, ...]:
        """The members of a tier."""
        key = (tier, standing)
        found = self._live.get(key)
        if found is None:
            found = tuple(instance for instance in self.group.members if tier_of(instance, standing) == tier)
            self._live = _kept(self._live, key, found)
        return found

    def in_zone(self, tier: int, standing: Standing, zone: str) -> Share:
        """How the tier's members in the zone stand against the others (`zone.share`)."""
        key = (tier, standing, zone)
        found = self._shares.get(key)
        if found is None:
            live = self.live(tier, standing)
            found = share(live, [self._weights[instance.id] for instance in live], zone)
            self._shares = _kept(self._shares, key, found)
        return found

    def spread(self, tier: int, standing: Standing, place: Optional[Tuple[int, int]], offset: float) -> Spread:
        """How the calls of the caller at this place of its fleet spread over the tier's members."""
        narrow = len(self._places) >= aperture.NARROW_FROM
        key = (tier, standing, place, offset) if narrow else (tier, standing)
        found = self._spreads.get(key)
        if found is None:
            found = self._arc(tier, standing, place, offset) if narrow else self._whole(tier, standing)
            self._spreads = _kept(self._spreads, key, found)
        return found

    def _whole(self, tier: int, standing: Standing) -> Spread:
        live = self.live(tier, standing)
        return Spread(live, [self._weights[instance.id] for instance in live], narrow=False)

    def _arc(self, tier: int, standing: Standing, place: Optional[Tuple[int, int]], offset: float) -> Spread:
        live = {instance.id for instance in self.live(tier, standing)}
        alive = [instance is not None and instance.id in live for instance in self._places]
        members = [(self._places[at], share) for at, share in aperture.arc(alive, place, offset)]
        chosen = [(instance, share) for instance, share in members if instance is not None]
        weights = [self._weights[instance.id] * share for instance, share in chosen]
        return Spread([instance for instance, _ in chosen], weights, narrow=True)


class Group:
    """Instances of one service, protocol and lane, perhaps narrowed to a destination or a zone."""

    __slots__ = ("_frame", "curve", "identity", "lane_members", "members", "target", "vacancies", "warmup")

    def __init__(
        self,
        identity: str,
        target: str,
        members: Sequence[Instance],
        lane_members: Sequence[Instance],
        vacancies: Sequence[Tuple[int, float]],
        warmup: Optional[float],
        curve: float,
    ) -> None:
        self.identity = identity
        self.target = target  # of the Route that narrowed it, such as "version=v2"
        self.members: Tuple[Instance, ...] = tuple(sorted(members, key=_ring_order))
        self.lane_members = lane_members  # of all protocols: they share the numbering of slots
        self.vacancies = vacancies  # (slot, until) of the whole lane: whose place it was nobody wrote down
        self.warmup = warmup  # seconds; None: the process's own setting
        self.curve = curve
        self._frame: Optional[Frame] = None

    def of_state(self, state: str) -> Tuple[Instance, ...]:
        """The members of that state."""
        return tuple(instance for instance in self.members if instance.state == state)

    def frame(self, now: float, warmup_default: float) -> Frame:
        """The group at `now`."""
        frame = self._frame
        if frame is None or not frame.holds(now, warmup_default):
            frame = self._frame = Frame(self, now, warmup_default)
        return frame


def tier_of(instance: Instance, standing: Standing) -> Optional[int]:
    """The tier of an instance; None: it takes no call now."""
    if instance.state not in (READY, DRAINING) or instance.id in standing.tried:
        return None
    if instance.id in standing.ejected:
        # A second try of the same call goes to instances that may live. Else, with everything dead, each retry of the
        # app would walk through all of them.
        return None if standing.tried else FAILED
    return LEAVING if instance.state == DRAINING or instance.id in standing.draining else SERVING


def _ring_order(instance: Instance) -> Tuple[int, int, str]:
    return aperture.ring_position(instance.slot), instance.slot, instance.id


def _ring(members: Sequence[Instance], vacant: Sequence[int]) -> Tuple[Optional[Instance], ...]:
    """The places of the ring in order; None is a vacancy."""
    places: List[Tuple[Tuple[int, int, str], Optional[Instance]]] = [(_ring_order(one), one) for one in members]
    places += [((aperture.ring_position(slot), slot, ""), None) for slot in set(vacant)]
    return tuple(instance for _, instance in sorted(places, key=lambda place: place[0]))


def _kept(memo: Dict[_K, _V], key: _K, value: _V) -> Dict[_K, _V]:
    """The memo with the value in it; a new one if it had grown too large."""
    if len(memo) >= _MOST_MEMOS:
        return {key: value}
    memo[key] = value
    return memo
