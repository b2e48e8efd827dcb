"""The runner of other libraries' tests, run on a suite in which some tests change, some are unsteady, most are not."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contract.ports import free_port

from . import passes, suites, upstream

SUITE = """
import pathlib, sys
import pytest

def test_passes(): pass

def test_fails(): raise ValueError

def test_is_unsteady():
    seen = pathlib.Path("seen")
    seen.write_text(seen.read_text() + "x" if seen.exists() else "x")
    assert len(seen.read_text()) % 2

def test_looks_for_meshrun(): assert "meshrun" not in sys.modules

def test_looks_for_a_lane():
    import os
    assert "MESHRUN_LANE" not in os.environ

@pytest.mark.xfail
def test_is_expected_to_fail(): raise OSError

@pytest.fixture
def broken():
    yield
    raise KeyError

def test_fails_late(broken): pass
"""


@pytest.fixture
def suite(tmp_path: Path) -> suites.Suite:
    (tmp_path / "test_it.py").write_text(SUITE, encoding="utf-8")
    return suites.own(tmp_path, sys.executable, ("test_it.py",))


@pytest.mark.slow
def test_what_changes_is_found_and_what_is_unsteady_is_left_out(
    suite: suites.Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream, "RESULTS", tmp_path / "results")
    verdict = upstream.check(suite)
    plain, lane = (verdict.under[name][1] for name in (passes.PLAIN, passes.LANE))
    assert list(plain.unsteady) == ["test_it.py::test_is_unsteady"]
    assert list(plain.changed) == ["test_it.py::test_looks_for_meshrun"]
    assert sorted(lane.changed) == ["test_it.py::test_looks_for_a_lane", "test_it.py::test_looks_for_meshrun"]
    assert verdict.bare[0].of("test_it.py::test_fails_late") == "failed: KeyError at teardown, passed"
    assert verdict.bare[0].of("test_it.py::test_is_expected_to_fail") == "xfailed"
    assert verdict.under[passes.PLAIN][0].hooks["signal"] == "applied"
    assert verdict.code == upstream.CHANGED
    assert "CHANGED: test_it.py::test_looks_for_meshrun: passed -> failed: assert" in upstream.table([verdict]).replace(
        "AssertionError", "assert"
    )
    kept = json.loads((tmp_path / "results" / suite.name / "result.json").read_text(encoding="utf-8"))
    assert kept["passes"][passes.PLAIN]["changed"]["test_it.py::test_looks_for_meshrun"]["bare"] == "passed"


@pytest.mark.slow
def test_a_suite_that_proves_nothing_is_no_success(
    suite: suites.Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream, "RESULTS", tmp_path / "results")
    verdict = upstream.check(suite._replace(least=100))
    assert verdict.code == upstream.CHANGED
    assert "of at least 100" in upstream.table([verdict])


def test_a_name_without_a_recipe_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        upstream.main(["no-such-library"])
    assert ended.value.code == 2
    assert "--folder" in capsys.readouterr().err


@pytest.mark.slow
def test_suites_that_listen_on_the_same_port_take_turns(tmp_path: Path) -> None:
    port = free_port()
    text = "def test_it(): held = socket.create_server(('127.0.0.1', %d)); time.sleep(2); held.close()\n" % port
    (tmp_path / "test_it.py").write_text("import socket, time\n" + text, encoding="utf-8")
    suite = suites.own(tmp_path, sys.executable, ("test_it.py",))._replace(port=port)
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda log: suites.run(suite, passes.environ((suites.PLUGIN,)), tmp_path / log), "ab"))
    assert [dict(run.outcomes) for run in runs] == [{"test_it.py::test_it": "passed"}] * 2
