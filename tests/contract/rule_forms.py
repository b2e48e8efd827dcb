"""Strategies for valid rule documents in their normal form."""

from __future__ import annotations

from typing import Any, Dict

from hypothesis import strategies as st

WORDS = st.from_regex(r"[A-Za-z0-9._-]{1,8}", fullmatch=True)
KEYS = st.from_regex(r"[a-z0-9._-]{1,6}", fullmatch=True)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,5}", fullmatch=True)
LABELS = st.sampled_from(["a", "web", "on", "1", "no-x", "A_b", "null", "1e3"])
SERVICES = st.sampled_from(["web", "orders", "pay.shop", "1", "on", "no.yes"])
TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufeff\ufffe\uffff"), max_size=8)
SECONDS = st.one_of(st.integers(0, 86400), st.floats(0.001, 86399).filter(lambda value: not value.is_integer()))
TAGS = st.dictionaries(KEYS, WORDS, min_size=1, max_size=3)
SOURCES = st.one_of(
    st.sampled_from(["path", "method", "host", "caller", "service", "query.Q", "cookie.on", "header.x.y"]),
    KEYS.map("colour.{}".format),
    KEYS.map("tag.{}".format),
    KEYS.map("header.{}".format),
)
NUMBERS = st.integers(-1000, 1000)
TESTS: st.SearchStrategy[Dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"exact": TEXTS}),
    st.fixed_dictionaries({"not": TEXTS, "prefix": TEXTS}),
    st.fixed_dictionaries({"in": st.lists(TEXTS, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"not_in": st.lists(TEXTS, min_size=1, max_size=3), "suffix": TEXTS}),
    st.fixed_dictionaries({"regex": st.sampled_from(["v[0-9]+", ".*: #x", "a|b", "\\d+"])}),
    st.fixed_dictionaries({"range": st.tuples(NUMBERS, NUMBERS).map(sorted)}),
    st.fixed_dictionaries({"present": st.booleans()}),
)
WHEN = st.lists(st.dictionaries(SOURCES, TESTS, max_size=3), min_size=1, max_size=3)
ENDS = st.sampled_from(["baseline", "strict"])
PRIORITY = st.integers(0, 1_000_000)
ENTER = st.fixed_dictionaries(
    {"at": st.lists(SERVICES, min_size=1, max_size=2)},
    optional={"when": WHEN, "percent": st.one_of(st.integers(0, 100), st.just(0.01)), "sticky": SOURCES},
)
RULE = st.fixed_dictionaries(
    {
        "to": st.lists(
            st.fixed_dictionaries({}, optional={"tags": TAGS, "weight": st.integers(1, 10_000)}), min_size=1, max_size=3
        )
    },
    optional={
        "when": WHEN,
        "else": st.sampled_from(["any", "baseline", "reject"]),
        "on": st.sampled_from(["request", "stream", "message"]),
    },
)
PATHS = st.lists(st.just("/warm"), min_size=1, max_size=2)


def _kind(kind: str, required: Dict[str, Any], optional: Dict[str, Any]) -> st.SearchStrategy[Dict[str, Any]]:
    head = {"kind": st.just(kind), "namespace": st.sampled_from(["default", "shop", "on", "1"]), "name": NAMES}
    return st.fixed_dictionaries({**head, **required}, optional=optional)


MESH = _kind("Mesh", {}, {"routing_keys": st.lists(KEYS, max_size=3)})
LANE = _kind(
    "Lane",
    {},
    {
        "tags": st.dictionaries(st.sampled_from(["lane", "featureenv"]), WORDS, min_size=1),
        "priority": PRIORITY,
        "enter": st.lists(ENTER, max_size=2),
        "fallback": st.one_of(
            ENDS,
            st.fixed_dictionaries({}, optional={"default": ENDS, "strict": st.lists(SERVICES, min_size=1, max_size=2)}),
        ),
        "expires": st.sampled_from(["2027-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2096-02-29T23:59:59Z"]),
        "paused": st.booleans(),
    },
)
ALIAS = _kind(
    "Alias",
    {
        "hosts": st.lists(st.sampled_from(["a.example:80", "10.0.0.5", "[::1]:80", "1"]), min_size=1, max_size=3),
        "service": SERVICES,
    },
    {},
)
ROUTE = _kind("Route", {"service": SERVICES, "rules": st.lists(RULE, min_size=1, max_size=3)}, {"priority": PRIORITY})
LIFECYCLE = _kind(
    "Lifecycle",
    {"service": SERVICES},
    {
        "register": st.fixed_dictionaries(
            {},
            optional={
                "delay": SECONDS,
                "probe": st.fixed_dictionaries({"path": st.just("/ok")}, optional={"every": SECONDS}),
            },
        ),
        "prewarm": st.fixed_dictionaries(
            {"paths": PATHS}, optional={"requests": st.integers(0, 9), "timeout": SECONDS}
        ),
        "warmup": st.fixed_dictionaries({}, optional={"seconds": SECONDS, "curve": st.sampled_from([1, 2, 0.5])}),
        "drain": st.fixed_dictionaries({}, optional={"seconds": SECONDS, "quiet": SECONDS, "min": SECONDS}),
    },
)
SELECTED = st.sampled_from(["web", "orders", "1", "on"])
POLICY = _kind(
    "Policy",
    {"mode": st.sampled_from(["off", "dormant", "observe", "carry", "enforce"])},
    {
        "selector": st.fixed_dictionaries(
            {}, optional={"namespace": st.sampled_from(["*", "default", "on"]), "service": SELECTED, "tags": TAGS}
        ),
        "percent": st.one_of(st.integers(0, 100), st.just(0.01)),
        "expires": st.sampled_from(["2027-01-01T00:00:00Z", "1970-01-01T00:00:00Z"]),
    },
)
DOCUMENTS: st.SearchStrategy[Dict[str, Any]] = st.one_of(MESH, LANE, ALIAS, ROUTE, LIFECYCLE, POLICY).filter(
    # A service of the document's own namespace is written without it.
    lambda document: "." + document["namespace"] not in str(document)
)
