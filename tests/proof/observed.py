"""What could be observed of a program, as one flat mapping, and what differs between two such mappings."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

ROOT = Path(__file__).resolve().parents[2]

Facts = Mapping[str, str]
"""Name of a fact, such as ``stdout:3``, ``wire:0`` or ``python app.py/end/modules/json``, -> what was seen."""

MISSING = "(nothing)"


class Difference(NamedTuple):
    """`noise`: facts that differ between bare runs, left out; `changed`: fact -> (bare, under meshrun)."""

    noise: Sequence[str]
    changed: Mapping[str, Tuple[str, str]]


def difference(bare: Sequence[Facts], under: Facts, calls: bool = True) -> Difference:
    """What a run under meshrun changes of what all bare runs agree on. `calls`: the program uses a hooked library."""
    every = sorted(set(under).union(*bare))
    noise = [fact for fact in every if len({facts.get(fact, MISSING) for facts in bare}) > 1]
    left = set(noise)
    changed = {}
    for fact in every:
        before, after = bare[0].get(fact, MISSING), under.get(fact, MISSING)
        if fact not in left and before != after and not (before == MISSING and _loaded_by_us(fact, calls)):
            changed[fact] = (before, after)
    return Difference(noise, changed)


def in_both(first: Difference, second: Difference) -> Difference:
    """What two comparisons of one program have both found."""
    noise = [fact for fact in first.noise if fact in second.noise]
    return Difference(noise, {fact: seen for fact, seen in first.changed.items() if fact in second.changed})


ALWAYS = frozenset({"__future__"})
FIRST_USE = frozenset({"_blake2", "_contextvars", "_hashlib", "contextvars", "fcntl", "hashlib", "mmap"})
"""Modules of the standard library that meshrun may be the first to load: before the program uses a hooked library, and
from then on. Nothing else, and nothing that is not part of Python."""


def _loaded_by_us(fact: str, calls: bool) -> bool:
    kind, _, module = fact.rpartition("/modules/")
    return bool(kind) and (module in ALWAYS or (calls and module in FIRST_USE))


def lines(name: str, text: str) -> Dict[str, str]:
    """A stream of text, line by line."""
    return {"%s:%d" % (name, number): line for number, line in enumerate(_steady(text).splitlines())}


def processes(folder: Path) -> Dict[str, str]:
    """What the witness wrote in each process of the program, the processes in the order in which they were made."""
    found: List[Dict[str, Any]] = []
    for path in folder.iterdir():
        number, _, order = path.name.partition("-")
        if order.endswith("-"):
            continue
        found.append(dict(ast.literal_eval(path.read_text(encoding="utf-8")), at=(int(number), int(order))))
    facts: Dict[str, str] = {}
    names: Dict[int, str] = {}
    for seen in sorted(found, key=lambda one: one["at"]):
        pid = seen["pid"]
        if pid not in names:
            command = _steady(" ".join([Path(seen["command"][0]).name, *seen["command"][1:]]))
            alike = sum(1 for name in names.values() if name.partition(" #")[0] == command)
            names[pid] = "%s #%d" % (command, alike)
        for key, value in _flat(seen["facts"]):
            facts["%s/%s/%s" % (names[pid], seen["name"], key)] = _steady(value)
    return facts


def _flat(facts: Mapping[str, Any]) -> Iterator[Tuple[str, str]]:
    for name, value in facts.items():
        if isinstance(value, dict):
            for key, item in value.items():
                yield "%s/%s" % (name, key), str(item)
        else:
            yield name, str(value)


def _steady(text: str) -> str:
    """A text without what differs in each run: addresses of objects, numbers of processes, descriptors and ports that
    the system chose, and times of day."""
    for found, put in _CHANCE:
        text = found.sub(put, text)
    return text


_CHANCE = tuple(
    (re.compile(pattern), put)
    for pattern, put in (
        (r"\b0x[0-9a-f]{6,}\b", "0x"),
        (r"\b(pipe_handle|tracker_fd|fd)=\d+", r"\1=N"),
        (r"\bmain\(\d+(, \d+)?", "main(N"),
        (r"\[\d{4}-\d\d-\d\d [^]]*\]", "[TIME]"),
        (r"(\[TIME\] )\[\d+\]", r"\1[PID]"),
        (r"\[\d\d/\w{3}/\d{4}[^]]*\]", "[TIME]"),
        (r"\b(pid: ?|process \[)\d+", r"\1PID"),
        (r"\b(127\.0\.0\.1:|port )\d{4,5}\b", r"\1PORT"),
        (r"PORT \(\d+\)", "PORT (PID)"),
        (r"\b(wgunicorn-)\w+", r"\1NAME"),
    )
)


_OWN = (str(ROOT / "agent") + "/", str(ROOT / "hooks") + "/")
_FRAME = re.compile(r'^(\s*[|+ ]*\s*)File "([^"]*)", line \d+, in .*$')


def without_own_frames(text: str) -> str:
    """A text with tracebacks, without the frames of meshrun's own functions: the app's frames all stay.

    A frame is its line, the line of source under it and the marks under that.
    """
    kept: List[str] = []
    skipping = ""
    for line in text.splitlines(keepends=True):
        frame = _FRAME.match(line.rstrip("\n"))
        if frame is not None and _own_file(frame.group(2)):
            skipping = frame.group(1) + " "
        elif not (skipping and frame is None and line.startswith(skipping)):
            skipping = ""
            kept.append(line)
    return "".join(kept)


def _own_file(path: str) -> bool:
    return path.startswith(_OWN)
