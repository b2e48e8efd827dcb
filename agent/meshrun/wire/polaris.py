"""The dialect ``polaris``: ``X-Polaris-Metadata-Transitive-<key>: <value>``.

Source: Tencent/spring-cloud-tencent, MetadataConstant. Any key is a colour key; its case cannot be trusted, because
WSGI and HTTP/2 fold it.
"""

from __future__ import annotations

from typing import FrozenSet, List, Optional, Sequence, Tuple

from ..core.model import Pairs
from .base import Dialect

PREFIX = "x-polaris-metadata-transitive-"


class Polaris(Dialect):
    """One header per key."""

    starts = (PREFIX,)

    def recognise(self, name: str) -> Optional[str]:
        """The key, for a header of this dialect."""
        return name[len(PREFIX) :] or None if name.startswith(PREFIX) else None

    def read(self, token: str, value: str, keys: FrozenSet[str]) -> Sequence[Tuple[str, str]]:  # noqa: ARG002 - the interface
        """The one pair."""
        return ((token, value.strip()),)

    def write(self, colour: Pairs, keys: FrozenSet[str], present: Sequence[Tuple[str, str]]) -> List[Tuple[str, str]]:  # noqa: ARG002 - the interface
        """A header per key, except those that the app set itself."""
        taken = {name for name, _ in present}
        return [("X-Polaris-Metadata-Transitive-" + key, value) for key, value in colour if PREFIX + key not in taken]
