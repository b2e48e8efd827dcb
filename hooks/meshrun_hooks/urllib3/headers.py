"""Copies of the app's headers with ours set: cheap, of the kind that urllib3 takes, the app's object untouched."""

from __future__ import annotations

from typing import Any, Callable, Dict, Sequence, Tuple


def with_set(headers: Any, pairs: Sequence[Tuple[str, str]]) -> Any:
    """A copy of `headers` with `pairs` set; a name that is there in any case keeps its spelling and its place."""
    kind = type(headers)
    copy = (_COPIES.get(kind) or _learn(kind))(headers)
    for name, value in pairs:
        if not isinstance(copy, dict) or name in copy:  # mappings other than dict mind no case themselves
            copy[name] = value
            continue
        size, found = len(name), name
        for key in copy:
            if len(key) == size and _lower(key) == name.lower():
                found = key
        copy[found] = value
    return copy


def _lower(key: Any) -> str:
    return (key if isinstance(key, str) else key.decode("latin-1")).lower()  # type: ignore[no-any-return]


def _entries(headers: Any) -> Dict[str, str]:
    """A plain dict of a `requests` CaseInsensitiveDict, whose own copy takes 15 µs: it makes each entry anew."""
    return dict(headers._store.values())  # noqa: SLF001 -- its items() builds the same pairs one call at a time


def _own_copy(headers: Any) -> Any:
    """The copy that urllib3 itself would make: it keeps repeated names and the meaning of the app's own class."""
    return headers.copy()


_COPIES: Dict[type, Callable[[Any], Any]] = {dict: dict}


def _learn(kind: type) -> Callable[[Any], Any]:
    """How to copy headers of a class seen for the first time."""
    name = "%s.%s" % (kind.__module__, kind.__qualname__)
    copy = _entries if name == "requests.structures.CaseInsensitiveDict" else _own_copy
    if len(_COPIES) < MAX_KINDS:
        _COPIES[kind] = copy
    return copy


MAX_KINDS = 64
