"""The weight that an instance has while it warms up."""

from __future__ import annotations

from typing import Sequence, Tuple

from .model import Instance


def effective(weight: int, age: float, warmup: float, curve: float) -> int:
    """``max(1, round(weight * min(1, (age / warmup) ** curve)))``; times in seconds, `warmup` 0 means none.

    The formula is that of Dubbo's and Polaris's warm-up with a floor of 1, so that an instance that has just started
    gets the calls that warm it. A negative age, of a provider whose clock runs ahead, counts as 0.
    """
    age = max(0.0, age)
    if age >= warmup:
        return weight
    grown: float = (age / warmup) ** curve
    return max(1, round(weight * grown))


def cold(instance: Instance, now: float, warmup: float) -> bool:
    """Whether the instance still warms up."""
    return max(0.0, now - instance.started) < warmup


def effective_weights(instances: Sequence[Instance], now: float, warmup: float, curve: float) -> Tuple[int, ...]:
    """The weights of a set. While half or more of it is cold, warm-up is skipped: nobody is there to take the load.

    The same protection as Polaris's `enable_overload_protection` with its default threshold of 50 percent.
    """
    if sum(cold(instance, now, warmup) for instance in instances) * 2 >= len(instances):
        return tuple(instance.weight for instance in instances)
    return tuple(effective(instance.weight, now - instance.started, warmup, curve) for instance in instances)
