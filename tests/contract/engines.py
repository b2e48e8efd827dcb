"""What every engine must do. A test module subclasses `EngineContract` and says with `url` where an empty store is.

Several clients of one store are several engines opened from its URL, in this process or in others.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time
from typing import Any, Callable, Iterator, List, Optional

import pytest

import meshrun
from meshrun.core.model import DRAINING, READY, Instance
from meshrun.core.problem import RuleError
from meshrun.core.timeline import Calls, Timeline
from meshrun.engines import open_engine
from meshrun.engines.base import Conflict, Edit, Engine, EngineError, InstancesReading, RulesReading

PATIENCE = 30.0
"""Seconds that a test waits for what must come; nothing is measured with it."""

LANE = "kind: Lane\nname: gray\nenter:\n  - { at: [web], percent: 10 }\n"
ALIAS = "kind: Alias\nname: %s\nhosts: [%s.example]\nservice: orders\n"


def eventually(look: Callable[[], Any]) -> Any:
    """The first true answer of `look`; fails when none comes."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python process that runs `script` with meshrun to import and `arguments` in ``sys.argv[1:]``."""
    environ = dict(os.environ, PYTHONPATH=str(pathlib.Path(meshrun.__file__).parent.parent))
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """What the process printed; fails when it failed."""
    out, err = process.communicate(timeout=PATIENCE * 2)
    assert process.returncode == 0, err
    return out


def instance(name: str, service: str = "default/orders", **fields: Any) -> Instance:
    return Instance(name, service, "127.0.0.1", 8000, **fields)


REGISTER = """
import sys, time
from meshrun.core.model import Instance
from meshrun.engines import open_engine
url, ttl, *names = sys.argv[1:]
engine = open_engine(url)
for name in names:
    print(engine.register(Instance(name, "default/orders", "127.0.0.1", 8000), float(ttl)).slot, flush=True)
sys.stdin.read()
"""

APPLY = """
import sys
from meshrun.engines import open_engine
from meshrun.engines.base import Conflict, Edit
url, who, expect, *names = sys.argv[1:]
engine = open_engine(url)
for name in names:
    text = "kind: Alias\\nname: %s\\nhosts: [%s.example]\\nservice: orders\\n" % (name, name)
    try:
        print(engine.apply([Edit("Alias/default/" + name, text)], who, "race", int(expect) if expect else None).number)
    except Conflict:
        print("conflict")
"""

TELL = """
import sys
from meshrun.core.timeline import Calls
from meshrun.engines import open_engine
url, who = sys.argv[1:]
engine = open_engine(url)
for number in range(1, 11):
    engine.tell("a", "%s-%d" % (who, number), Calls(number))
"""


class EngineContract:
    """The suite. Names of tests say the behaviour."""

    @pytest.fixture
    def url(self) -> str:
        """The URL of a store that is empty and this test's own."""
        raise NotImplementedError

    @pytest.fixture
    def opened(self, url: str) -> Iterator[Callable[[], Engine]]:
        engines: List[Engine] = []

        def opening() -> Engine:
            engines.append(open_engine(url))
            return engines[-1]

        yield opening
        for engine in engines:
            engine.close()

    @pytest.fixture
    def engine(self, opened: Callable[[], Engine]) -> Engine:
        return opened()

    @pytest.fixture
    def other(self, opened: Callable[[], Engine]) -> Engine:
        return opened()


