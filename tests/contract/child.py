"""The process of an app: ``python -m tests.contract.child DRIVER SCRIPT PLAN RESULT`` runs one script, writes JSON."""

from __future__ import annotations

import json
import sys

from tests.contract import drivers, scripts


def main(name: str, script: str, plan: str, result: str) -> None:
    """Run it; what the script answers becomes the result."""
    with open(plan, encoding="utf-8") as stream:
        given = json.load(stream)
    answer = getattr(scripts, script)(drivers.load(name), given)
    with open(result, "w", encoding="utf-8") as stream:
        json.dump(answer, stream)


if __name__ == "__main__":
    main(*sys.argv[1:])
