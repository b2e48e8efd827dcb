"""What the demo shows: a step, a picture of who served whom, a verdict. Plain text, colours only on a terminal."""

from __future__ import annotations

import os
import sys
from typing import Any, Dict, List, Sequence, Tuple

COLOURS = {"gray": "\033[36m", "bad": "\033[31m", "good": "\033[32m", "head": "\033[1m"}
PLAIN = not sys.stdout.isatty() or "NO_COLOR" in os.environ


def paint(text: str, colour: str) -> str:
    """The text in a colour, on a terminal."""
    return text if PLAIN else COLOURS[colour] + text + "\033[0m"


def step(number: int, title: str, detail: str = "") -> None:
    """Begin a step."""
    print("\n" + paint("%d  %s" % (number, title), "head"), flush=True)
    if detail:
        print("   " + detail, flush=True)


def rows(paths: Dict[str, int]) -> List[Tuple[str, int]]:
    """Paths with their counts, most used first."""
    return sorted(paths.items(), key=lambda item: (-item[1], item[0]))


def flow(paths: Dict[str, int]) -> None:
    """One line for each way through the services: the hops, a bar, the count, the share."""
    total = sum(paths.values()) or 1
    for path, count in rows(paths):
        hops = [hop.split(" ") for hop in path.split(" > ")]
        shown = " ──▶ ".join("%-6s %s" % (name, _version(version)) for name, version in hops)
        bar = "█" * max(1, round(20 * count / total))
        print("     %s   %-20s %5d  %3.0f %%" % (shown, bar, count, 100 * count / total), flush=True)


def _version(version: str) -> str:
    text = "%-8s" % version
    return text if version == "baseline" else paint(text, "gray")


def share(paths: Dict[str, int], word: str) -> float:
    """Percent of the requests whose path holds `word`."""
    return 100 * sum(n for path, n in paths.items() if word in path) / (sum(paths.values()) or 1)


def verdict(good: bool, text: str) -> bool:
    """One checked sentence."""
    print("     %s %s" % (paint("✓", "good") if good else paint("✗", "bad"), text), flush=True)
    return good


def ended(code: int) -> str:
    """How a process ended; uvicorn ends itself by the signal that it got, with meshrun as without."""
    return "exit status %d" % code if code >= 0 else "ended by signal %d, as uvicorn does" % -code


def failures(found: Sequence[Any], most: int = 3) -> None:
    """The first failures, in the client's words."""
    for began, _, text in found[:most]:
        print("       %.3f %s" % (began, text), flush=True)
