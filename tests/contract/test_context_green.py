"""gevent, eventlet and APScheduler: the same, with the program patched before us, after us or not at all.

Where the environment of the tests has not got them, they run in one of their own (`tests.compat.environments`).
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

from tests.compat import environments
from tests.contract.context import CALLS, LANES, ContextTests, Lanes

PACKAGES = ("gevent", "eventlet", "apscheduler", "urllib3")
PATCHED = ("never", "after", "before")


def interpreter() -> str:
    """A Python that has the packages."""
    if all(importlib.util.find_spec(name) for name in PACKAGES):
        return sys.executable
    real = Path(sys.base_prefix) / "bin" / ("python%d.%d" % sys.version_info[:2])
    return environments.needed("green", str(real), [*PACKAGES, "wrapt", "pyyaml"])


def checked(seen: Dict[str, Any], patched: str) -> None:
    """What holds for every way to spawn."""
    assert seen["errors"] == {}
    for who, colour in LANES.items():
        one = seen[who]
        assert (one.pop("hub"), one.pop("own context")) == ("-", colour), who
        if patched != "never":
            assert (one.pop("call"), one.pop("both")) == (CALLS[who], [CALLS[who]] * 2)
        assert set(one.values()) == {colour or "-"}, (who, one)
    assert seen["together"] == [["gray"] * 3, ["", "-", "-"], ["blue"] * 3] * 3
    assert seen["loops"] == ["lost", "lost"]


@pytest.mark.slow
class TestGreen(ContextTests):
    """Greenlets."""

    @pytest.mark.parametrize("patched", PATCHED)
    def test_the_colour_follows_greenlets_and_stays_with_no_worker(self, lanes: Lanes, patched: str) -> None:
        door = patched != "before"  # else the program brings us in itself, later
        checked(lanes.app("green_gevent", patched, python=interpreter(), door=door), patched)

    @pytest.mark.parametrize("patched", PATCHED)
    def test_the_colour_follows_green_threads_and_stays_with_no_worker(self, lanes: Lanes, patched: str) -> None:
        door = patched != "before"
        checked(lanes.app("green_eventlet", patched, python=interpreter(), door=door), patched)

    @pytest.mark.parametrize("library", ["gevent", "eventlet"])
    def test_our_thread_stays_a_thread_in_a_patched_program(self, lanes: Lanes, library: str) -> None:
        seen = lanes.app("green_agent", library, python=interpreter())
        assert (seen["reached"], seen["native"]) == ("gray-0", seen["native bare"] + 1)

    @pytest.mark.parametrize("form", ["thread", "loop"])
    def test_jobs_have_no_colour_whoever_started_or_fed_their_scheduler(self, lanes: Lanes, form: str) -> None:
        assert set(lanes.app("jobs", form, python=interpreter())) == {"-"}
