"""What became of each hook: written while the app imports its libraries, read by ``status`` and ``doctor``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List

states: Dict[str, str] = {}
"""Hook -> ``waiting`` (its library is not imported yet), ``applied`` or ``off:<reason>``."""

early: List[str] = []
"""Modules that were imported before meshrun started: what the program took out of them by name may be unpatched."""
