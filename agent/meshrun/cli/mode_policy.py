"""From the arguments of ``meshctl mode`` to the Policy that they describe, and the one that it replaces."""

from __future__ import annotations

import re
import time
from typing import Any, Dict, Mapping, Optional, Tuple

from ..core import documents, instant
from . import arguments, change
from .errors import Failure
from .invocation import Invocation

_DURATION = re.compile(r"(\d+)\s*(s|m|min|h|d)")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def selector(call: Invocation) -> Tuple[str, Dict[str, Any]]:
    """Namespace of the document, and its selector in the normal form. Raises `Failure` with code MR2001."""
    namespace = call.namespace
    found: Dict[str, Any] = {}
    if call.args.service:
        namespace, _, service = call.key(call.args.service).partition("/")
        found["service"] = service
    tags = {key.lower(): value for key, value in arguments.tags(call.args.tag)}
    if tags:
        found["tags"] = dict(sorted(tags.items()))
    return namespace, found


def existing(
    known: Mapping[str, Mapping[str, Any]], namespace: str, wanted: Mapping[str, Any]
) -> Optional[Tuple[str, Mapping[str, Any]]]:
    """The Policy of the namespace that selects just these processes: (identity, document)."""
    for identity, document in sorted(known.items()):
        if document["kind"] == "Policy" and document["namespace"] == namespace:
            chosen = dict(document.get("selector") or {})
            if chosen.get("namespace") == namespace:
                chosen.pop("namespace")
            if chosen == dict(wanted):
                return identity, document
    return None


def document(
    call: Invocation, namespace: str, wanted: Mapping[str, Any], before: Optional[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """The Policy in its normal form; where one selects the same processes, it keeps its name."""
    made: Dict[str, Any] = {
        "kind": "Policy",
        "namespace": namespace,
        "name": before["name"] if before else _name(wanted),
    }
    if before and before.get("selector"):
        made["selector"] = before["selector"]
    elif wanted:
        made["selector"] = wanted
    made["mode"] = call.args.mode
    if call.args.percent is not None:
        made["percent"] = int(call.args.percent) if call.args.percent.is_integer() else call.args.percent
    if call.args.expires:
        made["expires"] = expires(call.args.expires, time.time())
    return change.parse(call, documents.render(made), "mode")[0].document


def expires(word: str, now: float) -> str:
    """A point in time, or a duration from now such as ``30m``, ``2h`` or ``1d``. Raises `Failure` with code MR2001."""
    found = _DURATION.fullmatch(word.strip())
    seconds = int(now) + int(found.group(1)) * _UNITS[found.group(2)] if found else instant.epoch(word.strip())
    mend = "Write 30m, 2h or 1d, or a time with a zone such as 2099-01-01T00:00:00Z."
    if seconds is None or seconds > 253_402_300_799:
        raise Failure("MR2001", "--expires %s is no time" % word, mend=mend)
    if seconds <= now:
        raise Failure("MR2001", "--expires %s is in the past" % word, mend=mend)
    return instant.written(seconds)


def _name(wanted: Mapping[str, Any]) -> str:
    """A name that the same selector always gets."""
    words = ["mode", *([wanted["service"]] if "service" in wanted else [])]
    words += ["%s-%s" % pair for pair in wanted.get("tags", {}).items()]
    return re.sub(r"[^A-Za-z0-9._-]", "-", "-".join(words))[:63]
