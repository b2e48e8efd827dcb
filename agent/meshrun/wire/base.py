"""What a dialect can do: recognise its headers, read a colour from them, write one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import FrozenSet, List, Optional, Sequence, Tuple

from ..core.model import Pairs


class Dialect(ABC):
    """One way to write a colour in headers. Stateless."""

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
