"""Names of services and instances as names of files."""

from __future__ import annotations

from .base import EngineError

SUFFIX = ".json"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:")


def quote(name: str) -> str:
    """A name as a file name: anything odd, and a leading dot, becomes ``%XX``. Raises `EngineError` for no name."""
    quoted = name
    if not _PLAIN.issuperset(name) or name.startswith("."):
        try:
            quoted = "".join(c if c in _PLAIN else _escaped(c) for c in name)
        except UnicodeEncodeError:
            raise EngineError("the name %a is not UTF-8 text; choose another" % name[:80]) from None
        if quoted.startswith("."):
            quoted = "%2E" + quoted[1:]
    if not 0 < len(quoted) <= 200:
        raise EngineError("the name %r does not have 1 to 200 characters; choose another" % name[:80])
    return quoted


def _escaped(character: str) -> str:
    return "".join("%%%02X" % byte for byte in character.encode("utf-8"))


def unquote(quoted: str) -> str:
    """The name behind a file name that `quote` made, or nothing when it made none such."""
    if not _PLAIN.issuperset(quoted):
        try:
            first, *rest = quoted.encode("ascii").split(b"%")
            name = (first + b"".join(bytes((int(part[:2], 16),)) + part[2:] for part in rest)).decode("utf-8")
            return name if quote(name) == quoted else ""
        except (ValueError, EngineError):
            return ""
    return "" if quoted.startswith(".") else quoted


def file_of(name: str) -> str:
    """The name of the file that is kept of an instance. Raises `EngineError` for no name."""
    return quote(name) + SUFFIX


def name_of(file: str) -> str:
    """The instance id behind such a file name, or nothing."""
    return unquote(file[: -len(SUFFIX)]) if file.endswith(SUFFIX) else ""
