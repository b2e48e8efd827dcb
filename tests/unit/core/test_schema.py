"""The printed JSON Schema says what the validation does."""

from __future__ import annotations

import json
import re
from typing import Any, Dict

import pytest
from hypothesis import given, settings
from meshrun.core.schema import KINDS, json_schema
from rule_forms import DOCUMENTS

TYPES: Dict[str, Any] = {"string": str, "object": dict, "array": list, "boolean": bool, "integer": int, "number": (int, float)}


def fits(value: Any, schema: Dict[str, Any]) -> bool:
    """As much of JSON Schema as ours uses."""
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(isinstance(value, TYPES[name]) and (name == "boolean" or value is not True) for name in types):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    for name, quantifier in (("anyOf", any), ("oneOf", lambda found: sum(found) == 1)):
        if name in schema and not quantifier([fits(value, one) for one in schema[name]]):
            return False
    if isinstance(value, str):
        return "pattern" not in schema or re.search(schema["pattern"], value) is not None
    if isinstance(value, (int, float)):
        return schema.get("minimum", value) <= value <= schema.get("maximum", value)
    if isinstance(value, list):
        good = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        return good and all(fits(item, schema.get("items", {})) for item in value)
    properties, more = schema.get("properties", {}), schema.get("additionalProperties", {})
    good = all(name in value for name in schema.get("required", ()))
    good = good and schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value))
    for name, inner in value.items():
        good = good and fits(name, schema.get("propertyNames", {}))
        good = good and (fits(inner, properties[name]) if name in properties else more is not False and fits(inner, more))
    return good


@settings(max_examples=200, deadline=None)
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
