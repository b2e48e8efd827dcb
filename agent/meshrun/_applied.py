"""What became of each hook: written while the app imports its libraries, read by ``status`` and ``doctor``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional

    from .boot.crash import Guard

states: Dict[str, str] = {}
"""Hook -> ``waiting`` (its library is not imported yet), ``applied`` or ``off:<reason>``."""

early: List[str] = []
"""Modules that were imported before meshrun started: what the program took out of them by name may be unpatched."""

dormant: Optional[str] = None
"""Why no hook was applied when this process started; None: they are."""

KILLED = "kill switch "
"""How the reason of a process that the kill switch keeps dormant begins; the path of the switch follows."""

switch: Optional[Callable[[Optional[str]], bool]] = None
"""`boot.apply.Hooks.switch` of this process: takes the seams out, or puts them in again."""

crash: Optional[Guard] = None
"""The mark of the crash guard, where there is one."""
