"""Coroutines of a library that are run outside of its tasks."""

from __future__ import annotations

from typing import Any


def ended_at_once(coroutine: Any) -> bool:
    """Run a coroutine as far as it goes without waiting, and no further. Whether it ended by that."""
    try:
        coroutine.send(None)
    except StopIteration:
        return True
    finally:
        coroutine.close()
    return False
