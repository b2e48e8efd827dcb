"""The share of requests that enter a Lane, in the Lane's normal form."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Union


def at_of(document: Mapping[str, Any]) -> List[str]:
    """The services at which the Lane is entered."""
    return list(dict.fromkeys(name for item in document.get("enter") or () for name in item["at"]))


def set_percent(document: Mapping[str, Any], percent: float) -> Dict[str, Any]:
    """The normal form with the share set in the items of ``enter`` that draw one, and ``paused`` lifted.

    An item draws a share if it has ``percent``, or neither ``percent`` nor ``when`` (that is 100). If there is none, an
    item for all services of the Lane is added.
    """
    share = number(percent)
    items = [dict(item, percent=share) if _drawn(item) else dict(item) for item in document.get("enter") or ()]
    if not any(_drawn(item) for item in items):
        items.append({"at": at_of(document), "percent": share})
    return _with(document, items)


def set_all(document: Mapping[str, Any], percent: float) -> Dict[str, Any]:
    """The normal form in which this share, and nothing else, decides at each service of the Lane; ``paused`` is lifted.

    One draw is left for each service: two would let in more than a later share says. One with ``sticky`` is preferred,
    so that a later share takes in the same users.
    """
    items: List[Dict[str, Any]] = []
    open_: List[str] = at_of(document)
    drawn = [item for item in document.get("enter") or () if _drawn(item)]
    for item in [*sorted(drawn, key=lambda one: not one.get("sticky")), {"at": open_}]:
        at = [name for name in item["at"] if name in open_]
        open_ = [name for name in open_ if name not in at]
        if at:
            kept = {"sticky": item["sticky"]} if item.get("sticky") else {}
            items.append({"at": at, "percent": number(percent), **kept})
    return _with(document, items)


def _with(document: Mapping[str, Any], items: List[Dict[str, Any]]) -> Dict[str, Any]:
    """The normal form with these items of ``enter``, and not paused."""
    found = dict(document, enter=items)
    if "paused" in found:
        found["paused"] = False
    return found


def number(percent: float) -> Union[int, float]:
    """The share as documents hold it: whole numbers without a point."""
    return int(percent) if float(percent).is_integer() else percent


def _drawn(item: Mapping[str, Any]) -> bool:
    return "percent" in item or not item.get("when")
