"""Reads MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md), which agents send their spans in."""

from __future__ import annotations

import struct
from typing import Any, Dict, Optional

NUMBERS = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
    0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}  # fmt: skip
SIZED = {
    0xC4: (">B", "bytes"), 0xC5: (">H", "bytes"), 0xC6: (">I", "bytes"), 0xD9: (">B", "text"),
    0xDA: (">H", "text"), 0xDB: (">I", "text"), 0xDC: (">H", "list"), 0xDD: (">I", "list"),
    0xDE: (">H", "map"), 0xDF: (">I", "map"),
}  # fmt: skip
CONSTANTS: Dict[int, Optional[bool]] = {0xC0: None, 0xC2: False, 0xC3: True}


def unpacked(data: bytes) -> Any:
    """A value in MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md)."""
    return _Packed(data).value()


class _Packed:
    """Reads values one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def _take(self, size: int) -> bytes:
        self._place += size
        return self._data[self._place - size : self._place]

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def value(self) -> Any:
        first = self._take(1)[0]
        if first < 0x80 or first >= 0xE0:
            return first if first < 0x80 else first - 0x100
        if first in CONSTANTS:
            return CONSTANTS[first]
        if first in NUMBERS:
            return self._number(NUMBERS[first])
        if first in SIZED:
            form, kind = SIZED[first]
            return self._sized(kind, self._number(form))
        if first >= 0xA0:
            return self._sized("text", first & 0x1F)
        return self._sized("list" if first >= 0x90 else "map", first & 0x0F)

    def _sized(self, kind: str, size: int) -> Any:
        if kind == "list":
            return [self.value() for _ in range(size)]
        if kind == "map":
            return {self.value(): self.value() for _ in range(size)}
        data = self._take(size)
        return data.decode("utf-8", "replace") if kind == "text" else data
