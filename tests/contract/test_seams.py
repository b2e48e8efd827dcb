"""Every hook's seams as the app, debuggers and other agents see them: as if nobody had been there."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from meshrun_hooks import TABLE
from tests.contract.mesh import ROOT

ELSEWHERE = (
    "HTTPConnection.getresponse", "raise_shutdown", "_callback_wrapper", "_new_cbscheduler", "Worker.notify",
    "BaseServer.serve_forever", "BaseServer.handle_request", "BaseHandler.run", "BaseHandler.cleanup_headers",
    "BaseHTTPRequestHandler.send_response", "BaseHTTPRequestHandler.send_header", "BaseHTTPRequestHandler.end_headers",
)  # fmt: skip
"""Imported or inherited where they are replaced: pickle goes by the name of their home, where the original stays."""
KNOWN = {"Pool._guarded_task_generation": "isgeneratorfunction", **dict.fromkeys(ELSEWHERE, "_pickles")}
"""What some seams answer otherwise. The first answers the generator, whose body runs in another thread, too late to
mark."""

NEEDED = {"gunicorn_gevent": "gevent"}
"""What else has to be installed for the trigger of a hook to be imported."""


@pytest.fixture(scope="module", params=sorted(set(TABLE.values())))
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a process saw that patched this hook and took it back."""
    [trigger] = [trigger for trigger, hook in TABLE.items() if hook == request.param]
    try:
        there = importlib.util.find_spec(trigger) and importlib.util.find_spec(NEEDED.get(request.param, trigger))
    except ModuleNotFoundError:  # the package above it
        there = None
    if there is None:
        pytest.skip("there is no %s here" % trigger)
    result = tmp_path_factory.mktemp("seams") / "result"
    path = os.pathsep.join([str(ROOT / "agent"), str(ROOT / "hooks")])
    done = subprocess.run(
        [sys.executable, "-m", "tests.contract.seam_looks", request.param, str(result)], cwd=str(ROOT), timeout=120,
        env=dict(os.environ, PYTHONPATH=path), check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(Path(result).read_text(encoding="utf-8"))


def test_a_seam_reads_as_before_to_whoever_looks(seen: Any) -> None:
    for before, after in zip(seen["before"], seen["after"]):
        known = KNOWN.get(before["__qualname__"])
        assert dict(after, **{known: before[known]} if known else {}) == before


def test_patching_twice_is_once_and_unpatching_gives_back_the_same_objects(seen: Any) -> None:
    kept = {name: seen[name] for name in ("changed", "once", "restored", "order")}
    assert kept == dict.fromkeys(kept, True)
    assert all(seen["forgotten"])


@pytest.mark.parametrize("kind", ["wrapt", "closure"])
def test_the_wrappers_of_other_agents_stay_in_any_order_and_ours_is_there_once(seen: Any, kind: str) -> None:
    assert seen["others"][kind] == dict.fromkeys(seen["others"][kind], True)
