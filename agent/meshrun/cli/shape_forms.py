"""The few words of JSON Schema that shapes are written in."""

from __future__ import annotations

from typing import Any, Dict, Mapping

Shape = Mapping[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def text(meaning: str) -> Shape:
    """A text."""
    return {"type": "string", "description": meaning}


def whole(meaning: str) -> Shape:
    """A whole number."""
    return {"type": "integer", "description": meaning}


def flag(meaning: str) -> Shape:
    """True or false."""
    return {"type": "boolean", "description": meaning}


def maybe(shape: Shape) -> Shape:
    """The shape, or null."""
    return dict(shape, type=[shape["type"], "null"])


def list_(item: Shape) -> Shape:
    """A list of one shape."""
    return {"type": "array", "items": item}


def object_(**properties: Shape) -> Shape:
    """An object that has exactly these properties."""
    fields: Dict[str, Shape] = {name.rstrip("_"): shape for name, shape in properties.items()}
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def also(shape: Shape, **properties: Shape) -> Shape:
    """The object, which may have these properties besides."""
    return dict(shape, properties={**shape["properties"], **properties})


def mapping(of: str, meaning: str) -> Shape:
    """A mapping whose keys are not known before."""
    return {"type": "object", "additionalProperties": {"type": of}, "description": meaning}
