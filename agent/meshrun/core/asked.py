"""One HTTP request as bytes bring it: what is asked, more to come, or a refusal; bounded before anything is believed.

The syntax is that of RFC 9112, strictly: nothing that two readers could understand in two ways is accepted.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

MAX_HEAD = 8192
"""Bytes of the request line and all headers."""
MAX_BODY = 65536
"""Bytes of a body."""
_END = b"\r\n\r\n"


class Refused(ValueError):
    """The request cannot be read. `status`: the code of the answer to it."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status


class Head(NamedTuple):
    """The request line and the headers, names in lower case."""

    method: str
    path: str  # without the query
    headers: Tuple[Tuple[str, str], ...]
    length: int  # bytes of the body
    size: int  # bytes of the head itself

    def all(self, name: str) -> Tuple[str, ...]:
        """The values of a header."""
        return tuple(value for key, value in self.headers if key == name)

    def one(self, name: str) -> Optional[str]:
        """The value of a header that stands there exactly once."""
        values = self.all(name)
        return values[0] if len(values) == 1 else None


def head(data: bytes) -> Optional[Head]:
    """The head of the request that begins with `data`; None: not all of it is there. Raises `Refused`."""
    end = data.find(_END, 0, MAX_HEAD)
    if end < 0:
        if len(data) >= MAX_HEAD:
            raise Refused(431, "its head has more than %d bytes" % MAX_HEAD)
        return None
    first, *lines = data[:end].decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[0].isalpha():
        raise Refused(400, "expected METHOD PATH HTTP/1.1")
    headers = tuple(_header(line) for line in lines)
    return Head(words[0], words[1].partition("?")[0], headers, _length(headers), end + len(_END))


def _header(line: str) -> Tuple[str, str]:
    name, colon, value = line.partition(":")
    value = value.replace("\t", " ")  # the one control character that may stand there
    if not colon or not name or name != name.strip() or not value.isprintable():
        raise Refused(400, "a header cannot be read")
    return name.lower(), value.strip(" ")


def _length(headers: Tuple[Tuple[str, str], ...]) -> int:
    if any(name == "transfer-encoding" for name, _ in headers):
        raise Refused(411, "a body needs a Content-Length")
    values = {value for name, value in headers if name == "content-length"}
    if not values:
        return 0
    value = values.pop()
    if values or not (value.isascii() and value.isdigit()):
        raise Refused(400, "Content-Length cannot be read")
    if len(value.lstrip("0")) > len(str(MAX_BODY)) or int(value) > MAX_BODY:
        raise Refused(413, "its body has more than %d bytes" % MAX_BODY)
    return int(value)
