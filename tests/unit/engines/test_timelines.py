"""The lives of instances in the ``file`` engine: how many are kept, and what is odd hides no other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meshrun.core.timeline import EVENTS, Calls, Timeline
from meshrun.engines import file_tallies, file_timelines
from meshrun.engines.file import FileEngine


def life(name: str, began: float = 1000.0) -> Timeline:
    return Timeline(name, "default/web", "10.0.0.9", 8000, {"bound": began, "exit": began + 5.25}, 7, 8)


@pytest.fixture
def engine(tmp_path: Path) -> FileEngine:
    return FileEngine(str(tmp_path / "store"))


def test_the_oldest_go_when_there_are_too_many(
    engine: FileEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_timelines, "MOST", 20)
    for number in range(21):
        engine.note(life("i-%d" % number, 1000.0 + number))
        path = tmp_path / "store" / "timelines" / ("i-%d.json" % number)
        os.utime(path, (1000 + number, 1000 + number))
        assert len(engine.timelines()) <= 20
    kept = [one.id for one in engine.timelines()]
    assert kept[0] == "i-20"
    assert set(kept) == {"i-%d" % number for number in range(3, 21)}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"events":{}}', '{"events":{"bound":"x"},"service":"a/b","address":"","port":1,"requests":0}',
     '{"events":{"bound":1e300},"service":"a/b","address":"","port":1,"requests":0}', "[" * 3000, "x" * 20000],
)  # fmt: skip
def test_a_file_that_is_none_hides_no_other(engine: FileEngine, tmp_path: Path, text: str) -> None:
    engine.note(life("a"))
    (tmp_path / "store" / "timelines" / "odd.json").write_text(text, encoding="utf-8")
    assert engine.timelines() == [life("a")]


def test_events_that_a_later_version_writes_are_left_out(engine: FileEngine, tmp_path: Path) -> None:
    engine.note(life("a"))
    path = tmp_path / "store" / "timelines" / "a.json"
    path.write_text(path.read_text().replace('"exit"', '"later":3,"exit"'), encoding="utf-8")
    assert engine.timelines() == [life("a")]


def test_a_whole_life_fits_into_what_is_read(engine: FileEngine) -> None:
    whole = Timeline("x" * 95, "n" * 63 + "/" + "s" * 63, "::1", 65535, dict.fromkeys(EVENTS, 1795295154.574693), 9, 9)
    engine.note(whole)
    assert engine.timelines() == [whole]


def test_a_timeline_of_an_earlier_version_lost_nothing(engine: FileEngine, tmp_path: Path) -> None:
    engine.note(life("a"))
    path = tmp_path / "store" / "timelines" / "a.json"
    path.write_text(path.read_text().replace('"begun":8,', ""), encoding="utf-8")
    assert engine.timelines() == [life("a")._replace(begun=7)]


def test_of_what_callers_counted_the_oldest_instances_go_too(
    engine: FileEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_tallies, "MOST", 20)
    for number in range(21):
        engine.tell("i-%d" % number, "one", Calls(number))
        path = tmp_path / "store" / "tallies" / ("i-%d.json" % number)
        os.utime(path, (1000 + number, 1000 + number))
    assert set(engine.told()) == {"i-%d" % number for number in range(3, 21)}


def test_only_so_many_callers_of_an_instance_are_kept_and_those_may_speak_again(
    engine: FileEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_tallies, "CALLERS", 3)
    for number in range(5):
        engine.tell("a", str(number), Calls(number))
    engine.tell("a", "1", Calls(9))
    assert engine.told() == {"a": {"0": Calls(0), "1": Calls(9), "2": Calls(2)}}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '{"x":7}', '{"x":[1,2,3,4,5,6]}', '{"x":[true,0,0,0,0]}', '{"x":[-1,0,0,0,0]}',
     '{"x":["1"]}', '{"x":[1.5]}', '{"x":[%d]}' % (1 << 70), "[" * 3000, "x" * 300000],
)  # fmt: skip
def test_odd_counts_hide_no_others_and_are_written_over(engine: FileEngine, tmp_path: Path, text: str) -> None:
    engine.tell("a", "one", Calls(1))
    odd = tmp_path / "store" / "tallies" / "odd.json"
    odd.write_text(text, encoding="utf-8")
    assert engine.told() == {"a": {"one": Calls(1)}}
    if len(text) < file_tallies.LIMIT:
        engine.tell("odd", "one", Calls(2))
        assert engine.told()["odd"] == {"one": Calls(2)}


def test_as_many_callers_as_are_kept_fit_into_what_is_read(engine: FileEngine) -> None:
    most = {"%s-4194304-%08x" % ("h" * 80, number): Calls(*[10**12] * 5) for number in range(file_tallies.CALLERS)}
    for caller in list(most)[:3]:
        engine.tell("a", caller, most[caller])
    size = (Path(engine.url[5:]) / "tallies" / "a.json").stat().st_size
    assert size / 3 * file_tallies.CALLERS < file_tallies.LIMIT
