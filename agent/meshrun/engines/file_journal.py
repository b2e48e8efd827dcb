"""What a writer of rules is about to do, kept so that the next one can finish it: all rule files change, or none."""

from __future__ import annotations

import json
import os
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional

from . import files
from .base import Revision
from .file_pieces import chunks, encode

_LIMIT = 1 << 28


class Intent(NamedTuple):
    """New texts of rule files by name (None: remove it), and the revision that this makes."""

    revision: Revision  # without identities
    texts: Mapping[str, Optional[str]]

    def begun(self, contents: Mapping[str, bytes]) -> bool:
        """Whether the writer got as far as changing a file; `contents` are those that stand there now."""
        texts = {name: None if text is None else text.encode("utf-8") for name, text in self.texts.items()}
        return any(contents.get(name) == text for name, text in texts.items())


def write(path: str, intent: Intent) -> None:
    """Put the journal in place, on the disk when this returns. Raises `EngineError`."""
    files.replace(path, _dump(intent), durable=True)
    files.sync(os.path.dirname(path))


def _dump(intent: Intent) -> Iterable[bytes]:
    lines: List[bytes] = []
    for name, text in intent.texts.items():
        lines.append(encode(["gone" if text is None else "file", name]) + b"\n")
        lines += [encode(["text", chunk]) + b"\n" for chunk in _chunks(text)]
    number, time, author, reason, _ = intent.revision
    header = {"number": number, "time": time, "author": author, "reason": reason, "lines": len(lines)}
    return [encode(header) + b"\n", *lines]


def _chunks(text: Optional[str]) -> Iterator[str]:
    return iter(()) if text is None else chunks(text)


def read(path: str) -> Optional[Intent]:
    """What an earlier writer left undone; None when there is nothing, or nothing whole. Raises `EngineError`."""
    data = files.read(path, _LIMIT)
    if data is None:
        return None
    texts: Dict[str, Optional[str]] = {}
    try:
        lines = data.split(b"\n")
        header = json.loads(lines[0][:65536])
        if len(lines) != header["lines"] + 2:
            return None
        name = ""
        for line in lines[1:-1]:
            word, value = json.loads(line)
            if word == "text":
                texts[name] = (texts[name] or "") + value
            else:
                name = value
                texts[name] = "" if word == "file" else None
        who = (str(header["author"]), str(header["reason"]))
        return Intent(Revision(int(header["number"]), float(header["time"]), *who, ()), texts)
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
