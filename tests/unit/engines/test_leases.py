"""Leases under clocks that jump, writers that die and folders that people tidy."""

from __future__ import annotations

import os
import pathlib
import shutil
from typing import Any, List

import pytest

from meshrun.core.model import DRAINING, Instance
from meshrun.engines.base import InstancesReading
from meshrun.engines.file import FileEngine

SERVICE = "default/orders"


class Clock:
    """Two clocks that stand still until a test moves them: both by `pass_`, one by setting it."""

    def __init__(self) -> None:
        self.wall = 1_800_000_000.0
        self.ticks = 5_000.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.ticks += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(store: pathlib.Path, clock: Clock) -> FileEngine:
    return FileEngine(str(store), lambda: clock.wall, lambda: clock.ticks)


@pytest.fixture
def writer(store: pathlib.Path, clock: Clock) -> FileEngine:
    return FileEngine(str(store), lambda: clock.wall, lambda: clock.ticks)


def _instance(name: str, **fields: Any) -> Instance:
    return Instance(name, SERVICE, "127.0.0.1", 8000, **fields)


def _path(store: pathlib.Path, name: str) -> pathlib.Path:
    return store / "instances" / "default" / "orders" / (name + ".json")


def _written(store: pathlib.Path, name: str, when: float) -> None:
    """The record was written, or its lease renewed, at that time."""
    os.utime(_path(store, name), (when, when))


def _alive(reading: InstancesReading) -> List[bool]:
    return [each.alive for each in reading.instances[SERVICE]]


@pytest.fixture
def seen(store: pathlib.Path, clock: Clock, writer: FileEngine, reader: FileEngine) -> InstancesReading:
    """One instance with a lease of 10 s, just renewed, as the reader saw it."""
    writer.register(_instance("a"), 10)
    _written(store, "a", clock.wall)
    return reader.instances(None)


def test_a_lease_ends_when_its_seconds_are_over(seen: InstancesReading, clock: Clock, reader: FileEngine) -> None:
    end = clock.wall + 10
    clock.pass_(9.5)
    assert _alive(reader.instances(seen)) == [True]
    clock.pass_(1)
    reading = reader.instances(seen)
    assert _alive(reading) == [False]
    assert [(each.slot, each.until) for each in reading.vacancies] == [(0, end + 60)]


def test_a_renewed_lease_does_not_end(
    seen: InstancesReading, store: pathlib.Path, clock: Clock, reader: FileEngine
) -> None:
    for _ in range(20):
        clock.pass_(4)
        _written(store, "a", clock.wall)
        assert reader.instances(seen) is seen


@pytest.mark.parametrize("jump", [-86_400.0, -5.0, 5.0, 86_400.0])
def test_a_wall_clock_that_jumps_ends_no_lease(
    jump: float, seen: InstancesReading, store: pathlib.Path, clock: Clock, reader: FileEngine
) -> None:
    clock.pass_(3)
    _written(store, "a", clock.wall)
    clock.wall += jump
    for _ in range(16):
        clock.pass_(1)
        assert _alive(reader.instances(seen)) == [True]
        if int(clock.ticks) % 3 == 0:
            _written(store, "a", clock.wall)


def test_a_renewal_just_before_the_wall_clock_jumps_counts(
    seen: InstancesReading, store: pathlib.Path, clock: Clock, reader: FileEngine
) -> None:
    clock.pass_(9)
    _written(store, "a", clock.wall)
    clock.wall += 86_400
    clock.pass_(1.1)
    assert _alive(reader.instances(seen)) == [True]
    clock.pass_(10)
    assert _alive(reader.instances(seen)) == [False]


def test_a_record_written_again_at_the_same_moment_does_not_end(
    seen: InstancesReading, writer: FileEngine, reader: FileEngine
) -> None:
    writer.register(seen.instances[SERVICE][0], 10)
    assert reader.instances(seen) is seen


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_a_lease_that_nobody_renews_ends_also_when_the_wall_clock_jumps(
    jump: float, seen: InstancesReading, clock: Clock, reader: FileEngine
) -> None:
    clock.wall += jump
    clock.pass_(10.1)
    assert _alive(reader.instances(seen)) == [False]


