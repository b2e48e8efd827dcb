"""What the ``file`` engine writes about one instance, and about the slots that instances left."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional

from ..core.model import Instance, Pairs, Vacancy

LIMIT = 65536
"""Bytes of one record at most."""
TTL = 10.0
"""Seconds of a lease when nothing else is said."""
VACANT_SECONDS = 60.0
"""Seconds for which a slot that was left keeps its place."""
FORGET_SECONDS = 3600.0
"""Seconds after which an instance whose lease expired is forgotten."""

_KINDS = {
    "address": (str,),
    "port": (int,),
    "protocol": (str,),
    "tls": (bool,),
    "tags": (dict,),
    "weight": (int,),
    "started": (int, float),
    "keepalive": (int, float, type(None)),
    "slot": (int,),
    "state": (str,),
    "ttl": (int, float),
    "lane": (list,),
}


class Record(NamedTuple):
    """An instance as written: its lease in seconds, and the lane whose slots it shares."""

    instance: Instance
    ttl: float
    lane: Pairs


class Left(NamedTuple):
    """A slot that instance `id` left on purpose."""

    id: str
    lane: Pairs
    slot: int
    until: float  # epoch seconds


def dump(record: Record) -> bytes:
    """A record as the content of its file."""
    fields: Dict[str, Any] = record.instance._asdict()
    for implied in ("id", "service", "alive"):
        del fields[implied]  # The path and the age of the file say these.
    fields.update(tags=dict(record.instance.tags), ttl=record.ttl, lane=record.lane)
    return json.dumps(fields, separators=(",", ":"), sort_keys=True).encode("ascii")


def load(data: bytes, service: str, name: str) -> Optional[Record]:
    """The record of instance `name` of `service` (a service key), or None when the content is none."""
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    for key, kinds in _KINDS.items():
        if not isinstance(fields.get(key), kinds):
            return None
    lane = _pairs(fields.pop("lane"))
    ttl = float(fields.pop("ttl"))
    if lane is None or not 0 < ttl <= 86400 or not _strings(fields["tags"]) or not _bounded(fields):
        return None
    known = {key: fields[key] for key in _KINDS if key in fields}  # A later version may write more.
    return Record(Instance(id=name, service=service, **known), ttl, lane)


def _strings(tags: Mapping[Any, Any]) -> bool:
    return all(isinstance(value, str) for value in tags.values())


def _bounded(fields: Mapping[str, Any]) -> bool:
    keepalive = fields["keepalive"]
    return (
        0 < fields["port"] < 65536
        and 0 < fields["weight"] <= 10000
        and 0 <= fields["slot"] < 1 << 31
        and 0 <= fields["started"] < 1e12
        and (keepalive is None or 0 <= keepalive < 1e9)
    )


def _pairs(value: Any) -> Optional[Pairs]:
    if not isinstance(value, list):
        return None
    for pair in value:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(word, str) for word in pair)):
            return None
    return tuple(sorted((key, word) for key, word in value))


def dump_left(left: Iterable[Left]) -> bytes:
    """Left slots as the content of their file, one line each."""
    return b"".join(json.dumps(item, separators=(",", ":")).encode("ascii") + b"\n" for item in left)


def load_left(data: bytes) -> List[Left]:
    """The left slots in a file; lines that are none are skipped."""
    found: List[Left] = []
    for line in data.split(b"\n"):
        if not 0 < len(line) <= LIMIT:
            continue
        try:
            name, lane, slot, until = json.loads(line)
        except (ValueError, TypeError, RecursionError):
            continue
        pairs = _pairs(lane)
        if isinstance(name, str) and pairs is not None and isinstance(slot, int) and isinstance(until, (int, float)):
            found.append(Left(name, pairs, slot, float(until)))
    return found


def vacancies(service: str, records: Iterable[Record], left: Iterable[Left], now: float) -> List[Vacancy]:
    """The empty places of a service's rings at epoch second `now`.

    `records` without the dead ones; `left` with those that dead ones left. A place that is taken again is not empty.
    """
    taken = {(record.lane, record.instance.slot) for record in records}
    until: Dict[Any, float] = {}
    for item in left:
        place = (item.lane, item.slot)
        if place not in taken and now < item.until <= now + 2 * VACANT_SECONDS:
            until[place] = max(item.until, until.get(place, 0.0))
    return [Vacancy(service, lane, slot, end) for (lane, slot), end in sorted(until.items())]
