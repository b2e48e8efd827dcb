"""Revisions of the rules: who changed what, when and why, with the texts before and after."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from . import files
from .base import EngineError, Revision
from .file_pieces import chunks, encode
from .folders import entries

_LIMIT = 1 << 28


class Change(NamedTuple):
    """One document's texts before and after; None: it was not there."""

    before: Optional[str]
    after: Optional[str]


class History:
    """One file per revision, ``<number>.jsonl``: a header, then the texts in pieces."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def write(self, revision: Revision, changes: Mapping[str, Change]) -> None:
        """Keep a revision; `changes` by identity. Raises `EngineError`."""
        files.replace(self._path(revision.number), _dump(revision, changes), durable=True)
        files.sync(self._folder)

    def newest(self, version: int, limit: int) -> Sequence[Revision]:
        """Up to `limit` revisions from `version` down; those whose file is gone or odd are left out."""
        found: List[Revision] = []
        for number in range(version, 0, -1):
            if len(found) >= limit:
                break
            read = self._read(number)
            if read is not None:
                found.append(read[0])
        return found

    def last(self) -> int:
        """The highest number that was ever written; 0 when there is none."""
        names = (entry.name.partition(".")[0] for entry in entries(self._folder))
        return max((int(name) for name in names if name.isdigit()), default=0)

    def undo(self, texts: Mapping[str, str], version: int, number: int) -> Mapping[str, str]:
        """The texts as they were after revision `number`, from those at `version`. Raises `EngineError`."""
        if not 0 <= number <= version:
            what = "there is no revision %d; the newest is %d: see `meshctl rules history`"
            raise EngineError(what % (number, version))
        then = dict(texts)
        for later in range(version, number, -1):
            read = self._read(later)
            if read is None:
                what = "cannot go back to revision %d: %s is missing or broken"
                raise EngineError(what % (number, self._path(later)))
            for identity, change in read[1].items():
                then.pop(identity, None)
                if change.before is not None:
                    then[identity] = change.before
        return then

    def replay(self, number: int) -> Dict[str, str]:
        """The texts after revision `number`, from the history alone. Raises `EngineError` when it has gaps."""
        texts: Dict[str, str] = {}
        for earlier in range(1, number + 1):
            read = self._read(earlier)
            if read is None:
                raise EngineError("%s is missing or broken" % self._path(earlier))
            for identity, change in read[1].items():
                texts.pop(identity, None)
                if change.after is not None:
                    texts[identity] = change.after
        return texts

    def _path(self, number: int) -> str:
        return "%s/%d.jsonl" % (self._folder, number)

    def _read(self, number: int) -> Optional[Tuple[Revision, Dict[str, Change]]]:
        data = files.read(self._path(number), _LIMIT)
        texts: Dict[str, List[Optional[str]]] = {}
        try:
            lines = (data or b"").split(b"\n")
            header = json.loads(lines[0][:65536])
            for line in lines[1 : header["lines"] + 1]:
                identity, side, chunk = json.loads(line)
                sides = texts.setdefault(identity, [None, None])
                sides[side] = (sides[side] or "") + chunk
            if len(lines) != header["lines"] + 2:
                return None
            changes = {identity: Change(*sides) for identity, sides in texts.items()}
            who = (str(header["author"]), str(header["reason"]))
            return Revision(number, float(header["time"]), *who, tuple(changes)), changes
        except (ValueError, LookupError, TypeError, RecursionError):
            return None


def _dump(revision: Revision, changes: Mapping[str, Change]) -> Iterable[bytes]:
    lines = [encode(line) + b"\n" for line in _lines(changes)]
    header = {"time": revision.time, "author": revision.author, "reason": revision.reason, "lines": len(lines)}
    return [encode(header) + b"\n", *lines]


def _lines(changes: Mapping[str, Change]) -> Iterator[Sequence[Any]]:
    for identity in sorted(changes):
        for side, text in enumerate(changes[identity]):
            if text is not None:
                for chunk in chunks(text):
                    yield (identity, side, chunk)