def test_a_record_from_the_future_lives_for_its_lease_only(
    store: pathlib.Path, clock: Clock, writer: FileEngine, reader: FileEngine
) -> None:
    writer.register(_instance("a"), 10)
    _written(store, "a", clock.wall + 3600)
    reading = reader.instances(None)
    assert _alive(reading) == [True]
    clock.pass_(10.1)
    assert _alive(reader.instances(reading)) == [False]


def test_a_dead_instance_is_shown_for_an_hour_and_then_removed_by_whoever_registers(
    seen: InstancesReading, store: pathlib.Path, clock: Clock, writer: FileEngine, reader: FileEngine
) -> None:
    clock.pass_(3590)
    assert _alive(reader.instances(seen)) == [False]
    clock.pass_(30)
    assert reader.instances(seen) == InstancesReading({}, ())
    assert _path(store, "a").exists()
    writer.instances(None)
    writer.register(Instance("b", "shop/stock", "127.0.0.1", 8000), 10)
    assert not _path(store, "a").exists()


def test_a_vacancy_is_empty_for_a_minute(
    seen: InstancesReading, clock: Clock, writer: FileEngine, reader: FileEngine
) -> None:
    writer.deregister(seen.instances[SERVICE][0])
    (vacancy,) = reader.instances(None).vacancies
    assert vacancy.until == clock.wall + 60
    clock.pass_(59)
    assert reader.instances(None).vacancies == (vacancy,)
    clock.pass_(1)
    assert reader.instances(None).vacancies == ()


def test_a_change_whose_writer_died_before_it_said_so_is_found(
    seen: InstancesReading, store: pathlib.Path, clock: Clock, writer: FileEngine, reader: FileEngine
) -> None:
    generation = store / "instances" / ".generation"
    before = (generation.read_bytes(), generation.stat().st_mtime_ns)
    writer.register(_instance("b"), 60)
    generation.write_bytes(before[0])
    os.utime(generation, ns=(before[1], before[1]))
    clock.pass_(6)
    _written(store, "a", clock.wall)
    assert [each.id for each in reader.instances(seen).instances[SERVICE]] == ["a", "b"]


def test_a_second_change_within_one_tick_of_the_file_system_is_found_at_the_next_look(
    seen: InstancesReading, store: pathlib.Path, clock: Clock, writer: FileEngine, reader: FileEngine
) -> None:
    generation = store / "instances" / ".generation"
    os.utime(generation, (clock.wall, clock.wall))
    reading = reader.instances(seen)
    record = _path(store, "a").read_text().replace('"weight":100', '"weight":200')
    _path(store, "b").write_text(record)
    _written(store, "b", clock.wall)
    clock.pass_(0.25)
    assert [each.weight for each in reader.instances(reading).instances[SERVICE]] == [100, 200]


def test_a_record_that_somebody_removes_is_gone_and_the_next_renewal_brings_it_back(
    seen: InstancesReading, store: pathlib.Path, clock: Clock, writer: FileEngine, reader: FileEngine
) -> None:
    _path(store, "a").unlink()
    clock.pass_(6)
    assert reader.instances(seen).instances == {}
    writer.renew(seen.instances[SERVICE][0], 10)
    assert [each.id for each in reader.instances(None).instances[SERVICE]] == ["a"]


def test_a_store_that_somebody_removes_keeps_its_instances_while_their_leases_hold(
    seen: InstancesReading, store: pathlib.Path, clock: Clock, writer: FileEngine, reader: FileEngine
) -> None:
    shutil.rmtree(store)
    assert reader.instances(seen).instances == seen.instances
    clock.pass_(6)
    assert reader.instances(seen).instances == seen.instances
    clock.pass_(5)
    assert reader.instances(seen) == InstancesReading({}, ())
    assert reader.instances(None) == InstancesReading({}, ())


