"""A descriptor of ours in a process that is not: the app may close it at any time, and its number is the app's then."""

from __future__ import annotations

import os
from typing import Optional, Tuple


class Descriptor:
    """A descriptor and the file that it stands for."""

    __slots__ = ("_mark", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self._mark = _mark(number)

    @property
    def ours(self) -> bool:
        """Whether the number still stands for the file that it stood for."""
        return _mark(self.number) == self._mark

    def close(self) -> None:
        """Give it back, unless the app did."""
        try:
            if self.ours:
                os.close(self.number)
        except OSError:  # another thread of the app was faster
            pass


def _mark(number: int) -> Optional[Tuple[int, int]]:
    try:
        seen = os.fstat(number)
    except OSError:
        return None
    return (seen.st_dev, seen.st_ino)


def pipe() -> Tuple[Descriptor, Descriptor]:
    """The reading and the writing end of a new pipe. Raises OSError."""
    reading, writing = os.pipe()
    return Descriptor(reading), Descriptor(writing)
