"""A thread works for the request that started it; what outlives the request has no colour; all others are as bare."""

from __future__ import annotations

import pytest

from tests.contract.context import BASE, GRAY, ContextTests, Lanes


class TestThreads(ContextTests):
    """`threading`."""

    def test_the_colour_follows_into_threads_timers_and_subclasses(self, lanes: Lanes) -> None:
        seen = lanes.app("threads", "follows")
        for lane in ("gray", "", "blue"):
            for form in ("thread", "partial", "timer", "subclass", "daemon", "nested"):
                assert seen["%s %s" % (lane, form)] == (lane or "-"), form
        assert [seen[lane + " call"] for lane in ("gray", "", "blue")] == [GRAY, BASE, BASE]
        assert seen["nobody"] == "-"
        assert seen["made outside, started inside"] == "gray"

    def test_a_start_that_fails_leaves_nothing_behind_and_may_be_tried_again(self, lanes: Lanes) -> None:
        seen = lanes.app("threads", "refused")
        assert (seen["error"], seen["left"]) == ("can't start new thread", False)
        assert (seen["again"], seen["left after"]) == ("gray", False)
        assert seen["twice"] == "threads can only be started once"

    def test_what_outlives_the_request_does_not_keep_its_colour(self, lanes: Lanes) -> None:
        seen = lanes.app("loops", "outlive")
        assert seen["first"] == ["gray", "gray", "gray"]
        assert seen["none"] == ["-", "-", "-", "-", "lost", "-"]
        assert seen["blue"] == ["blue", "blue", "blue", "blue", "lost", "-"]
        assert seen["nobody"] == ["-", "-", "-"]

    def test_mesh_calls_that_lost_their_colour_are_counted_by_the_seam(self, lanes: Lanes) -> None:
        seen = lanes.app("loops", "lost")
        assert seen["calls"] == [BASE, BASE, GRAY, BASE, BASE, BASE, BASE, BASE]
        assert seen["lost"] == {"threading": 2, "concurrent.futures": 2}
        assert seen["errors"] == {}

    def test_a_lost_call_has_the_colour_of_its_own_instance(self, lanes: Lanes) -> None:
        seen = lanes.app("loops", "lost", env={"MESHRUN_LANE": "gray"})
        assert (set(seen["calls"]), seen["lost"]) == ({GRAY}, {})

    def test_carried_headers_follow_and_what_is_not_trusted_stays_so(self, lanes: Lanes) -> None:
        seen = lanes.app("threads", "carried", env={"MESHRUN_CARRY": "x-tenant", "MESHRUN_ENTRY": "1"})
        assert (seen["own"], seen["thread"], seen["pool"], seen["nobody"]) == (BASE, BASE, BASE, GRAY)
        requests = [one for server in lanes.servers for one in server.seen]
        assert [one.header("x-tenant") for one in requests] == [["acme"]] * 3 + [[]]


class TestBare(ContextTests):
    """Where nobody has a colour."""

    @pytest.mark.parametrize("program", ["threads", "executors", "processes"])
    def test_a_program_sees_nothing_of_us(self, lanes: Lanes, program: str) -> None:
        ours = lanes.app("plain", program, silent=False), lanes.said
        assert ours == (lanes.app("plain", program, silent=False, bare=True), lanes.said)