def test_a_store_that_somebody_removes_is_made_anew_by_the_next_renewal(
    seen: InstancesReading, store: pathlib.Path, writer: FileEngine, reader: FileEngine
) -> None:
    shutil.rmtree(store)
    writer.renew(seen.instances[SERVICE][0], 10)
    assert reader.instances(None).instances == seen.instances


def test_a_renewal_that_comes_late_does_not_bring_back_what_was_deregistered(
    seen: InstancesReading, clock: Clock, writer: FileEngine, reader: FileEngine
) -> None:
    mine = seen.instances[SERVICE][0]
    reader.deregister(mine)
    writer.renew(mine, 10)
    assert writer.instances(None).instances == {}
    assert writer.register(mine, 10) == mine


def test_who_comes_back_after_its_slot_was_taken_gets_another(
    seen: InstancesReading, clock: Clock, writer: FileEngine, reader: FileEngine
) -> None:
    clock.pass_(11)
    assert writer.register(_instance("b"), 60).slot == 0
    reader.renew(seen.instances[SERVICE][0], 60)
    assert [(each.id, each.slot) for each in writer.instances(None).instances[SERVICE]] == [("b", 0), ("a", 1)]


def test_another_ttl_takes_effect_with_the_renewal(
    seen: InstancesReading, store: pathlib.Path, clock: Clock, writer: FileEngine, reader: FileEngine
) -> None:
    writer.renew(seen.instances[SERVICE][0], 100)
    _written(store, "a", clock.wall)
    clock.pass_(50)
    assert _alive(reader.instances(None)) == [True]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"address":"127.0.0.1"}', b"[" * 60_000, b"1" * 5000, b"x" * 100_000,
        b'{"address":"::1","port":"80"}',
    ],
)  # fmt: skip
def test_an_odd_record_hides_no_other(
    content: bytes, seen: InstancesReading, store: pathlib.Path, writer: FileEngine, reader: FileEngine
) -> None:
    _path(store, "odd").write_bytes(content)
    (_path(store, "odd").parent / ".left").write_bytes(content)
    writer.register(_instance("b"), 60)
    assert [each.id for each in reader.instances(seen).instances[SERVICE]] == ["a", "b"]
    writer.register(_instance("odd"), 60)
    assert [each.id for each in reader.instances(None).instances[SERVICE]] == ["a", "b", "odd"]


def test_a_record_with_values_out_of_range_is_none(
    seen: InstancesReading, store: pathlib.Path, writer: FileEngine, reader: FileEngine
) -> None:
    good = _path(store, "a").read_text()
    for number, (old, new) in enumerate(
        [
            ('"port":8000', '"port":70000'),
            ('"weight":100', '"weight":0'),
            ('"ttl":10', '"ttl":NaN'),
            ('"started":1800000000.0', '"started":Infinity'),
            ('"slot":0', '"slot":-1'),
            ('"tags":{}', '"tags":{"a":1}'),
            ('"lane":[]', '"lane":[["a"]]'),
            ('"keepalive":null', '"keepalive":-1'),
        ]
    ):
        assert old in good
        _path(store, "odd%d" % number).write_text(good.replace(old, new))
    writer.mark(seen.instances[SERVICE][0], DRAINING)
    assert [each.id for each in reader.instances(None).instances[SERVICE]] == ["a"]


def test_things_that_are_no_records_are_ignored(
    seen: InstancesReading, store: pathlib.Path, writer: FileEngine, reader: FileEngine
) -> None:
    root = store / "instances"
    (root / "file").write_text("x")
    (root / "default" / "file").write_text("x")
    (root / "default" / "nowhere").symlink_to("nowhere")
    (root / "round").symlink_to("round")
    (root / "default" / "%zz").mkdir()
    folder = root / "default" / "orders"
    (folder / "nowhere.json").symlink_to("nowhere")
    (folder / "folder.json").mkdir()
    os.mkfifo(folder / "pipe.json")
    (folder / ".b.json.1.aa~").write_text("{}")
    (folder / "%2.json").write_text("{}")
    writer.mark(seen.instances[SERVICE][0], DRAINING)
    assert {key: [each.id for each in value] for key, value in reader.instances(None).instances.items()} == {
        SERVICE: ["a"]
    }
