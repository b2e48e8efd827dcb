"""Turns YAML text into plain nodes with positions: bounded, without tags, without duplicate keys.

The text is cut at its document markers first, so that an error in one document hides no other. Scalars stay text:
what they mean is decided by the schema, which spares users the surprises of ``version: 1.10`` and ``on:``.
"""

from __future__ import annotations

import re
from typing import Iterator, List, NamedTuple, Tuple

from .problem import Problem, RuleError
from .yamlnodes import Composer, Node

MAX_CHARACTERS = 8 * 1024 * 1024

_BREAKS = "\r\n\x85\u2028\u2029"
_BREAK = re.compile("\r\n|[%s]" % _BREAKS)
# A marker at the start of a line ends the document in every context of YAML, so that cutting there is exact.
_MARKER = re.compile("(?:(?<=[%s])|\\A|(?<=\\A\ufeff))(?:---|\\.\\.\\.)(?=[ \t%s]|\\Z)" % (_BREAKS, _BREAKS))
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Document(NamedTuple):
    """One document: its root, and where it stands in the text (character offsets)."""

    root: Node
    marker: int  # of the marker before it, or 0
    body: int  # just behind that marker
    start: int  # of the first character of content
    end: int  # behind the last character of content
    limit: int  # of the next marker, or the length of the text


def decode(data: bytes, file: str) -> str:
    """The text of a rule file; raises `RuleError` when it is not UTF-8. Line ends stay as they are."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        line, column = _position(before, len(before))
        what = "byte 0x%02x is not UTF-8 text" % data[error.start]
        raise RuleError([Problem(file, line, column, "", what, "save the file as UTF-8", "MR1001")]) from None


def read(text: str, file: str, problems: List[Problem]) -> Iterator[Document]:
    """The documents of a text; what is wrong is added to `problems` and the document left out."""
    if len(text) > MAX_CHARACTERS:
        what = "the file has %d characters, more than %d" % (len(text), MAX_CHARACTERS)
        problems.append(Problem(file, 1, 1, "", what, "split it into several files", "MR1003"))
        return
    odd = _UNPRINTABLE.search(text)
    if odd:
        line, column = _position(text, odd.start())
        what = "the character U+%04X is not allowed" % ord(odd.group())
        problems.append(Problem(file, line, column, "", what, "remove it", "MR1001"))
        return
    line, counted = 1, 0
    for marker, body, limit in _chunks(text):
        line += len(_BREAK.findall(text, counted, body))
        counted = body
        document = Composer(text[body:limit], file, line, body - marker, body, problems).document()
        if document is not None:
            root, start, end = document
            yield Document(root, marker, body, start, end, limit)


def _chunks(text: str) -> Iterator[Tuple[int, int, int]]:
    """(marker, body, limit) of each stretch of text between document markers."""
    marker, body = 0, 1 if text.startswith("\ufeff") else 0
    for found in _MARKER.finditer(text, body):
        yield marker, body, found.start()
        marker, body = found.start(), found.end()
    yield marker, body, len(text)


def _line_start(text: str, offset: int) -> int:
    return max(text.rfind(character, 0, offset) for character in _BREAKS) + 1


def _position(text: str, offset: int) -> Tuple[int, int]:
    """Line and column, from 1."""
    return len(_BREAK.findall(text, 0, offset)) + 1, offset - _line_start(text, offset) + 1
