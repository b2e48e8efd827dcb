"""Reason codes: why a call went where it went. Other tools depend on these strings."""

LANE = "lane"
LANE_FALLBACK = "lane-fallback"
LANE_STRICT = "lane-strict"
BASELINE = "baseline"
ZONE = "zone"
NO_INSTANCE = "no-instance"
NO_SNAPSHOT = "no-snapshot"
NOT_MESH = "not-mesh"
PROTOCOL = "protocol"
PROXY = "proxy"
MESH_SIDECAR = "mesh-sidecar"
OBSERVE = "observe"
DORMANT = "dormant"
RETRY = "retry"
EJECTED = "ejected"
CRASH_GUARD = "crash-guard"


def route(rule: str) -> str:
    """The reason of a call that a `Route` rule narrowed."""
    return "route:" + rule


def rejected(rule: str) -> str:
    """The reason of a call that a rule refused."""
    return "rejected:" + rule
