"""JSON Schema of everything that ``meshctl -o json`` prints, by command."""

from __future__ import annotations

from typing import Mapping, Sequence

from ..core.timeline import EVENTS
from . import shapes_setup, shapes_vm
from .shape_forms import DIALECT, Shape, also, flag, list_, mapping, maybe, object_, text, whole

_SERVICE = text("name of the service; NAME.NAMESPACE where it is not the namespace asked for")
_TAGS = mapping("string", "tags by key")
_IDENTITY = text("Kind/namespace/name of a document")
_PROBLEM = object_(
    file=text("file, - for standard input"),
    line=whole("line, from 1"),
    column=whole("column, from 1"),
    key=text("path of the value, such as enter[0].percent, or empty"),
    what=text("what is wrong"),
    mend=text("how to mend it"),
    code=text("code that docs/errors.md explains"),
    advice=flag("true: the document is valid, this is worth knowing"),
)
_PROCESS = object_(
    pid=whole("process id"),
    service=maybe(_SERVICE),
    mode=maybe(text("off, dormant, observe, carry or enforce; null: the process did not answer")),
    rules_version=maybe(whole("version of the rules that it runs")),
    inflight=maybe(whole("requests that it serves now")),
    draining=maybe(flag("whether it was told to stop")),
)
_INSTANCE = object_(
    service=_SERVICE,
    address=text("IP address"),
    port=whole("TCP port"),
    protocol=text("http or grpc"),
    tags=_TAGS,
    state=text("starting, ready or draining"),
    weight=whole("1 to 10000"),
    lane=text("name of its lane; baseline: it is in none"),
)
_TIMELINE = object_(
    instance=text("id of the instance"),
    service=_SERVICE,
    address=text("IP address"),
    port=whole("TCP port"),
    requests=whole("requests that it has served, as of its last event"),
    begun=whole("requests that had begun by then, those that it has served among them"),
    calls=object_(
        sent=whole("calls that may have reached it"),
        answered=whole("those to which the head of a response came"),
        unsent=whole("calls of which nothing was sent, such as refused connects"),
        cancelled=whole("calls that were sent, and that the application gave up by itself"),
        failed=whole("calls that were sent, and neither answered nor cancelled"),
        callers=whole("processes that have told what they counted"),
    ),
    lost=whole("the larger of calls that failed and, if it has an exit, requests that had not ended by then"),
    events=mapping("number", "epoch seconds by event, in the order in which they happened: " + ", ".join(EVENTS)),
)
_STORE = object_(
    url=text("the store"),
    age_seconds={"type": ["number", "null"], "description": "age of what is shown; null: the store cannot be read"},
)
_CHANGES = object_(
    revision=maybe(whole("number of the revision; null: nothing was written")),
    created=list_(_IDENTITY),
    changed=list_(_IDENTITY),
    deleted=list_(_IDENTITY),
    unchanged=list_(_IDENTITY),
    dry_run=flag("whether this was only a check"),
)
_LANE = object_(
    name=maybe(text("name of the Lane; null: instances carry these tags but there is no Lane document")),
    tags=_TAGS,
    priority=maybe(whole("lanes are tried from 0 upwards")),
    enter=list_({"type": "object", "description": "an item of enter as in the Lane document"}),
    fallback={"description": "fallback as in the Lane document; null: no document"},
    paused=flag("nobody new enters"),
    expires=maybe(text("time after which nobody enters")),
    instances=mapping("integer", "live instances by service"),
)

