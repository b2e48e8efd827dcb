"""Lanes as people and machines see them: who enters, where calls fall back to, which instances live."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ..core import instant
from ..core.model import Pairs
from . import output, store
from .invocation import Invocation


class LaneView(NamedTuple):
    """A Lane with its instances, or tags that instances carry without a Lane (`document` None)."""

    name: Optional[str]
    tags: Pairs
    document: Optional[Mapping[str, Any]]
    instances: Mapping[str, int]  # name of the service -> live instances
    expired: bool

    def shape(self) -> Mapping[str, Any]:
        """The lane for machines."""
        document = self.document or {}
        return {
            "name": self.name,
            "tags": dict(self.tags),
            "priority": None if self.document is None else document.get("priority", 100),
            "enter": list(document.get("enter") or ()),
            "fallback": None if self.document is None else document.get("fallback", store.BASELINE),
            "paused": bool(document.get("paused")),
            "expires": document.get("expires"),
            "instances": dict(self.instances),
        }


def tags_of(document: Mapping[str, Any]) -> Pairs:
    """The tags of a Lane."""
    return tuple(sorted((document.get("tags") or {"lane": document["name"]}).items()))


def members(contents: store.Contents, space: str, tags: Pairs) -> Dict[str, int]:
    """Live instances of a lane by service key."""
    found: Dict[str, int] = {}
    for instance in contents.instances():
        if store.namespace(instance.service) == space and store.routing(instance, contents.rules) == tags:
            found[instance.service] = found.get(instance.service, 0) + 1
    return found


def lanes(call: Invocation, contents: store.Contents) -> List[LaneView]:
    """The lanes of the namespace in the order in which they are tried, then tags in use that have no Lane."""
    space = call.namespace
    found: List[LaneView] = []
    for lane in contents.rules.lanes.get(space, ()):
        document = contents.reading.documents.get("Lane/%s/%s" % (space, lane.name))
        expired = lane.expires is not None and lane.expires <= contents.time
        found.append(LaneView(lane.name, lane.tags, document, _counted(call, contents, lane.tags), expired))
    known = {lane.tags for lane in found}
    for instance in contents.instances():
        tags = store.routing(instance, contents.rules)
        if tags and tags not in known and store.namespace(instance.service) == space:
            known.add(tags)
            found.append(LaneView(None, tags, None, _counted(call, contents, tags), False))
    return found


def _counted(call: Invocation, contents: store.Contents, tags: Pairs) -> Dict[str, int]:
    return {call.name(key): number for key, number in members(contents, call.namespace, tags).items()}


def table(call: Invocation, views: Sequence[LaneView]) -> List[str]:
    """The lanes for people."""
    if not views:
        text = (
            "no lane in the namespace %s. Create one: meshctl lane create gray --at web --percent 10" % call.namespace
        )
        return output.paragraph(text, call.screen)
    rows = [
        (view.name or "(no Lane)", output.pairs(dict(view.tags)), tuple(entered(view)), _end(view), _living(view))
        for view in views
    ]
    return output.table(("LANE", "TAGS", "ENTERED BY", "FALLBACK", "INSTANCES"), rows, call.screen)


def story(call: Invocation, contents: store.Contents, document: Mapping[str, Any]) -> List[str]:
    """One lane for people, and what is still missing for it to serve."""
    tags = tags_of(document)
    expires = instant.epoch(document["expires"]) if "expires" in document else None
    expired = expires is not None and expires <= contents.time
    view = LaneView(str(document["name"]), tags, document, _counted(call, contents, tags), expired)
    lines: List[str] = []
    for label, text in (
        ("tags", output.pairs(dict(tags))),
        ("entered", "; ".join(entered(view))),
        ("fallback", _end(view)),
        ("instances", _living(view)),
    ):
        lines += output.paragraph(text, call.screen, "  " + label.ljust(11))
    if not view.instances:
        own = "MESHRUN_TAGS=" + output.pairs(dict(tags))
        if [key for key, _ in tags] == ["lane"]:
            own = "MESHRUN_LANE=" + tags[0][1]
        hint = "no live instance carries these tags (MR4005): start one with %s meshrun COMMAND" % own
        lines += output.paragraph(hint, call.screen, "  note".ljust(13))
    return lines


def entered(view: LaneView) -> List[str]:
    """Who enters, one sentence for each item of ``enter``."""
    document = view.document
    if document is None:
        return ["calls of its own instances"]
    items = [entry(item) for item in document.get("enter") or ()] or ["nobody enters; requests may bring it"]
    if document.get("paused"):
        return ["paused: nobody new enters", *items]
    if view.expired:
        return ["expired on %s: nobody enters" % document["expires"], *items]
    return items


def entry(item: Mapping[str, Any]) -> str:
    """One item of ``enter``: ``10 % at web, sticky header.x-user-id``."""
    share = item.get("percent", 100)
    at = "at " + ", ".join(item["at"])
    text = at if item.get("when") and share == 100 else "%s %% %s" % (output.number(share), at)
    if item.get("when"):
        text += " when " + " or ".join(" and ".join(_tests(one)) for one in item["when"])
    return text + (", sticky " + item["sticky"] if item.get("sticky") else "")


def _tests(conditions: Mapping[str, Mapping[str, Any]]) -> List[str]:
    return [_test(source, op, operand) for source, tests in conditions.items() for op, operand in tests.items()]


def _test(source: str, op: str, operand: Any) -> str:
    if op == "present":
        return source + (" is present" if operand else " is absent")
    if op == "range":
        return "%s is %s to %s" % (source, operand[0], operand[1])
    words = {"exact": "is", "not": "is not", "in": "is one of", "not_in": "is none of"}.get(op, "has " + op)
    return "%s %s %s" % (source, words, ", ".join(operand) if isinstance(operand, list) else operand)


def _end(view: LaneView) -> str:
    """Where calls go while the lane has no instance."""
    fallback = (view.document or {}).get("fallback", store.BASELINE)
    if isinstance(fallback, dict):
        named = ["%s: %s" % (end, ", ".join(fallback[end])) for end in ("strict", "baseline") if fallback.get(end)]
        return "; ".join([_chain(fallback.get("default", store.BASELINE)), *named])
    return _chain(fallback)


def _chain(value: Any) -> str:
    return value if isinstance(value, str) else " then ".join(value)


def _living(view: LaneView) -> str:
    return ", ".join("%s %d" % (name, number) for name, number in view.instances.items()) or "none"
