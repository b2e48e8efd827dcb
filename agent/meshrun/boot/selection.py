"""Which hooks are wanted: reads ``MESHRUN_HOOKS`` against the table of hooks."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, FrozenSet, List, Mapping, Set


class Selection:
    """What a value of ``MESHRUN_HOOKS`` comes to."""

    __slots__ = ("off", "third_party", "unknown", "wanted")

    def __init__(self) -> None:
        self.wanted: Dict[str, str] = {}  # trigger -> hook file
        self.off: List[str] = []  # hook files that are not wanted
        self.third_party: List[str] = []  # names of the form ``package:module``
        self.unknown: List[str] = []  # words that name no hook


def select(setting: str, table: Mapping[str, str]) -> Selection:
    """Read ``all``, ``-redis,-kafka``, ``urllib3,aiohttp`` or ``all,acme_hooks:billing``.

    A word names every hook of a library (``aiohttp`` is its client and its server) or one hook file. Third-party names
    and minuses count from ``all`` where no plain word stands beside them.
    """
    chosen = Selection()
    plain: Set[str] = set()
    minus: Set[str] = set()
    for item in setting.split(","):
        word = item.strip()
        if ":" in word:
            chosen.third_party.append(word)
        elif word.startswith("-"):
            minus.add(_folded(word[1:]))
        elif word:
            plain.add(_folded(word))
    known: Set[str] = {"all"}
    for trigger, hook in table.items():
        names = _names(trigger, hook)
        known |= names
        if (not plain or "all" in plain or names & plain) and not names & minus and "all" not in minus:
            chosen.wanted[trigger] = hook
        else:
            chosen.off.append(hook)
    chosen.unknown = sorted((plain | minus) - known)
    return chosen


def _folded(word: str) -> str:
    return word.strip().lower().replace("-", "_")


def _names(trigger: str, hook: str) -> FrozenSet[str]:
    """The words by which a hook is known: its file, its library, its trigger."""
    return frozenset((hook, trigger.lower(), trigger.partition(".")[0].lower()))
