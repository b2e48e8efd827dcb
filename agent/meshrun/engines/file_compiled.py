"""The compiled rules of the ``file`` engine: what app processes read, and the texts that it was made from.

One file, replaced whole, in lines: a header; the documents, one line per entry (``digest identity part json``, large
documents in several parts); the sources, which only those who write rules look at. Readers parse the documents whose
digest they do not know yet.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from itertools import islice
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from . import files
from .base import Document
from .file_pieces import chunks, encode, join, split

FORMAT = 1
LIMIT = 1 << 28
_BLOCK = 65536
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What a file that is not ours, or half of ours, raises while it is taken apart."""


class Compiled(NamedTuple):
    """The documents in force."""

    version: int
    signature: str  # of the rules folder that they were made from
    digests: Mapping[str, str]  # by identity
    documents: Mapping[str, Document]


class Span(NamedTuple):
    """Where a document stands in its file: line from 1, offsets in characters, with the comments right above."""

    identity: str
    line: int
    start: int
    end: int


class Source(NamedTuple):
    """A rule file as it was compiled."""

    text: str
    spans: Tuple[Span, ...]


NOTHING = Compiled(0, "", {}, {})


def digest(document: Document) -> str:
    """The digest of a document's normal form: equal content, equal digest."""
    total = blake2b(digest_size=12)
    for piece in split(dict(document)):
        total.update(encode(piece))
    return total.hexdigest()


def dump(compiled: Compiled, sources: Mapping[str, Source]) -> Iterator[bytes]:
    """The file's content, in pieces."""
    entries = [line for identity in sorted(compiled.documents) for line in _entries(identity, compiled)]
    origins = list(_origins(sources))
    header = {
        "format": FORMAT,
        "version": compiled.version,
        "signature": compiled.signature,
        "entries": len(entries),
        "sources": len(origins),
    }
    yield encode(header) + b"\n"
    yield from entries
    yield from origins


def _entries(identity: str, compiled: Compiled) -> Iterator[bytes]:
    pieces = split(dict(compiled.documents[identity]))
    whole = len(pieces) <= 1
    for number, piece in enumerate(pieces or [([], {})]):
        part = "%s %s %d/%d " % (compiled.digests[identity], identity, number + 1, len(pieces) or 1)
        yield part.encode("utf-8") + encode(piece[1] if whole else piece) + b"\n"


def _origins(sources: Mapping[str, Source]) -> Iterator[bytes]:
    for name in sorted(sources):
        yield encode(["file", name]) + b"\n"
        for chunk in chunks(sources[name].text):
            yield encode(["text", chunk]) + b"\n"
        for span in sources[name].spans:
            yield encode(["span", *span]) + b"\n"


def load(path: str, known: Compiled) -> Optional[Compiled]:
    """The documents in the file, those of `known` where the digest is the same; `known` itself if nothing differs.

    None when the file is missing or not whole. Raises `EngineError` when it cannot be read.
    """
    lines = files.lines(path, LIMIT)
    header = _header(lines)
    if header is None:
        return None
    version, signature, entries, _ = header
    if (version, signature) == (known.version, known.signature):
        return known
    digests: Dict[str, str] = {}
    documents: Dict[str, Document] = {}
    parts: Dict[str, List[Any]] = {}
    read = 0
    try:
        for line in islice(lines, entries):
            read += 1
            words = line.split(b" ", 3)
            sign, identity = words[0].decode("ascii"), words[1].decode("utf-8")
            digests[identity] = sign
            if known.digests.get(identity) == sign:
                documents[identity] = known.documents[identity]
            elif words[2] == b"1/1":
                documents[identity] = json.loads(words[3])
            else:
                parts.setdefault(identity, []).append(json.loads(words[3]))
                documents[identity] = {}  # Keeps the order; filled below.
        for identity, pieces in parts.items():
            documents[identity] = join(pieces)
    except _BROKEN:
        return None
    return Compiled(version, signature, digests, documents) if read == entries else None


def load_sources(path: str) -> Optional[Dict[str, Source]]:
    """The rule files as they were compiled, by name; None when the file is missing or not whole."""
    lines = files.lines(path, LIMIT)
    header = _header(lines)
    if header is None:
        return None
    found: Dict[str, Tuple[List[str], List[Span]]] = {}
    name, read = "", 0
    try:
        for line in islice(lines, header[2], None):
            read += 1
            word, *rest = json.loads(line)
            if word == "file":
                name = rest[0]
                found[name] = ([], [])
            elif word == "text":
                found[name][0].append(rest[0])
            else:
                found[name][1].append(Span(*rest))
        sources = {name: Source("".join(texts), tuple(spans)) for name, (texts, spans) in found.items()}
    except _BROKEN:
        return None
    return sources if read == header[3] else None


def _header(lines: Iterator[bytes]) -> Optional[Tuple[int, str, int, int]]:
    """Version, signature, and how many lines of entries and of sources follow."""
    try:
        header = json.loads(next(lines, b"")[:_BLOCK])
        if header["format"] != FORMAT:
            return None
        return int(header["version"]), str(header["signature"]), int(header["entries"]), int(header["sources"])
    except _BROKEN:
        return None


def dump_problem(signature: str, text: str) -> Iterable[bytes]:
    """The content of the file that says why the rules folder with this signature is not in force."""
    return (encode({"signature": signature, "problem": text[: 4 * 4096]}) + b"\n",)


def load_problem(path: str) -> Tuple[str, str]:
    """Signature and text of that file; both empty when there is none."""
    try:
        fields = json.loads((files.read(path, 1 << 18) or b"{}")[:98304])
        return str(fields["signature"]), str(fields["problem"])
    except _BROKEN:
        return "", ""
