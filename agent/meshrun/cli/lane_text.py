"""Sets the share of a Lane: in its normal form, and in its YAML text without touching comments and layout."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from ..core.yamlnodes import Node
from . import output
from .yaml_edit import Change, append, changed, dash_column, get, is_flow, root_of


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
    found = dict(document, enter=items)
    if "paused" in found:
        found["paused"] = False
    return found


def number(percent: float) -> Union[int, float]:
    """The share as documents hold it: whole numbers without a point."""
    return int(percent) if float(percent).is_integer() else percent


def _drawn(item: Mapping[str, Any]) -> bool:
    return "percent" in item or not item.get("when")


def with_percent(text: str, percent: float, at: Sequence[str]) -> Optional[str]:
    """The YAML text, changed as `set_percent` does. None: a layout that this does not change safely."""
    root, share = root_of(text), output.number(percent)
    enter = get(root, "enter") if root is not None else None
    if root is None or enter is None or enter.kind != "list" or not enter.value:
        return None
    drawn = [item for item in enter.value if get(item, "percent") or not get(item, "when")]
    changes = [_set(text, item, share) for item in drawn] or [_add(text, enter, share, at)]
    paused = get(root, "paused")
    if paused is not None:
        changes.append(Change(paused.start, paused.end, "false") if paused.kind == "text" else None)
    return changed(text, changes)


def _set(text: str, item: Node, share: str) -> Optional[Change]:
    percent = get(item, "percent")
    if percent is not None:
        return Change(percent.start, percent.end, share) if percent.kind == "text" else None
    added = "percent: " + share
    return append(text, item, added, " " * (item.column - 1) + added)


def _add(text: str, enter: Node, share: str, at: Sequence[str]) -> Optional[Change]:
    added = "{ at: [%s], percent: %s }" % (", ".join(at), share)
    if is_flow(text, enter):
        return append(text, enter, added, "")
    column = dash_column(text, enter)
    return None if column is None else append(text, enter, "", " " * column + "- " + added)
