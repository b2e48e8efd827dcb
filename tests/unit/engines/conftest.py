"""A store folder of the test's own, and clients of it."""

from __future__ import annotations

import pathlib
from typing import Callable

import pytest

from meshrun.engines.file import FileEngine


@pytest.fixture
def store(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where the store is; the folder does not exist yet."""
    return tmp_path / "store"


@pytest.fixture
def opened(store: pathlib.Path) -> Callable[[], FileEngine]:
    return lambda: FileEngine(str(store))


@pytest.fixture
def engine(opened: Callable[[], FileEngine]) -> FileEngine:
    return opened()


@pytest.fixture
def other(opened: Callable[[], FileEngine]) -> FileEngine:
    return opened()
