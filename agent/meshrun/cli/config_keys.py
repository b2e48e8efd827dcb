"""Every setting for people: what it means and how it is written in ``meshrun.yaml``."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Tuple

from . import output


class Key(NamedTuple):
    """One setting. `example` is YAML; `default` says in words what holds where nothing is set."""

    group: str
    meaning: str
    example: str
    default: str = ""
    early: bool = False  # read when the interpreter starts, before any file is: from the environment only
    used: bool = True  # False: the name is kept for a later version


WHO, WHERE, SERVES, COLOUR, START = "Who this program is", "Where state lives", "What it serves", "Colour", "Start"
MODES, LOOK, LATER = "Modes and hooks", "Who may look in", "For later versions"

KEYS: Mapping[str, Key] = {
    "SERVICE": Key(WHO, "the service that this program is", "orders", "none, a client only that is not registered"),
    "NAMESPACE": Key(WHO, "the namespace of the service", "default", "default"),
    "LANE": Key(WHO, "the lane of this instance; gray is the tag lane=gray", "gray", "none, in the baseline"),
    "TAGS": Key(WHO, "own tags of this instance", "{ version: v2, zone: a }", "none"),
    "STORE": Key(
        WHERE, "rules and instances", "file:/var/lib/meshrun/store",
        "file:/var/lib/meshrun/store for root and where it exists, else below the user's state folder",
    ),
    "STATE_DIR": Key(
        WHERE, "admin sockets and locks; mode 0700", "/run/meshrun",
        "the first that can be had of /run/meshrun, $XDG_RUNTIME_DIR/meshrun, /tmp/meshrun-<uid>",
    ),
    "ADDRESS": Key(SERVES, "the address to register", "10.0.0.5", "that of the bound socket"),
    "PORT": Key(SERVES, "the port to register, where the program binds several", "8000", "the first that is bound"),
    "PORTS": Key(SERVES, "the port of each protocol", "{ http: 8000 }", "what the sockets say"),
    "ENTRY": Key(COLOUR, "whether this is the trust boundary of the mesh", "true", "false"),
    "TRUST": Key(
        COLOUR, "whose incoming colour counts: all, none or networks", "10.0.0.0/8", "all; with entry: none"
    ),
    "WIRE_READ": Key(COLOUR, "dialects in which a colour is read, in order", "[polaris, baggage]", "polaris,baggage"),
    "WIRE_WRITE": Key(COLOUR, "dialects in which a colour is written", "[baggage, polaris]", "baggage,polaris"),
    "COLOUR_KEYS": Key(COLOUR, "colour keys beyond the reserved ones", "[tenant]", "none"),
    "CARRY": Key(
        COLOUR, "request headers carried unchanged to every mesh call: names or prefix*", "[x-user-id]", "none"
    ),
    "MODE": Key(MODES, "off, dormant, observe, carry or enforce, until a Policy says otherwise", "enforce", "enforce"),
    "HOOKS": Key(MODES, "all, -urllib3,-aiohttp_client, or a list of hooks", "all", "all", early=True),
    "PROBE": Key(
        LOOK, "where the platform asks GET /readiness, /health and /metrics: whoever reaches it may",
        '"0.0.0.0:55199"', "none",
    ),
    "ADMIN": Key(
        LOOK, "loopback address of the whole admin API, for those who have the token", '"127.0.0.1:55200"',
        "none, the Unix socket only",
    ),
    "ADMIN_TOKEN": Key(LOOK, "the token of that API; better in the environment than in a file", '""', "none"),
    "DRAIN_SECONDS": Key(START, "the longest drain at a stop", "6", "6"),
    "WARMUP_SECONDS": Key(START, "how long callers raise the share of this instance after its start", "0", "0"),
    "REGISTER_DELAY": Key(START, "seconds between ready and registration", "0", "0"),
    "ENABLED": Key(START, "0: nothing of meshrun in this program", "1", "1 under `meshrun`, else 0", early=True),
    "CONFIG": Key(START, "path of meshrun.yaml", "/etc/meshrun/meshrun.yaml", "that path if present", early=True),
    "REGISTRY": Key(LATER, "where instances live, if elsewhere", "[]", used=False),
    "COMPAT": Key(LATER, "ports and paths of other meshes", "[]", used=False),
    "LOG": Key(LATER, "error, info or debug", "error", used=False),
}  # fmt: skip
"""By the name without prefix, in the order in which they are shown; a test holds them together with `core.settings`."""

SECRET: Tuple[str, ...] = ("ADMIN_TOKEN",)
"""Never shown."""


def template() -> str:
    """A commented ``meshrun.yaml``: every setting that a file may hold, switched off."""
    lines = [
        "# Settings of meshrun. A flag wins over the environment, that over this file, that over the built-in default.",
        "# Take the # off a line to set it; `meshctl config check` checks the file, `meshctl config show` says what",
        "# holds and why. Read when a program starts.",
    ]
    group = ""
    for name, key in KEYS.items():
        if key.early or not key.used:
            continue
        if key.group != group:
            group = key.group
            lines += ["", "# --- %s" % group]
        note = "%s (default: %s)" % (key.meaning, key.default)
        lines += ["", *output.paragraph(note, output.Screen(100, ansi=False), "# ", "# ")]
        lines.append("#%s: %s" % (name.lower(), key.example))
    return "\n".join(lines) + "\n"
