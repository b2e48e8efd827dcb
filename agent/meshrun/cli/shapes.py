"""JSON Schema of everything that ``meshctl -o json`` prints, by command."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Sequence

Shape = Mapping[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _text(meaning: str) -> Shape:
    return {"type": "string", "description": meaning}


def _whole(meaning: str) -> Shape:
    return {"type": "integer", "description": meaning}


def _flag(meaning: str) -> Shape:
    return {"type": "boolean", "description": meaning}


def _maybe(shape: Shape) -> Shape:
    return dict(shape, type=[shape["type"], "null"])


def _list(item: Shape) -> Shape:
    return {"type": "array", "items": item}


def _object(**properties: Shape) -> Shape:
    """An object that has exactly these properties."""
    fields: Dict[str, Shape] = {name.rstrip("_"): shape for name, shape in properties.items()}
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _mapping(of: str, meaning: str) -> Shape:
    return {"type": "object", "additionalProperties": {"type": of}, "description": meaning}


_SERVICE = _text("name of the service; NAME.NAMESPACE where it is not the namespace asked for")
_TAGS = _mapping("string", "tags by key")
_IDENTITY = _text("Kind/namespace/name of a document")
_PROBLEM = _object(
    file=_text("file, - for standard input"),
    line=_whole("line, from 1"),
    column=_whole("column, from 1"),
    key=_text("path of the value, such as enter[0].percent, or empty"),
    what=_text("what is wrong"),
    mend=_text("how to mend it"),
    code=_text("code that docs/errors.md explains"),
    advice=_flag("true: the document is valid, this is worth knowing"),
)
_PROCESS = _object(
    pid=_whole("process id"),
    service=_maybe(_SERVICE),
    mode=_maybe(_text("off, dormant, observe, carry or enforce; null: the process did not answer")),
    rules_version=_maybe(_whole("version of the rules that it runs")),
    inflight=_maybe(_whole("requests that it serves now")),
    draining=_maybe(_flag("whether it was told to stop")),
)
_INSTANCE = _object(
    service=_SERVICE,
    address=_text("IP address"),
    port=_whole("TCP port"),
    protocol=_text("http or grpc"),
    tags=_TAGS,
    state=_text("starting, ready or draining"),
    weight=_whole("1 to 10000"),
    lane=_text("name of its lane; baseline: it is in none"),
)
_STORE = _object(
    url=_text("the store"),
    age_seconds={"type": ["number", "null"], "description": "age of what is shown; null: the store cannot be read"},
)
_CHANGES = _object(
    revision=_maybe(_whole("number of the revision; null: nothing was written")),
    created=_list(_IDENTITY),
    changed=_list(_IDENTITY),
    deleted=_list(_IDENTITY),
    unchanged=_list(_IDENTITY),
    dry_run=_flag("whether this was only a check"),
)
_LANE = _object(
    name=_maybe(_text("name of the Lane; null: instances carry these tags but there is no Lane document")),
    tags=_TAGS,
    priority=_maybe(_whole("lanes are tried from 0 upwards")),
    enter=_list({"type": "object", "description": "an item of enter as in the Lane document"}),
    fallback={"description": "fallback as in the Lane document; null: no document"},
    paused=_flag("nobody new enters"),
    expires=_maybe(_text("time after which nobody enters")),
    instances=_mapping("integer", "live instances by service"),
)

SHAPES: Mapping[str, Shape] = {
    "status": _object(processes=_list(_PROCESS), instances=_list(_INSTANCE), store=_STORE),
    "explain": _object(
        service=_maybe(_SERVICE),
        colour=_mapping("string", "the colour of the call"),
        candidates=_list(
            _object(
                address=_text("address:port"),
                kept=_flag("whether the choice was drawn from it"),
                why=_text("why it was kept or left out"),
            )
        ),
        rules=_list(
            _object(
                name=_text("the rule"),
                matched=_flag("whether it holds for this call"),
                why=_text("what decided it"),
            )
        ),
        chosen=_maybe(_text("address:port; null: the call goes where the application sent it, or is refused")),
        reason=_text("reason code"),
    ),
    "rules lint": _object(documents=_whole("documents that were read"), problems=_list(_PROBLEM)),
    "rules apply": _CHANGES,
    "rules diff": _object(
        created=_list(_IDENTITY),
        changed=_list(_IDENTITY),
        unchanged=_list(_IDENTITY),
        diff=_text("unified diff from the store to the given documents"),
    ),
    "lane create": _CHANGES,
    "lane percent": _CHANGES,
    "lane delete": _CHANGES,
    "lane list": _object(lanes=_list(_LANE)),
    "offline": _object(
        processes=_list(
            _object(
                pid=_whole("process id"),
                service=_maybe(_SERVICE),
                draining=_flag("whether it said that it drains"),
            )
        )
    ),
    "version": _object(
        meshrun=_text("version of meshrun"),
        python=_text("version of this Python"),
        implementation=_text("such as cpython"),
        platform=_text("system and machine"),
    ),
    "error": _object(
        error={
            "type": "object",
            "properties": {
                "code": _text("code that docs/errors.md explains"),
                "what": _text("what happened"),
                "why": _text("why, or empty"),
                "mend": _text("how to mend it, or empty"),
                "problems": _list(_PROBLEM),
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
