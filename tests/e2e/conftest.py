"""The demo's fleet of unmodified apps, in a folder of the test's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo"
sys.path.insert(0, str(DEMO))


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Any]:
    """A fleet that ends with the test."""
    from fleet import Fleet  # type: ignore[import-not-found]  # noqa: PLC0415 -- found through the path set above

    made = Fleet(tmp_path)
    try:
        yield made
    finally:
        made.close()
