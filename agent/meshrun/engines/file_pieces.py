"""JSON in pieces: no value that the engine reads or writes is larger than what one C call may hold the GIL for."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List, Sequence, Tuple, Union

PIECE = 16384
"""Characters of one piece, about; as JSON at most six times as many bytes."""

Path = List[Union[str, int]]
Piece = Tuple[Path, Any]


def encode(value: Any) -> bytes:
    """One line of JSON, the same for equal values."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8", "replace")


def chunks(text: str) -> Iterator[str]:
    """A text in pieces; one empty piece for an empty text."""
    for start in range(0, len(text) or 1, PIECE):
        yield text[start : start + PIECE]


def split(value: Dict[str, Any]) -> List[Piece]:
    """A JSON-able mapping as pieces that `join` puts together: where, and what to add there."""
    pieces: List[Piece] = []
    _split(value, [], pieces)
    return pieces


def _split(value: Any, path: Path, pieces: List[Piece]) -> None:
    """Add the pieces of a container or text that is already there, empty, at `path`."""
    if isinstance(value, str):
        pieces += [(path, chunk) for chunk in chunks(value)]
        return
    items: Sequence[Tuple[Union[str, int], Any]]
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    start = room = 0
    for number, (step, item) in enumerate(items):
        weight = _weight(item)
        large = weight > PIECE
        if large or room + weight > PIECE:
            _add(items[start:number], value, path, pieces)
            start, room = number, 0
        if large:
            _add([(step, type(item)())], value, path, pieces)
            _split(item, [*path, step], pieces)
            start = number + 1
        else:
            room += weight + len(str(step))
    _add(items[start:], value, path, pieces)


def _add(items: Sequence[Tuple[Union[str, int], Any]], container: Any, path: Path, pieces: List[Piece]) -> None:
    if items:
        pieces.append((path, dict(items) if isinstance(container, dict) else [item for _, item in items]))


def _weight(value: Any) -> int:
    """About how many characters a value has as JSON."""
    if isinstance(value, str):
        return len(value) + 3
    if isinstance(value, dict):
        return 2 + sum(len(key) + 4 + _weight(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return 2 + sum(map(_weight, value))
    return 8


def join(pieces: Sequence[Piece]) -> Dict[str, Any]:
    """The mapping whose pieces these are. Raises `LookupError`, `TypeError` or `AttributeError` for others."""
    root: Dict[str, Any] = {}
    for path, piece in pieces:
        place: Any = root
        for step in path[:-1] if isinstance(piece, str) else path:
            place = place[step]
        if isinstance(piece, str):
            place[path[-1]] += piece
        elif isinstance(piece, list):
            place.extend(piece)
        else:
            place.update(piece)
    return root
