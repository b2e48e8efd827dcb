"""The demo's fleet of unmodified apps, and a place for programs of the test's own, each in a folder of the test."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.e2e.place import Place, opened

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo"
sys.path.insert(0, str(DEMO))


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Any]:
    """A fleet that ends with the test."""
    from fleet import Fleet

    made = Fleet(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def place() -> Iterator[Place]:
    """A place that ends with the test."""
    with opened() as made:
        yield made
