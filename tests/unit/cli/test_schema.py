from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Dict, List

import pytest

from meshrun.cli.shapes import SHAPES

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl, Processes, Run

_TYPES: Dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}


def misfits(value: Any, shape: Any, path: str = "$") -> List[str]:
    """Where a value differs from a schema, for the few words of JSON Schema that our shapes use."""
    if "anyOf" in shape:
        return min((misfits(value, one, path) for one in shape["anyOf"]), key=len)
    types = shape.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(isinstance(value, _TYPES[name]) for name in types):
        return ["%s is %r, not %s" % (path, value, types)]
    found: List[str] = []
    if isinstance(value, dict):
        properties, more = shape.get("properties", {}), shape.get("additionalProperties", True)
        found += ["%s lacks %s" % (path, name) for name in shape.get("required", []) if name not in value]
        for name, part in value.items():
            if name in properties:
                found += misfits(part, properties[name], "%s.%s" % (path, name))
            elif more is False:
                found.append("%s has %s" % (path, name))
            elif isinstance(more, dict):
                found += misfits(part, more, "%s.%s" % (path, name))
    if isinstance(value, list) and "items" in shape:
        found += [text for n, part in enumerate(value) for text in misfits(part, shape["items"], "%s[%d]" % (path, n))]
    return found


def test_without_a_word_it_is_the_schema_of_rule_documents(meshctl: Meshctl) -> None:
    schema = meshctl("schema").json
    kinds = {name for one in schema["oneOf"] for name in one["properties"]["kind"]["enum"]}
    assert {"Mesh", "Lane", "Alias", "Route", "Lifecycle"} <= kinds
    assert meshctl("schema", "rules").json == schema


def test_an_unknown_word_lists_what_there_is(meshctl: Meshctl) -> None:
    run = meshctl("schema", "lanes")
    assert run.status == 2
    assert "There are: status, explain, rules lint," in run.err


def test_every_command_prints_the_shape_that_the_schema_says(meshctl: Meshctl, process: Processes) -> None:
    process(101)
    meshctl.instance("orders", 9000, tags={"lane": "gray"})
    given = meshctl.folder / "given.yaml"
    runs: List[tuple[str, Run]] = [("rules apply", meshctl.apply("kind: Lane\nname: blue\n", "-o", "json"))]
    given.write_text("kind: Lane\nname: blue\npriority: 3\n---\nkind: Lane\nname: new\n")
    cases = meshctl.folder / "cases.yaml"
    cases.write_text(
        "cases: [{ call: { to: orders }, expect: { lane: gray } }, { call: { url: a }, expect: { lane: none } }]"
    )
    environment = meshctl.folder / "env"
    (environment / "lib" / ("python%d.%d" % sys.version_info[:2]) / "site-packages").mkdir(parents=True)
    (environment / "pyvenv.cfg").touch()
    tree = meshctl.folder / "tree"
    (tree / "etc/systemd/system").mkdir(parents=True)
    (tree / "etc/systemd/system/x.service").write_text("[Service]\nExecStart=/bin/true\n")
    for command in (
        "status",
        "explain --from web --to orders",
        "explain --url http://nobody/",
        "rules diff -f %s" % given,
        "rules lint -f %s" % given,
        "lane create gray --at web --when header.a=b",
        "lane percent gray 10",
        "lane pause gray",
        "lane promote gray",
        "lane abort gray",
        "rules test %s" % cases,
        "mode carry --service web",
        "mode",
        "doctor",
        "hooks",
        "config show",
        "config check",
        "config init",
        "venv enable %s" % environment,
        "venv show %s" % environment,
        "venv disable %s" % environment,
        "vm enable x --root %s" % tree,
        "vm status --root %s" % tree,
        "vm disable x --root %s" % tree,
        "lane list",
        "lane delete gray --force",
        "offline",
        "ready",
        "version",
    ):
        words = command.split()
        name = " ".join(words[:2]) if " ".join(words[:2]) in SHAPES else words[0]
        runs.append((name, meshctl(*words, "-o", "json")))
    given.write_text("kind: Lane\n")
    runs += [("error", meshctl("rules", "apply", "-f", str(given), "-o", "json"))]
    runs += [("error", meshctl("offline", "--pid", "1", "-o", "json"))]
    runs += [("rules lint", meshctl("rules", "lint", "-f", str(given), "-o", "json"))]
    # That of the bundle is compared where bundles are made for real (tests/e2e).
    assert {name for name, _ in runs} == set(SHAPES) - {"bundle"}
    for name, run in runs:
        assert misfits(run.json, meshctl("schema", *name.split()).json) == [], name


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_shape_is_named_and_says_its_dialect(meshctl: Meshctl, name: str) -> None:
    schema = meshctl("schema", *name.split()).json
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["title"] == "meshctl %s -o json" % name
