"""One file per dialect: how a neighbouring mesh writes a colour on the wire. The table here is their only list."""

from __future__ import annotations

from typing import Mapping, Sequence, Tuple

from . import baggage, polaris
from .base import Dialect

DIALECTS: Mapping[str, Dialect] = {"baggage": baggage.Baggage(), "polaris": polaris.Polaris()}
DESIGNED = frozenset(("sct", "mse", "joylive", "sermant"))
"""Names that settings may already list although this version does not speak them: skipped without a warning."""


def chosen(names: Sequence[str]) -> Tuple[Tuple[Dialect, ...], Tuple[str, ...]]:
    """The dialects of a setting in its order, and the names that nobody knows."""
    known = tuple(DIALECTS[name] for name in names if name in DIALECTS)
    return known, tuple(name for name in names if name not in DIALECTS and name not in DESIGNED)


__all__ = ["DESIGNED", "DIALECTS", "Dialect", "chosen"]
