"""What every engine can do. ``tests/contract/engines.py`` is the suite that each engine passes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..core.model import Instance, Vacancy
from ..core.timeline import Calls, Timeline

Document = Mapping[str, Any]
"""A validated rule document in its normal, JSON-able form (``core.documents.parse``)."""


class EngineError(Exception):
    """The engine cannot be reached, read or written; the message says what, why and how to mend it."""


class Conflict(EngineError):
    """Somebody else changed the rules since the revision that the caller expected."""


class Edit(NamedTuple):
    """A wish to write one document (``text`` is its YAML) or to delete it (``text`` None)."""

    identity: str  # "Kind/namespace/name"
    text: Optional[str]


class Revision(NamedTuple):
    """One change of the rules."""

    number: int
    time: float  # epoch seconds
    author: str
    reason: str
    identities: Tuple[str, ...]  # what it touched


class RulesReading(NamedTuple):
    """The rules as they stood at one look."""

    version: int  # grows with each change
    documents: Mapping[str, Document]  # identity -> normal form
    problem: Optional[str]  # why a newer set in the store is not in force, with file, line and column


class InstancesReading(NamedTuple):
    """All instances that the engine knows, alive or not, as they stood at one look."""

    instances: Mapping[str, Tuple[Instance, ...]]  # service key -> by (slot, id)
    vacancies: Tuple[Vacancy, ...]


class Engine(ABC):
    """Rules and instances, held somewhere. All methods raise `EngineError`.

    They block for at most a second or so, but for `apply`, which waits up to 10 s for other writers.

    An engine object belongs to one process and one thread at a time; after a fork the child calls `reopen`.
    """

    url: str

    @abstractmethod
    def rules(self, previous: Optional[RulesReading]) -> RulesReading:
        """The rules now; the same object as `previous` if nothing changed (that look must be cheap)."""

    @abstractmethod
    def instances(self, previous: Optional[InstancesReading]) -> InstancesReading:
        """The instances now; the same object as `previous` if nothing changed."""

    @abstractmethod
    def apply(self, edits: Sequence[Edit], author: str, reason: str, expect: Optional[int] = None) -> Revision:
        """Change documents, all or none. `expect`: the version the caller read; raises `Conflict` if it is old.

        Raises `core.documents.RuleError` when the resulting set is not valid.
        """

    @abstractmethod
    def texts(self) -> Mapping[str, str]:
        """Identity -> the YAML text of each document, for tools that edit."""

    @abstractmethod
    def history(self, limit: int = 50) -> Sequence[Revision]:
        """The newest revisions, newest first."""

    @abstractmethod
    def at(self, number: int) -> Mapping[str, str]:
        """The YAML texts as they were after revision `number`."""

    @abstractmethod
    def register(self, instance: Instance, ttl: float) -> Instance:
        """Write the instance with a lease of `ttl` seconds; answers it with its slot. Idempotent by id."""

    @abstractmethod
    def renew(self, instance: Instance, ttl: float) -> None:
        """Keep the lease; writes the record again if it was lost."""

    @abstractmethod
    def mark(self, instance: Instance, state: str) -> None:
        """Change the state (``draining`` is how an instance deregisters while it still serves)."""

    @abstractmethod
    def deregister(self, instance: Instance) -> None:
        """Remove the record and leave its slot vacant."""

    @abstractmethod
    def note(self, timeline: Timeline) -> None:
        """Keep the timeline of an instance in the place of an earlier one. The number that is kept is bounded."""

    @abstractmethod
    def timelines(self) -> Sequence[Timeline]:
        """The timelines that are kept, the newest first; those of instances that are gone as well."""

    @abstractmethod
    def tell(self, instance_id: str, caller: str, calls: Calls) -> None:
        """Keep what `caller`, a process, counted of its calls to an instance in the place of what it said before.

        What is kept is bounded as `note` is.
        """

    @abstractmethod
    def told(self) -> Mapping[str, Mapping[str, Calls]]:
        """Instance id -> caller -> what it counted."""

    def reopen(self) -> None:  # noqa: B027 -- an engine that keeps no descriptor has nothing to do here
        """Called in a forked child before first use: drop descriptors shared with the parent."""

    def close(self) -> None:  # noqa: B027 -- as above
        """Give back descriptors."""
