"""Which mode a process runs in: the ``Policy`` that selects it most closely decides, else its own setting."""

from __future__ import annotations

from typing import Iterable, Mapping, NamedTuple, Optional, Tuple

from .rules import Policy
from .sticky import inside

OUTSIDE = "carry"
"""The mode of the instances that a ``percent`` leaves out (DESIGN 7)."""


class Subject(NamedTuple):
    """The process that asks."""

    namespace: str
    service: Optional[str]  # its name without the namespace; None: client only
    tags: Mapping[str, str]  # its own, keys in lower case
    identity: str  # the instance's id; of a program that is none, what `identity` says


class Judged(NamedTuple):
    """One Policy as it was looked at."""

    policy: Policy
    matched: bool
    why: str  # for people


class Chosen(NamedTuple):
    """The answer: the mode, and the Policy that says so; None: the setting does."""

    mode: str
    policy: Optional[Policy]


def identity(host: str, service: Optional[str]) -> str:
    """What stands for the instance's id in a process that has none: its host and service, the same after a restart."""
    return "%s/%s" % (host, service or "-")


def order(policy: Policy) -> Tuple[bool, int, bool, str, str]:
    """The closest selector first: one that names the service, then more tags, then a namespace; then by name."""
    return policy.service is None, -len(policy.tags), policy.selects is None, policy.name, policy.namespace


def mode(policies: Iterable[Policy], subject: Subject, setting: str, now: float) -> Chosen:
    """The mode of a process. `policies`: as `order` sorts them; `now`: epoch seconds.

    The first that selects the process and has not expired decides alone: what it leaves out by `percent` is in
    `OUTSIDE`, and no other Policy is asked.
    """
    for policy in policies:
        if not misses(policy, subject, now):
            return Chosen(policy.mode if _inside(policy, subject) else OUTSIDE, policy)
    return Chosen(setting, None)


def judge(policies: Iterable[Policy], subject: Subject, now: float) -> Tuple[Judged, ...]:
    """Each Policy in the order in which they are tried, with the reason why it decides or does not."""
    found = []
    decided = False
    for policy in policies:
        why = misses(policy, subject, now)
        if not why and not decided:
            decided = True
            share = "inside" if _inside(policy, subject) else "outside"
            why = "decides" if policy.percent >= 100 else "decides: %s of %g percent" % (share, policy.percent)
            found.append(Judged(policy, matched=True, why=why))
        else:
            found.append(Judged(policy, matched=False, why=why or "a closer Policy decides"))
    return tuple(found)


def misses(policy: Policy, subject: Subject, now: float) -> str:
    """Why a Policy does not select a process; empty: it does."""
    if policy.expires is not None and now >= policy.expires:
        return "expired"
    if policy.selects is not None and policy.selects != subject.namespace:
        return "selects the namespace %s" % policy.selects
    if policy.service is not None and policy.service != subject.service:
        return "selects the service %s" % policy.service
    for key, value in policy.tags:
        if subject.tags.get(key) != value:
            return "selects the tag %s=%s" % (key, value)
    return ""


def _inside(policy: Policy, subject: Subject) -> bool:
    return policy.percent >= 100 or inside(policy.name, subject.identity, policy.percent)
