"""What suites of this folder share that pytest wants outside of a class."""

from __future__ import annotations

from typing import Any, Iterator

import pytest

from tests.contract.running import Stage, stage

pytest.register_assert_rewrite("tests.contract.stages")  # a test that fails there says what it compared


@pytest.fixture(scope="class")
def shared(request: Any) -> Iterator[Stage]:
    """One server of a class of the server contract, for the tests that leave it as it is."""
    with stage(request.cls.command) as made:
        made.start()
        yield made
