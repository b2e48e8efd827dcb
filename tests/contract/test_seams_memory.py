"""After 100,000 calls a process holds what it would hold without us."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract import mesh as meshes
from tests.contract.mesh import mesh

HERE = "tests.contract.scripts_memory:"
CALLS = 100_000
BLOCKS = 1000
"""How many more of Python's blocks are no leak, which would take 100,000."""
KIB = 2048
"""As for the resident size, which grows by whole arenas."""


CLIENTS = ("urllib3", "httpcore", "async_httpcore", "aiohttp")
SERVERS = ("uvicorn_h11", "uvicorn_httptools", "aiohttp_web", "gunicorn_sync", "gunicorn_gthread")


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("side", [*CLIENTS, *SERVERS])
def test_as_much_is_held_as_without_us(tmp_path: Path, side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meshes, "MAX_SECONDS", 900.0)
    with mesh(tmp_path) as made:
        for tags in ({}, {}, {"lane": "gray"}):
            made.service("orders", 1, tags)
        bare = made.bare("urllib3", HERE + side, {"calls": CALLS // 10})  # a program that grows shows it by then
        meshed = made.run("urllib3", HERE + side, {"calls": CALLS})
    assert meshed["counted"] >= CALLS * 2 // 3
    assert meshed["blocks"] <= bare["blocks"] + BLOCKS, (meshed, bare)
    assert meshed["kib"] <= bare["kib"] + KIB, (meshed, bare)
