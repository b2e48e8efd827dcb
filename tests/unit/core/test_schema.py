"""The printed JSON Schema says what the validation does."""

from __future__ import annotations

import json
import re
from typing import Any, Dict

import pytest
from hypothesis import given, settings

from meshrun.core.schema import KINDS, json_schema
from tests.contract.rule_forms import DOCUMENTS

TYPES: Dict[str, Any] = {
    "string": str,
    "object": dict,
    "array": list,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def fits(value: Any, schema: Dict[str, Any]) -> bool:
    """As much of JSON Schema as ours uses."""
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    good = not types or any(isinstance(value, TYPES[one]) and (one == "boolean" or value is not True) for one in types)
    good = good and ("enum" not in schema or value in schema["enum"])
    good = good and ("anyOf" not in schema or any(fits(value, one) for one in schema["anyOf"]))
    good = good and ("oneOf" not in schema or sum(fits(value, one) for one in schema["oneOf"]) == 1)
    if isinstance(value, str):
        good = good and re.search(schema.get("pattern", ""), value) is not None
    elif isinstance(value, (int, float)):
        good = good and schema.get("minimum", value) <= value <= schema.get("maximum", value)
    elif isinstance(value, list):
        good = good and schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        good = good and all(fits(item, schema.get("items", {})) for item in value)
    elif good:
        good = entries_fit(value, schema)
    return bool(good)


def entries_fit(value: Dict[str, Any], schema: Dict[str, Any]) -> bool:
    properties, more = schema.get("properties", {}), schema.get("additionalProperties", {})
    good = all(name in value for name in schema.get("required", ()))
    good = good and schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value))
    good = good and all(fits(name, schema.get("propertyNames", {})) for name in value)
    return bool(good) and all(
        fits(inner, properties[name]) if name in properties else more is not False and fits(inner, more)
        for name, inner in value.items()
    )


@settings(max_examples=60)
@given(DOCUMENTS)
def test_every_valid_document_fits(document: Dict[str, Any]) -> None:
    assert fits(document, json_schema())


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "Lane"},
        {"kind": "Lan", "name": "a"},
        {"kind": "Lane", "name": "a", "prio": 1},
        {"kind": "Lane", "name": "a", "priority": "high"},
        {"kind": "Lane", "name": "a", "enter": [{"percent": 1}]},
        {"kind": "Lane", "name": "a", "enter": [{"at": ["web"], "percent": 101}]},
        {"kind": "Lane", "name": "a", "fallback": {"other": "strict"}},
        {"kind": "Route", "name": "a", "service": "s", "rules": []},
        {"kind": "Route", "name": "a", "service": "s", "rules": [{"to": [{}], "when": {"paths": "x"}}]},
        {"kind": "Route", "name": "a", "service": "s", "rules": [{"to": [{}], "when": {"path": {"is": "x"}}}]},
    ],
)
def test_what_validation_refuses_does_not_fit(document: Dict[str, Any]) -> None:
    assert not fits(document, json_schema())


def test_the_schema_is_json_with_every_kind_and_a_description_of_every_key() -> None:
    printed = json.loads(json.dumps(json_schema()))
    kinds = [one["properties"]["kind"]["enum"][0] for one in printed["oneOf"]]
    assert kinds == list(KINDS)
    assert all(key["description"] for one in printed["oneOf"] for key in one["properties"].values())
