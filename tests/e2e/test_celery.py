"""A Celery worker serves nothing: its stop is its own, a running task is finished, and nothing is held."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

from tests.compat.environments import needed

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
APPS = Path(__file__).parent / "apps"
BOUND_SECONDS = 120.0


def until(holds: Callable[[], Any], said: Callable[[], str]) -> None:
    end = time.monotonic() + BOUND_SECONDS
    while not holds():
        assert time.monotonic() < end, said()
        time.sleep(0.05)


def stopped(folder: Path, environ: Dict[str, str], pool: str) -> int:
    """Stop a worker while it runs a task; the exit status."""
    real = Path(sys.base_prefix) / "bin" / ("python%d.%d" % sys.version_info[:2])
    python = needed("celery", str(real), ["celery", "wrapt", "pyyaml"])
    folder.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MESHRUN_", "PYTHON", "CELERY_"))}
    kept.update(environ, CELERY_FOLDER=str(folder))
    send = [python, "-c", "import celery_tasks; celery_tasks.slow.delay()"]
    subprocess.run(send, cwd=str(APPS), env=kept, check=True, timeout=BOUND_SECONDS)
    command = [python, "-m", "celery", "-A", "celery_tasks", "worker", "-P", pool, "-c", "1", "-l", "INFO"]
    with (folder / "log").open("wb") as out:
        worker = subprocess.Popen(command, cwd=str(APPS), env=kept, stdout=out, stderr=out, start_new_session=True)
    try:
        until((folder / "begun").exists, (folder / "log").read_text)
        worker.send_signal(signal.SIGTERM)
        until(lambda: "Warm shutdown" in (folder / "log").read_text(), (folder / "log").read_text)
        (folder / "finish").touch()
        code = worker.wait(BOUND_SECONDS)
        assert (folder / "finished").exists()
        return code
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_worker_finishes_its_task_and_ends_as_bare(tmp_path: Path, pool: str) -> None:
    ours = {
        "PYTHONPATH": str(ROOT / "sitecustomize"), "MESHRUN_ENABLED": "1", "MESHRUN_SERVICE": "tasks",
        "MESHRUN_STORE": "file:%s" % (tmp_path / "store"), "MESHRUN_STATE_DIR": str(tmp_path / "state"),
        "MESHRUN_DRAIN_SECONDS": "600",  # one that is held ends with the test
    }  # fmt: skip
    assert stopped(tmp_path / "under", ours, pool) == stopped(tmp_path / "bare", {}, pool)
