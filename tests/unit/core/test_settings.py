"""Settings: which source wins, what cannot be read, and what that means for a server."""

from __future__ import annotations

from typing import Any, Dict

import pytest

from meshrun.core.settings import endpoint, resolve


def given(**values: str) -> Dict[str, str]:
    return {"MESHRUN_" + name: value for name, value in values.items()}


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default() -> None:
    file = {"service": "file", "namespace": "file", "lane": "file"}
    found = resolve(given(SERVICE="environment", NAMESPACE="environment"), file, {"SERVICE": "flag"})
    assert (found["SERVICE"], found["NAMESPACE"], found["LANE"]) == ("flag", "environment", "file")
    assert (found.origins["SERVICE"], found.origins["MODE"]) == ("flag", "default")
    assert found.service == "environment/flag"
    assert found.warnings == ()


def test_what_is_empty_is_not_there() -> None:
    found = resolve(given(SERVICE="", MODE=" ", PORT="", NAMESPACE=""), {"service": "web"})
    assert found.service == "default/web"
    assert (found["MODE"], found["PORT"], found.warnings) == ("enforce", None, ())


def test_a_name_of_opentelemetry_counts_where_no_other_does() -> None:
    assert resolve({"OTEL_SERVICE_NAME": "web"}, {}).service == "default/web"
    assert resolve({"OTEL_SERVICE_NAME": "web", **given(SERVICE="shop")}, {}).service == "default/shop"
    odd = resolve({"OTEL_SERVICE_NAME": "unknown_service:python"}, {})
    assert odd.service is None
    assert "OTEL_SERVICE_NAME" in odd.warnings[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVICE", "a b"),
        ("SERVICE", "a\r\nX-Evil: 1"),
        ("NAMESPACE", "a/b"),
        ("LANE", "gr\u00e4y"),
        ("TAGS", "version"),
        ("TAGS", "version=v 2"),
        ("TAGS", "version=" + "v" * 65),
        ("ADDRESS", "localhost"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "\u00b2"),
        ("PORT", "9" * 5000),
        ("PORTS", "http"),
        ("PORTS", "http:x"),
        ("DRAIN_SECONDS", "inf"),
        ("DRAIN_SECONDS", "nan"),
        ("ENTRY", "maybe"),
        ("CARRY", "*"),
        ("CARRY", "a:b"),
        ("COLOUR_KEYS", "a b"),
        ("PROBE", "55199"),
        ("PROBE", ":55199"),
        ("PROBE", "::1:55199"),
        ("PROBE", "probe.example:55199"),
        ("PROBE", "0.0.0.0:0"),
        ("PROBE", "0.0.0.0:x"),
        ("ADMIN", "127.0.0.1"),
        ("ADMIN", "0.0.0.0:55200"),
        ("ADMIN", "[::]:55200"),
        ("ADMIN", "10.0.0.1:55200"),
    ],
)
def test_a_value_that_cannot_be_read_is_warned_about_and_the_next_source_counts(name: str, value: str) -> None:
    found = resolve(given(**{name: value}), {})
    (warning,) = found.warnings
    assert warning.startswith("MESHRUN_%s=" % name)
    assert found[name] == resolve({}, {})[name]


def test_values_that_look_odd_and_are_good() -> None:
    values = given(PORT=" 8080 ", TAGS="Version=v2 , zone=a", CARRY="X-Tenant,x-debug-*", ADDRESS="::1", ENTRY="yes")
    found = resolve(values, {})
    assert found.warnings == ()
    assert (found["PORT"], found["ENTRY"], found["CARRY"]) == (8080, True, ("X-Tenant", "x-debug-*"))
    assert found.tags == {"version": "v2", "zone": "a"}


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("127.0.0.1:55199", ("127.0.0.1", 55199)),
        (" localhost:1 ", ("127.0.0.1", 1)),
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_an_address_with_its_port(value: str, parts: object) -> None:
    assert endpoint(value) == parts
    found = resolve(given(PROBE=value, ADMIN=value), {})
    assert (found.warnings, found["PROBE"], found["ADMIN"]) == ((), value.strip(), value.strip())


def test_unknown_settings_are_named() -> None:
    assert resolve(given(SERVCE="web"), {"servise": "web"}).warnings == (
        "unknown setting MESHRUN_SERVCE",
        "unknown key 'servise' in meshrun.yaml",
    )


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"SERVICE": "web", "TAGS": "version=v2", "LANE": "gray"}, None),
        ({}, "no service name (MESHRUN_SERVICE)"),
        ({"SERVICE": "a b"}, "MESHRUN_SERVICE cannot be read"),
        ({"SERVICE": "web", "TAGS": "lane=gray,owner"}, "MESHRUN_TAGS cannot be read"),
        ({"SERVICE": "web", "LANE": "gray lane"}, "MESHRUN_LANE cannot be read"),
        ({"SERVICE": "web", "NAMESPACE": "a b"}, "MESHRUN_NAMESPACE cannot be read"),
        ({"SERVICE": "web", "PORT": "x"}, None),
    ],
)
def test_a_server_registers_only_where_its_place_is_known(values: Any, reason: Any) -> None:
    """With a mistyped lane it would be baseline, and get requests that are not for it."""
    assert resolve(given(**values), {}).unregistered == reason
