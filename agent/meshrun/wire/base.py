"""What a dialect can do: recognise its headers, read a colour from them, write one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, FrozenSet, List, Optional, Sequence, Tuple

from ..core.model import Pairs


class Dialect(ABC):
    """One way to write a colour in headers. Stateless."""

    starts: ClassVar[Tuple[str, ...]]
    """How the names of its headers begin, in lower case: what begins otherwise is not asked about. "": anything."""
    shared: ClassVar[bool] = False
    """Its header is a list that others write to as well; several lines of it are read as one."""

    @abstractmethod
    def recognise(self, name: str) -> Optional[str]:
        """For a header name in lower case: what `read` needs to know of it, or None if it is not of this dialect."""

    @abstractmethod
    def read(self, token: str, value: str, keys: FrozenSet[str]) -> Sequence[Tuple[str, str]]:
        """The raw pairs in one header; `keys` are those that count where the header is shared with others."""

    @abstractmethod
    def write(self, colour: Pairs, keys: FrozenSet[str], present: Sequence[Tuple[str, str]]) -> List[Tuple[str, str]]:
        """The headers to set for `colour`.

        `present`: (lower-case name, value) of those that the app set itself and that this dialect recognises; its
        members and single-purpose headers win.
        """

    def cleared(self, value: str, keys: FrozenSet[str]) -> str:  # noqa: ARG002 -- a shared header has to look at them
        """What is left of a header of this dialect when its colour is taken out."""
        return ""
