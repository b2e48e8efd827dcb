"""A task works for the request that submitted it, whoever made the pool; so do processes, and what a loop is handed."""

from __future__ import annotations

import pytest

from tests.contract.context import CALLS, LANES, ContextTests, Lanes

METHODS = ("fork", "spawn", "forkserver")


class TestThreads(ContextTests):
    """Pools of threads, and what event loops do with them."""

    def test_the_colour_follows_each_task_and_stays_with_none(self, lanes: Lanes) -> None:
        seen = lanes.app("executors", "threads")
        for who, colour in LANES.items():
            one, wanted = seen[who], colour or "-"
            assert one["submit"] == one["own"] == one["nested"] == one["old"] == wanted
            assert one["map"] == one["old map"] == [wanted, wanted]
            assert (one["callback"], one["call"]) == ([wanted], CALLS[who])
        assert seen["started"] == ["-"]

    @pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
    def test_the_colour_follows_what_a_loop_hands_on(self, lanes: Lanes, loop: str) -> None:
        if loop == "uvloop":
            pytest.importorskip("uvloop")
        seen = lanes.app("executors", "loops", *(["uvloop"] if loop == "uvloop" else []))
        for who, colour in LANES.items():
            one, spawned = seen[who], colour or "-"
            assert (one["executor"], one["default"], one["call"]) == (spawned, spawned, CALLS[who])
            assert (one["task"], one["gathered"], one["generator"]) == (colour, [colour] * 2, [colour] * 2)
            assert one["call_soon_threadsafe"] == one["run_coroutine_threadsafe"] == spawned
            assert one["to_thread"] in (colour, "-")

    def test_a_colour_changes_nothing_of_a_task_but_how_it_runs(self, lanes: Lanes) -> None:
        seen = lanes.app("executors", "items")
        assert (seen["kind"], seen["coloured"]) == (True, [True, "_WorkItem", True])
        assert seen["gone"]
        assert seen["thread gone"]


class TestProcesses(ContextTests):
    """Pools of processes, and processes."""

    @pytest.mark.parametrize("method", METHODS)
    def test_the_colour_follows_each_task_into_a_worker_process(self, lanes: Lanes, method: str) -> None:
        seen = lanes.app("executors", "processes", method)
        for who, colour in LANES.items():
            one, wanted = seen[who], colour or "-"
            assert (one["submit"], one["map"], one["call"]) == (wanted, [wanted] * 2, CALLS[who])
            assert (one["apply"], one["maps"], one["callback"]) == (wanted, [[wanted]] * 3, [wanted])
            assert (one["keywords"], one["began"]) == ({"one": 1}, [["-"], ["-"]])
        assert seen["same worker"]

    @pytest.mark.parametrize("method", METHODS)
    def test_the_colour_follows_into_a_process_but_not_into_the_server_of_a_manager(
        self, lanes: Lanes, method: str
    ) -> None:
        seen = lanes.app("executors", "children", method)
        for who, colour in LANES.items():
            # A forked child has the very context that its parent has.
            wanted = colour if method == "fork" else colour or "-"
            assert seen["children"][who] == [wanted, False, CALLS[who], False]
        assert seen["managed"] == {who: {"x": 1} for who in LANES}

    def test_workers_without_meshrun_run_coloured_tasks(self, lanes: Lanes) -> None:
        assert lanes.app("executors", "stranger") == [[], [1], [2, 1], [1], []]