class RulesContract(EngineContract):
    """Rules, revisions and who may change them."""

    def test_an_empty_store_has_no_rules_and_that_look_makes_nothing(self, engine: Engine) -> None:
        reading = engine.rules(None)
        assert reading == RulesReading(0, {}, None)
        assert engine.rules(reading) is reading
        assert engine.texts() == {}
        assert engine.history() == []

    def test_what_one_applies_every_other_sees(self, engine: Engine, other: Engine) -> None:
        before = other.rules(None)
        revision = engine.apply([Edit("Lane/default/gray", LANE)], "ada", "try gray")
        reading = eventually(lambda: _newer(other.rules(before), before))
        assert reading.version == revision.number
        assert reading.problem is None
        assert reading.documents["Lane/default/gray"]["enter"] == [{"at": ["web"], "percent": 10}]

    def test_a_look_without_a_change_answers_the_same_object(self, engine: Engine, other: Engine) -> None:
        engine.apply([Edit("Lane/default/gray", LANE)], "ada", "try gray")
        reading = other.rules(None)
        for _ in range(50):
            assert other.rules(reading) is reading
            time.sleep(0.02)

    def test_documents_that_did_not_change_stay_the_same_objects(self, engine: Engine, other: Engine) -> None:
        engine.apply([Edit("Lane/default/gray", LANE)], "ada", "try gray")
        before = other.rules(None)
        engine.apply([Edit("Alias/default/old", ALIAS % ("old", "old"))], "ada", "an old name")
        after = eventually(lambda: _newer(other.rules(before), before))
        assert after.documents["Lane/default/gray"] is before.documents["Lane/default/gray"]

    def test_a_revision_says_who_changed_what_when_and_why(self, engine: Engine, other: Engine) -> None:
        began = time.time()
        engine.apply([Edit("Lane/default/gray", LANE)], "ada", "try gray")
        edits = [Edit("Lane/default/gray", None), Edit("Alias/default/old", ALIAS % ("old", "old"))]
        engine.apply(edits, "bob", "no gray, but an old name")
        newest, first = other.history()
        assert (first.author, first.reason, first.identities) == ("ada", "try gray", ("Lane/default/gray",))
        assert (newest.author, newest.reason) == ("bob", "no gray, but an old name")
        assert set(newest.identities) == {"Lane/default/gray", "Alias/default/old"}
        assert newest.number > first.number
        assert began - 1 <= first.time <= newest.time <= time.time() + 1
        assert other.history(limit=1) == [newest]

    def test_an_earlier_state_can_be_looked_up_and_brought_back(self, engine: Engine, other: Engine) -> None:
        first = engine.apply([Edit("Lane/default/gray", LANE)], "ada", "one")
        paused = LANE + "paused: true\n"
        engine.apply([Edit("Lane/default/gray", paused), Edit("Alias/default/a", ALIAS % ("a", "a"))], "ada", "two")
        engine.apply([Edit("Lane/default/gray", None)], "ada", "three")
        then = other.at(first.number)
        assert list(then) == ["Lane/default/gray"]
        gone = [Edit(identity, None) for identity in other.texts() if identity not in then]
        other.apply(gone + [Edit(identity, text) for identity, text in then.items()], "bob", "back")
        documents = engine.rules(None).documents
        assert list(documents) == ["Lane/default/gray"]
        assert "paused" not in documents["Lane/default/gray"]
        assert other.at(first.number + 2).keys() == {"Alias/default/a"}

    def test_a_revision_that_does_not_exist_is_an_error(self, engine: Engine) -> None:
        engine.apply([Edit("Lane/default/gray", LANE)], "ada", "one")
        for number in (-1, 7):
            with pytest.raises(EngineError, match="revision"):
                engine.at(number)

    def test_texts_are_what_was_written_with_its_comments(self, engine: Engine, other: Engine) -> None:
        engine.apply([Edit("Lane/default/gray", "# for QA\nkind: Lane\nname: gray # the first\n")], "ada", "one")
        text = other.texts()["Lane/default/gray"]
        assert "# the first" in text
        assert "name: gray" in text

    def test_equal_content_is_no_change(self, engine: Engine, other: Engine) -> None:
        first = engine.apply([Edit("Lane/default/gray", LANE)], "ada", "one")
        reading = other.rules(None)
        again = engine.apply([Edit("Lane/default/gray", LANE + "# the same, said otherwise\n")], "bob", "two")
        assert (again.number, again.identities) == (first.number, ())
        assert other.rules(None).version == reading.version
        assert len(other.history()) == 1

    def test_deleting_what_is_not_there_changes_nothing(self, engine: Engine) -> None:
        assert engine.apply([Edit("Lane/default/none", None)], "ada", "tidy").identities == ()
        assert engine.rules(None).version == 0

    def test_all_edits_or_none(self, engine: Engine, other: Engine) -> None:
        engine.apply([Edit("Lane/default/gray", LANE)], "ada", "one")
        before = other.rules(None)
        bad = "kind: Alias\nname: old\nhosts: 7up.example:99999\nservise: orders\n"
        with pytest.raises(RuleError) as caught:
            engine.apply([Edit("Lane/default/gray", None), Edit("Alias/default/old", bad)], "ada", "two")
        assert any(problem.line == 4 and "servise" in problem.what for problem in caught.value.problems)
        assert other.rules(None).documents == before.documents
        assert len(other.history()) == 1

    def test_documents_that_contradict_each_other_are_refused(self, engine: Engine) -> None:
        engine.apply([Edit("Alias/default/a", ALIAS % ("a", "old"))], "ada", "one")
        with pytest.raises(RuleError, match=r"old\.example"):
            engine.apply([Edit("Alias/default/b", ALIAS % ("b", "old"))], "ada", "two")
        assert list(engine.rules(None).documents) == ["Alias/default/a"]

    def test_who_expected_an_older_version_is_told_so(self, engine: Engine, other: Engine) -> None:
        version = engine.rules(None).version
        other.apply([Edit("Lane/default/gray", LANE)], "bob", "first")
        with pytest.raises(Conflict):
            engine.apply([Edit("Lane/default/blue", LANE.replace("gray", "blue"))], "ada", "second", expect=version)
        now = engine.rules(None).version
        engine.apply([Edit("Lane/default/blue", LANE.replace("gray", "blue"))], "ada", "second", expect=now)
        assert engine.rules(None).documents.keys() == {"Lane/default/gray", "Lane/default/blue"}

    def test_of_two_that_expect_the_same_version_one_gets_a_conflict(self, url: str, engine: Engine) -> None:
        racers = [start(APPLY, url, who, "0", who) for who in ("ada", "bob")]
        answers = sorted(finish(racer).strip() for racer in racers)
        assert answers == ["1", "conflict"]
        assert engine.rules(None).version == 1

    def test_no_change_is_lost_when_several_apply_at_once(self, url: str, engine: Engine) -> None:
        names = {who: ["%s%d" % (who, number) for number in range(5)] for who in ("ada", "bob", "eve")}
        racers = [start(APPLY, url, who, "", *mine) for who, mine in names.items()]
        numbers = sorted(int(word) for racer in racers for word in finish(racer).split())
        assert numbers == list(range(1, 16))
        wanted = {"Alias/default/" + name for mine in names.values() for name in mine}
        assert engine.rules(None).documents.keys() == wanted
        assert {identity for revision in engine.history() for identity in revision.identities} == wanted

    def test_a_document_of_any_size_arrives_whole(self, engine: Engine, other: Engine) -> None:
        users = ["user-%020d" % number for number in range(10_000)]
        when = '{ header.x-user: { in: ["%s"] } }' % '", "'.join(users)
        text = "kind: Lane\nname: gray\nenter:\n  - { at: [web], when: %s }\n" % when
        engine.apply([Edit("Lane/default/gray", text)], "ada", "many users")
        found = other.rules(None).documents["Lane/default/gray"]
        assert found == engine.rules(None).documents["Lane/default/gray"]
        assert users[-1] in repr(found)


