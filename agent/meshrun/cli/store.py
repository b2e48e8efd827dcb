"""What the store holds, read once for a command: documents, compiled rules, instances."""

from __future__ import annotations

import time
from typing import List, Mapping, NamedTuple

from ..core import compile as compiling
from ..core.model import Instance, Pairs
from ..core.pool import lane_of
from ..core.rules import RuleSet
from ..engines.base import EngineError, InstancesReading, RulesReading
from . import output
from .invocation import Invocation

BASELINE = "baseline"


class Contents(NamedTuple):
    """One reading of a store."""

    reading: RulesReading
    rules: RuleSet
    members: InstancesReading
    time: float  # epoch seconds of the reading

    def instances(self) -> List[Instance]:
        """The live instances, by service, lane (baseline first) and address."""
        alive = [one for members in self.members.instances.values() for one in members if one.alive]
        return sorted(alive, key=lambda one: (one.service, routing(one, self.rules), one.address, one.port))


def read(call: Invocation) -> Contents:
    """Read the store. Raises `Failure` with code MR3001."""
    engine = call.engine
    try:
        reading = engine.rules(None)
        members = engine.instances(None)
    except EngineError as error:
        raise call.unreachable(error) from error
    return Contents(reading, compiling.build(reading.documents, reading.version), members, time.time())


def routing(instance: Instance, rules: RuleSet) -> Pairs:
    """The reserved tags of an instance: what makes it a member of a lane, or of baseline when there are none."""
    return lane_of(instance, rules.reserved_keys(namespace(instance.service)))


def lane_name(tags: Pairs, space: str, rules: RuleSet) -> str:
    """What to call the lane of these tags: its Lane's name, ``gray`` for a bare ``lane=gray``, else the tags."""
    if not tags:
        return BASELINE
    lanes = rules.lanes.get(space, ())
    for lane in lanes:
        if lane.tags == tags:
            return lane.name
    if len(tags) == 1 and tags[0][0] == "lane" and all(lane.name != tags[0][1] for lane in lanes):
        return tags[0][1]
    return output.pairs(dict(tags))


def namespace(key: str) -> str:
    """The namespace of a service key."""
    return key.partition("/")[0]


def instance_shape(call: Invocation, instance: Instance, rules: RuleSet) -> Mapping[str, object]:
    """An instance as ``status`` prints it for machines."""
    return {
        "service": call.name(instance.service),
        "address": instance.address,
        "port": instance.port,
        "protocol": instance.protocol,
        "tags": dict(sorted(instance.tags.items())),
        "state": instance.state,
        "weight": instance.weight,
        "lane": lane_name(routing(instance, rules), namespace(instance.service), rules),
    }
