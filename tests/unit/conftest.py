"""Waiting with a bound, and property tests that no clock judges."""

from __future__ import annotations

import time
from typing import Any, Callable

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

BOUND_SECONDS = 20.0


@pytest.fixture
def wait() -> Callable[[Callable[[], Any]], Any]:
    """Wait until something is true, for at most a generous bound; answers whether it became so."""

    def until(holds: Callable[[], Any]) -> Any:
        end = time.monotonic() + BOUND_SECONDS
        while not holds():
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    return until