class InstancesContract(EngineContract):
    """Leases, slots and vacancies."""

    def test_an_empty_store_has_no_instances(self, engine: Engine) -> None:
        reading = engine.instances(None)
        assert reading == InstancesReading({}, ())
        assert engine.instances(reading) is reading

    def test_a_registered_instance_is_seen_with_all_that_it_said(self, engine: Engine, other: Engine) -> None:
        before = other.instances(None)
        tags = {"version": "v2", "zone": "a-1", "lane": "gray"}
        mine = instance("a", tls=True, protocol="grpc", tags=tags, weight=7, started=1234.5, keepalive=5.0)
        registered = engine.register(mine, 10)
        reading = eventually(lambda: _newer(other.instances(before), before))
        assert reading.instances == {"default/orders": (registered,)}
        assert registered == mine

    def test_a_look_without_a_change_answers_the_same_object(self, engine: Engine, other: Engine) -> None:
        mine = engine.register(instance("a"), 60)
        reading = other.instances(None)
        for _ in range(30):
            engine.renew(mine, 60)
            assert other.instances(reading) is reading
            time.sleep(0.02)

    def test_started_is_the_time_of_registration_unless_it_is_given(self, engine: Engine) -> None:
        before = time.time()
        assert before - 1 <= engine.register(instance("a"), 10).started <= time.time() + 1

    def test_slots_are_counted_per_service_and_lane(self, engine: Engine) -> None:
        gray = {"lane": "gray"}
        assert [engine.register(instance(name), 10).slot for name in "abc"] == [0, 1, 2]
        assert [engine.register(instance(name, tags=gray), 10).slot for name in "de"] == [0, 1]
        assert engine.register(instance("f", tags={"version": "v2"}), 10).slot == 3
        assert engine.register(instance("g", "default/stock"), 10).slot == 0
        assert engine.register(instance("h", "shop/orders"), 10).slot == 0

    def test_a_mesh_document_says_which_tags_make_a_lane(self, engine: Engine) -> None:
        engine.apply([Edit("Mesh/default/mesh", "kind: Mesh\nrouting_keys: [stage]\n")], "ada", "stages")
        assert engine.register(instance("a"), 10).slot == 0
        assert engine.register(instance("b", tags={"stage": "test"}), 10).slot == 0
        assert engine.register(instance("c", "shop/orders"), 10).slot == 0
        assert engine.register(instance("d", "shop/orders", tags={"stage": "test"}), 10).slot == 1

    def test_to_register_again_keeps_the_slot(self, engine: Engine, other: Engine) -> None:
        engine.register(instance("a"), 10)
        second = engine.register(instance("b"), 10)
        assert other.register(instance("b", weight=50), 10).slot == second.slot
        found = other.instances(None).instances["default/orders"]
        assert [(each.id, each.slot, each.weight) for each in found] == [("a", 0, 100), ("b", 1, 50)]

    def test_several_that_register_at_once_get_different_slots(self, url: str, engine: Engine) -> None:
        racers = [start(REGISTER, url, "60", *("%s%d" % (who, n) for n in range(4))) for who in "abc"]
        slots = sorted(int(word) for racer in racers for word in finish(racer).split())
        assert slots == list(range(12))
        assert len(engine.instances(None).instances["default/orders"]) == 12

    def test_a_draining_instance_is_seen_as_draining_also_after_renewals(self, engine: Engine, other: Engine) -> None:
        mine = engine.register(instance("a"), 10)
        before = other.instances(None)
        engine.mark(mine, DRAINING)
        reading = eventually(lambda: _newer(other.instances(before), before))
        assert [each.state for each in reading.instances["default/orders"]] == [DRAINING]
        engine.renew(mine, 10)
        other.renew(mine, 10)
        found = other.instances(None).instances["default/orders"][0]
        assert (found.state, found.slot, found.alive) == (DRAINING, mine.slot, True)
        engine.mark(mine, READY)
        assert other.instances(None).instances["default/orders"][0].state == READY

    def test_who_deregisters_goes_at_once_and_leaves_an_empty_place(self, engine: Engine, other: Engine) -> None:
        mine = [engine.register(instance(name, tags={"lane": "gray"}), 10) for name in "ab"]
        before = other.instances(None)
        engine.deregister(mine[0])
        reading = eventually(lambda: _newer(other.instances(before), before))
        assert [each.id for each in reading.instances["default/orders"]] == ["b"]
        (vacancy,) = reading.vacancies
        assert (vacancy.service, vacancy.lane, vacancy.slot) == ("default/orders", (("lane", "gray"),), 0)
        assert 30 < vacancy.until - time.time() <= 61
        engine.deregister(mine[0])
        assert other.instances(None) == reading

    def test_a_replacement_takes_the_lowest_free_slot_at_once(self, engine: Engine, other: Engine) -> None:
        mine = [engine.register(instance(name), 10) for name in "abcd"]
        engine.deregister(mine[2])
        engine.deregister(mine[1])
        assert {vacancy.slot for vacancy in other.instances(None).vacancies} == {1, 2}
        assert other.register(instance("e"), 10).slot == 1
        assert {vacancy.slot for vacancy in other.instances(None).vacancies} == {2}

    def test_an_instance_that_is_not_renewed_expires_and_its_slot_is_free(self, engine: Engine, other: Engine) -> None:
        engine.register(instance("a"), 1)
        kept = engine.register(instance("b"), 60)
        reading = other.instances(None)
        after = eventually(lambda: _expired(other.instances(reading)))
        assert [(each.id, each.alive) for each in after.instances["default/orders"]] == [("a", False), ("b", True)]
        assert [vacancy.slot for vacancy in after.vacancies] == [0]
        assert engine.register(instance("c"), 60).slot == 0
        assert engine.register(kept, 60).slot == kept.slot
        assert other.instances(None).vacancies == ()

    def test_the_instance_of_a_killed_process_expires(self, url: str, engine: Engine) -> None:
        process = start(REGISTER, url, "1", "a")
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
        process.kill()
        process.communicate()
        eventually(lambda: _expired(engine.instances(None)))

    def test_who_renews_late_is_alive_again(self, engine: Engine, other: Engine) -> None:
        mine = engine.register(instance("a"), 1)
        reading = other.instances(None)
        dead = eventually(lambda: _expired(other.instances(reading)))
        engine.renew(mine, 60)
        alive = eventually(lambda: _newer(other.instances(dead), dead))
        assert alive.instances["default/orders"] == (mine,)
        assert alive.vacancies == ()

    def test_whoever_takes_over_an_instance_renews_it(self, engine: Engine, other: Engine) -> None:
        mine = engine.register(instance("a"), 10)
        other.renew(mine._replace(slot=0), 60)
        assert engine.instances(None).instances["default/orders"] == (mine,)

    def test_to_renew_or_mark_what_was_lost_writes_it(self, engine: Engine, other: Engine) -> None:
        engine.renew(instance("a", started=5.0), 10)
        engine.mark(instance("b", started=5.0), DRAINING)
        found = other.instances(None).instances["default/orders"]
        assert [(each.id, each.state) for each in found] == [("a", READY), ("b", DRAINING)]

    def test_to_deregister_what_is_not_there_is_nothing(self, engine: Engine) -> None:
        engine.deregister(instance("a"))
        assert engine.instances(None) == InstancesReading({}, ())

    def test_a_timeline_is_kept_whole_and_by_instance_the_newest_first(self, engine: Engine, other: Engine) -> None:
        first = Timeline("a", "default/orders", "127.0.0.1", 8000, {"bound": 10.5, "ready": 11.25}, 0)
        assert other.timelines() == []
        engine.note(first)
        engine.note(first._replace(id="b", events={"bound": 20.0}))
        engine.note(first._replace(events={"bound": 10.5, "ready": 11.25, "exit": 30.0}, requests=9, begun=10))
        assert [(one.id, one.events.get("exit"), one.requests, one.begun) for one in other.timelines()] == [
            ("b", None, 0, 0),
            ("a", 30.0, 9, 10),
        ]
        assert other.instances(None) == InstancesReading({}, ())

    def test_what_callers_counted_is_kept_by_instance_and_caller_the_last_word_of_each(
        self, engine: Engine, other: Engine
    ) -> None:
        assert other.told() == {}
        engine.tell("a", "one", Calls(1, 1))
        other.tell("a", "two", Calls(2, 0, 1, 1, 1))
        engine.tell("a", "one", Calls(5, 4, failed=1))
        engine.tell("../a b", "größe", Calls(unsent=3))
        assert other.told() == {
            "a": {"one": Calls(5, 4, failed=1), "two": Calls(2, 0, 1, 1, 1)},
            "../a b": {"größe": Calls(unsent=3)},
        }
        assert other.timelines() == []
        assert other.instances(None) == InstancesReading({}, ())

    def test_of_callers_that_tell_at_once_none_is_lost(self, url: str, engine: Engine) -> None:
        processes = [start(TELL, url, str(number)) for number in range(4)]
        for process in processes:
            finish(process)
        assert engine.told() == {"a": {"%d-%d" % (one, two): Calls(two) for one in range(4) for two in range(1, 11)}}

    @pytest.mark.parametrize("name", ["a.b", "..", "a/b", "Größe", "a b%2F", "x" * 60, "-", "%", "a\nb"])
    def test_any_name_is_kept_apart(self, name: str, engine: Engine, other: Engine) -> None:
        service = "default/" + name
        engine.register(instance("one", service), 10)
        engine.register(instance(name, "default/orders"), 10)
        found = other.instances(None).instances
        assert {key: [each.id for each in value] for key, value in found.items()} == {
            service: ["one"],
            "default/orders": [name],
        }

    def test_a_forked_child_goes_on_after_reopen(self, engine: Engine, other: Engine) -> None:
        parent = engine.register(instance("parent"), 60)
        reading = engine.instances(None)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                engine.reopen()
                engine.register(instance("child"), 60)
                status = 0 if len(engine.instances(reading).instances["default/orders"]) == 2 else 2
            finally:
                os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0
        engine.renew(parent, 60)
        assert [each.id for each in other.instances(None).instances["default/orders"]] == ["parent", "child"]


def _expired(reading: InstancesReading) -> Optional[InstancesReading]:
    """The reading, if the first instance of its only service expired."""
    return None if reading.instances["default/orders"][0].alive else reading


def _newer(reading: Any, before: Optional[Any]) -> Optional[Any]:
    """The reading, if it is another one."""
    return None if reading is before else reading
