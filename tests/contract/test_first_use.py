"""Libraries that are imported and not used: the hooks are in, and the process holds nothing more than bare."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from tests.compat.programs import DOOR, Program

APP = """
import os, sys
import aiohttp.web, flask, gunicorn.arbiter, httpcore, httpx, requests, uvicorn.server
print([len(os.listdir("/proc/self/task")), sorted(os.listdir("/proc/self/fd"))])
applied = sys.modules.get("meshrun._applied")
print(sorted(name for name, state in applied.states.items() if state == "applied") if applied else [])
print([name for name in sys.modules if name.startswith(("meshrun.runtime", "meshrun.engines", "yaml", "wrapt"))])
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A folder for it."""
    return Program(tmp_path)


def test_before_the_first_use_there_is_no_thread_no_socket_no_descriptor_and_no_store(program: Program) -> None:
    store = {"MESHRUN_STORE": "file:" + str(program.folder / "store")}
    bare = program.run(APP, PYTHONWARNINGS="ignore")
    ran = program.run(APP, [DOOR], PYTHONWARNINGS="ignore", MESHRUN_ENABLED="1", MESHRUN_SERVICE="web", **store)

    assert (ran.code, ran.err) == (bare.code, bare.err) == (0, "")
    before, after = [_read(text) for text in bare.out.splitlines()], [_read(text) for text in ran.out.splitlines()]
    assert (after[0], after[2]) == (before[0], before[2])
    assert set(after[1]) >= {"aiohttp_client", "aiohttp_web", "gunicorn_arbiter", "httpcore", "urllib3"}
    assert not (program.folder / "store").exists()


def _read(text: str) -> Any:
    return ast.literal_eval(text)
