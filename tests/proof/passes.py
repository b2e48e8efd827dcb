"""The environments of the runs that are compared: bare, under meshrun, and under meshrun with a lane and rules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, Mapping, Tuple

from meshrun.core.model import Instance
from meshrun.engines import open_engine
from meshrun.engines.base import Edit

ROOT = Path(__file__).resolve().parents[2]
BOOT = ROOT / "sitecustomize"

BARE, PLAIN, LANE = "bare", "meshrun", "meshrun-lane"
SERVICE = "proof"
"""What the program calls itself where a lane and rules are in force."""

RULES: Tuple[Tuple[str, str], ...] = (
    (
        "Lane/default/gray",
        """kind: Lane
name: gray
enter:
  - { at: [proof], percent: 100, sticky: header.x-user-id }
  - { at: [proof], when: { header.x-gray: { present: true } } }
fallback: baseline
""",
    ),
    ("Alias/default/stock", 'kind: Alias\nname: stock\nhosts: ["stock.corp.example:80"]\nservice: stock\n'),
    (
        "Route/default/stock",
        """kind: Route
name: stock
service: stock
rules:
  - when: { path: { prefix: /v2 }, header.x-debug: { present: true } }
    to: [{ tags: { version: v2 }, weight: 10 }, { tags: { version: v1 }, weight: 90 }]
""",
    ),
    ("Lifecycle/default/proof", "kind: Lifecycle\nname: proof\nservice: proof\nwarmup: { seconds: 30 }\n"),
)
"""Rules of a fleet that the program belongs to: every request that it serves enters the lane `gray`."""

_LEAVE = ("MESHRUN_", "PYTHON", "COVERAGE", "OTEL_", "XDG_", "PIP_", "GUNICORN", "WEB_CONCURRENCY", "VIRTUAL_ENV")


def environ(path: Tuple[Path, ...] = ()) -> Dict[str, str]:
    """The bare environment: this process's, without what would lead a program elsewhere. `path`: its PYTHONPATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEAVE)}
    kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
    # One order of sets in all runs, so that what differs does not differ by chance.
    kept["PYTHONHASHSEED"] = "0"
    if path:
        kept["PYTHONPATH"] = os.pathsep.join(map(str, path))
    return kept


def under(bare: Mapping[str, str], settings: Mapping[str, str]) -> Dict[str, str]:
    """The same environment with meshrun's door open."""
    path = [str(BOOT), bare["PYTHONPATH"]] if "PYTHONPATH" in bare else [str(BOOT)]
    return dict(bare, PYTHONPATH=os.pathsep.join(path), MESHRUN_ENABLED="1", **settings)


def settings(name: str, folder: Path) -> Dict[str, str]:
    """The settings of a pass under meshrun; its store and state folder are made in `folder`, which is short: the path
    of a socket has at most 107 characters."""
    store = "file:%s" % (folder / "store")
    engine = open_engine(store)
    engine.apply([], "proof", "start")
    ours = {"MESHRUN_STORE": store, "MESHRUN_STATE_DIR": str(folder / "state")}
    if name == LANE:
        engine.apply([Edit(*rule) for rule in RULES], "proof", "a lane and rules")
        for port, tags in ((9, {}), (10, {"lane": "gray"})):
            instance = Instance("stock-%d" % port, "default/stock", "127.0.0.1", port, tags=tags)
            engine.register(instance, ttl=86400.0)
        ours.update(MESHRUN_SERVICE=SERVICE, MESHRUN_LANE="gray")
    engine.close()
    return ours
