"""What a look costs while nothing changed: the operations on the file system are counted, not timed."""

from __future__ import annotations

import os
import pathlib
from collections import Counter
from typing import Any, Callable, Tuple

import pytest

from meshrun.core.model import Instance
from meshrun.engines.base import Edit
from meshrun.engines.file import FileEngine


class Clock:
    """Time that a test moves; it begins an hour from now, so that all that was just written looks old."""

    def __init__(self, begin: float) -> None:
        self.wall = begin
        self.ticks = 1000.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.ticks += seconds


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts the operations of `os` that look at or change files."""
    counts: Counter[str] = Counter()

    def counting(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            counts[name] += 1
            return real(*arguments, **options)

        return call

    for name in ("stat", "lstat", "scandir", "listdir", "open", "read", "utime", "replace", "mkdir", "unlink"):
        monkeypatch.setattr(os, name, counting(name))
    return counts


def _settled(store: pathlib.Path) -> Tuple[FileEngine, Clock]:
    """An engine that has looked at a store with rules and instances and found both at rest."""
    writer = FileEngine(str(store))
    writer.apply([Edit("Lane/default/gray", "kind: Lane\nname: gray\n")], "ada", "one")
    for number in range(20):
        writer.register(Instance("i%d" % number, "default/s%d" % (number % 4), "127.0.0.1", 8000), 600)
    clock = Clock((store / "instances" / ".generation").stat().st_mtime + 60)
    engine = FileEngine(str(store), lambda: clock.wall, lambda: clock.ticks)
    engine.rules(None)
    engine.instances(None)
    clock.pass_(0.25)
    return engine, clock


def test_a_poll_is_two_stats(store: pathlib.Path, counted: Counter[str]) -> None:
    engine, _ = _settled(store)
    rules, instances = engine.rules(None), engine.instances(None)
    counted.clear()
    assert engine.rules(rules) is rules
    assert engine.instances(instances) is instances
    assert counted == {"stat": 2}


def test_four_polls_in_a_second_are_little_more(store: pathlib.Path, counted: Counter[str]) -> None:
    engine, clock = _settled(store)
    rules, instances = engine.rules(None), engine.instances(None)
    counted.clear()
    for _ in range(40):
        clock.pass_(0.25)
        engine.rules(rules)
        engine.instances(instances)
    assert counted["open"] == counted["read"] == counted["utime"] == 0
    # Twice a second the rules folder is listed, every five seconds those of the instances (root, namespace).
    assert counted["scandir"] <= 20 + 2 * 2
    assert counted["stat"] <= 80 + 20


def test_a_renewal_is_a_stat_and_a_utime(store: pathlib.Path, counted: Counter[str]) -> None:
    engine = FileEngine(str(store))
    mine = engine.register(Instance("a", "default/orders", "127.0.0.1", 8000), 60)
    counted.clear()
    engine.renew(mine, 60)
    assert counted == {"stat": 1, "utime": 1}


def test_a_lease_is_looked_at_when_it_may_have_ended_and_not_before(store: pathlib.Path, counted: Counter[str]) -> None:
    engine, clock = _settled(store)
    reading = engine.instances(None)
    clock.pass_(300)
    for path in (store / "instances" / "default").glob("*/*.json"):
        os.utime(path, (clock.wall, clock.wall))
    engine.instances(reading)
    clock.pass_(4)
    counted.clear()
    assert engine.instances(reading) is reading
    assert counted == {"stat": 1}
    clock.pass_(250)
    counted.clear()
    assert engine.instances(reading) is reading
    assert counted["stat"] == 1 + 20
    assert counted["open"] == 0
    clock.pass_(100)
    engine.instances(reading)
    counted.clear()
    clock.pass_(0.25)
    engine.instances(reading)
    assert counted == {"stat": 1}


def test_one_change_reads_one_record(store: pathlib.Path, counted: Counter[str]) -> None:
    engine, _ = _settled(store)
    reading = engine.instances(None)
    FileEngine(str(store)).mark(reading.instances["default/s1"][0], "draining")
    counted.clear()
    after = engine.instances(reading)
    assert after is not reading
    assert after.instances["default/s0"] is reading.instances["default/s0"]
    assert counted["open"] <= 2  # the record, and the slots that were left


def test_a_change_of_one_document_loads_one_document(store: pathlib.Path) -> None:
    writer = FileEngine(str(store))
    texts = ["kind: Lane\nname: l%d\n" % number for number in range(50)]
    writer.apply([Edit("Lane/default/l%d" % number, text) for number, text in enumerate(texts)], "ada", "many")
    reader = FileEngine(str(store))
    before = reader.rules(None)
    writer.apply([Edit("Lane/default/l7", texts[7] + "priority: 1\n")], "ada", "one")
    after = reader.rules(None)
    changed = [key for key in after.documents if after.documents[key] is not before.documents[key]]
    assert changed == ["Lane/default/l7"]
