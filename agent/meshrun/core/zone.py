"""Whether the caller's own zone can take its calls."""

from __future__ import annotations

from typing import NamedTuple, Sequence

from .model import Instance

OVERLOAD = 1.4
"""How far above the average load of the set a zone's instances may be driven before calls leave the zone.

Envoy's default overprovisioning factor (140 percent): calls stay local while 72 percent of the zone is healthy.
"""


class Share(NamedTuple):
    """How a zone stands in a set."""

    inside: bool  # it has instances
    outside: bool  # so have others
    held: float  # its part of the set's weight, 0..1
    needed: float  # the part from which on it is used alone

    @property
    def enough(self) -> bool:
        """Whether calls stay in the zone."""
        return self.inside and self.held >= self.needed


def share(instances: Sequence[Instance], weights: Sequence[float], zone: str) -> Share:
    """How the living instances of the caller's zone stand against all living ones, by effective weight.

    Needed: ``1 / (1.4 * number of zones)``. This takes callers to be spread evenly over the zones, which is all that a
    process can know without asking anybody. Instances without a ``zone`` tag count as one zone of their own.
    """
    zones = {instance.tags.get("zone") for instance in instances}
    held = sum(weight for instance, weight in zip(instances, weights) if instance.tags.get("zone") == zone)
    return Share(zone in zones, bool(zones - {zone}), held / (sum(weights) or 1.0), 1 / (OVERLOAD * (len(zones) or 1)))
