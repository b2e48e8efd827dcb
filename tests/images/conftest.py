"""The images, built once for a test run, and a ground for one test's containers."""

from __future__ import annotations

from typing import Iterator

import pytest

from tests.images import bases
from tests.images.tools import Ground


@pytest.fixture(scope="session")
def images() -> None:
    """Every image is there."""
    bases.made()


@pytest.fixture
def ground(images: None) -> Iterator[Ground]:
    """A network and a store; what starts there ends with the test."""
    made = Ground(bases.DEMO)
    try:
        yield made
    finally:
        made.close()