SHAPES: Mapping[str, Shape] = {
    "status": also(
        object_(processes=list_(_PROCESS), instances=list_(_INSTANCE), store=_STORE), timelines=list_(_TIMELINE)
    ),
    "explain": object_(
        service=maybe(_SERVICE),
        colour=mapping("string", "the colour of the call"),
        candidates=list_(
            object_(
                address=text("address:port"),
                kept=flag("whether the choice was drawn from it"),
                why=text("why it was kept or left out"),
            )
        ),
        rules=list_(
            object_(
                name=text("the rule"),
                matched=flag("whether it holds for this call"),
                why=text("what decided it"),
            )
        ),
        chosen=maybe(text("address:port; null: the call goes where the application sent it, or is refused")),
        reason=text("reason code"),
    ),
    "rules lint": object_(documents=whole("documents that were read"), problems=list_(_PROBLEM)),
    "rules apply": _CHANGES,
    "rules test": object_(
        cases=list_(
            object_(
                name=text("what is tested"),
                line=whole("line of the case in its file"),
                passed=flag("whether all is as expected"),
                draw={"type": ["number", "null"], "description": "the draw that went wrong, or that the case names"},
                expected={"type": "object", "description": "`expect` as it is written"},
                got=object_(
                    reason=text("reason code"),
                    service=maybe(_SERVICE),
                    lane=maybe(text("lane of the chosen instance, or baseline")),
                    tags=mapping("string", "tags of the chosen instance"),
                    address=text("address:port, or none"),
                    colour=mapping("string", "the colour of the call"),
                    refused=flag("whether the call is refused"),
                ),
            )
        ),
        failed=whole("how many failed"),
        not_reached=list_(text("a rule that no case reaches")),
    ),
    "rules diff": object_(
        created=list_(_IDENTITY),
        changed=list_(_IDENTITY),
        unchanged=list_(_IDENTITY),
        diff=text("unified diff from the store to the given documents"),
    ),
    "lane create": _CHANGES,
    "lane percent": _CHANGES,
    "lane pause": _CHANGES,
    "lane abort": _CHANGES,
    "lane promote": _CHANGES,
    "lane delete": _CHANGES,
    "lane list": object_(lanes=list_(_LANE)),
    "mode": object_(
        changes={"anyOf": [_CHANGES, {"type": "null"}], "description": "null: nothing was asked for"},
        kill_switches=list_(text("path of a kill switch that is set")),
        policies=list_(
            object_(
                name=text("name of the Policy"),
                namespace=text("its namespace"),
                selector={"type": "object", "description": "as in the document"},
                mode=text("off, dormant, observe, carry or enforce"),
                percent={"type": "number", "description": "share of the instances; the others carry"},
                expires=maybe(text("time after which it counts no more")),
                expired=flag("whether that is over"),
            )
        ),
        processes=list_(
            object_(
                pid=whole("process id"),
                service=maybe(_SERVICE),
                mode=maybe(text("mode; null: the process did not answer")),
                why=maybe(text("what decided it; null: not said")),
            )
        ),
    ),
    **shapes_setup.SHAPES,
    **shapes_vm.SHAPES,
    "offline": object_(
        processes=list_(
            object_(
                pid=whole("process id"),
                service=maybe(_SERVICE),
                draining=flag("whether it said that it drains"),
            )
        )
    ),
    "ready": object_(
        ready=flag("whether one process serves at least, and each one that serves is ready"),
        processes=list_(
            object_(
                pid=whole("process id"),
                service=maybe(_SERVICE),
                ready=flag("whether it is ready"),
                why=text("why it is not, or empty"),
            )
        ),
    ),
    "version": object_(
        meshrun=text("version of meshrun"),
        python=text("version of this Python"),
        implementation=text("such as cpython"),
        platform=text("system and machine"),
    ),
    "error": object_(
        error={
            "type": "object",
            "properties": {
                "code": text("code that docs/errors.md explains"),
                "what": text("what happened"),
                "why": text("why, or empty"),
                "mend": text("how to mend it, or empty"),
                "problems": list_(_PROBLEM),
            },
            "required": ["code", "what", "why", "mend"],
            "additionalProperties": False,
        }
    ),
}


def schema(words: Sequence[str]) -> Shape:
    """The schema of what one command prints. Raises `KeyError` for a command without a shape."""
    name = " ".join(words)
    return dict(SHAPES[name], **{"$schema": DIALECT, "title": "meshctl %s -o json" % name})
