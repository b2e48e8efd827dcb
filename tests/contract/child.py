"""The process of an app: ``python -m tests.contract.child DRIVER SCRIPT PLAN RESULT`` runs one script."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from tests.contract import drivers, scripts


def main(name: str, script: str, plan: str, result: str) -> None:
    """Run it; what the script answers becomes the result."""
    given = json.loads(Path(plan).read_text(encoding="utf-8"))
    home, _, function = script.rpartition(":")
    answer = getattr(importlib.import_module(home) if home else scripts, function)(drivers.load(name), given)
    Path(result).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
