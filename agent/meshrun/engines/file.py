"""The ``file`` engine: a folder that the processes of a machine share, the embedded default.

Below the folder: ``rules/*.yaml``, written by hand or by meshctl; ``history/<number>.jsonl``, the revisions;
``compiled/``, what processes load; ``instances/<namespace>/<service>/<id>.json``, leases whose time is the file's;
``timelines/<id>.json``, what happened to an instance when; ``tallies/<id>.json``, what its callers counted.
"""

from __future__ import annotations

import os
import time
from typing import Callable, FrozenSet, Mapping, Optional, Sequence

from ..core.model import Instance
from ..core.rules import RESERVED
from ..core.timeline import Calls, Timeline
from .base import Edit, Engine, EngineError, InstancesReading, Revision, RulesReading
from .file_instances import InstanceReader
from .file_leases import Now
from .file_reading import RuleReader
from .file_rules import RuleStore
from .file_slots import InstanceWriter
from .file_tallies import Tallies
from .file_timelines import Timelines
from .file_writer import RuleWriter


class FileEngine(Engine):
    """Rules and instances below one folder, which the first writer makes. Keeps no descriptor open between calls.

    `wall` and `ticks` are the clocks: seconds since the epoch, and seconds that never go back.
    """

    def __init__(
        self, folder: str, wall: Callable[[], float] = time.time, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self.url = "file:" + folder
        self._wall, self._ticks = wall, ticks
        self._store = RuleStore(folder)
        self._rule_writer = RuleWriter(self._store)
        self._rules = RuleReader(self._store, self._rule_writer, self._now)
        self._instances = InstanceReader(folder + "/instances")
        self._timelines = Timelines(folder + "/timelines", folder)
        self._tallies = Tallies(folder + "/tallies", folder)
        self._writer = InstanceWriter(folder + "/instances", folder, self._reserved, self._now)

    def rules(self, previous: Optional[RulesReading]) -> RulesReading:
        """See `Engine.rules`; compiles files that were edited by hand, if nobody else does."""
        return self._rules.look(fresh=previous is None)

    def instances(self, previous: Optional[InstancesReading]) -> InstancesReading:
        """See `Engine.instances`."""
        return self._instances.look(self._now(), fresh=previous is None)

    def apply(self, edits: Sequence[Edit], author: str, reason: str, expect: Optional[int] = None) -> Revision:
        """See `Engine.apply`; waits up to 10 s for other writers."""
        return self._rule_writer.apply(edits, author, reason, expect)

    def texts(self) -> Mapping[str, str]:
        """See `Engine.texts`; with the comments right above each document."""
        self._rules.look(fresh=True)
        return self._rules.build().texts()

    def history(self, limit: int = 50) -> Sequence[Revision]:
        """See `Engine.history`."""
        return self._store.history.newest(self._rules.look(fresh=True).version, limit)

    def at(self, number: int) -> Mapping[str, str]:
        """See `Engine.at`; comments as of the last change of a document."""
        self._rules.look(fresh=True)
        state = self._store.state()
        return self._store.history.undo(state.texts(), state.compiled.version, number)

    def register(self, instance: Instance, ttl: float) -> Instance:
        """See `Engine.register`; also removes records of instances that died an hour ago."""
        registered = self._writer.register(instance, ttl)
        self._instances.look(self._now(), fresh=False)
        self._writer.forget(self._instances)
        return registered

    def renew(self, instance: Instance, ttl: float) -> None:
        """See `Engine.renew`; an instance that was deregistered within the last minute is not written again."""
        self._writer.renew(instance, ttl)

    def mark(self, instance: Instance, state: str) -> None:
        """See `Engine.mark`."""
        self._writer.mark(instance, state)

    def deregister(self, instance: Instance) -> None:
        """See `Engine.deregister`."""
        self._writer.deregister(instance)

    def note(self, timeline: Timeline) -> None:
        """See `Engine.note`."""
        self._timelines.write(timeline)

    def timelines(self) -> Sequence[Timeline]:
        """See `Engine.timelines`."""
        return self._timelines.read()

    def tell(self, instance_id: str, caller: str, calls: Calls) -> None:
        """See `Engine.tell`; of one instance the first 1,000 callers are kept."""
        self._tallies.write(instance_id, caller, calls)

    def told(self) -> Mapping[str, Mapping[str, Calls]]:
        """See `Engine.told`."""
        return self._tallies.read()

    def _now(self) -> Now:
        return Now(self._wall(), self._ticks())

    def _reserved(self, namespace: str) -> FrozenSet[str]:
        """The reserved keys of a namespace by the rules in force, or if none can be read, those of every namespace."""
        try:
            documents = self._rules.look(fresh=False).documents
        except EngineError:
            return RESERVED
        head = "Mesh/%s/" % namespace
        found = [document for identity, document in documents.items() if identity.startswith(head)]
        return RESERVED.union(*(document.get("routing_keys") or () for document in found))


def open_url(url: str) -> FileEngine:
    """The engine of ``file:DIR``, or ``file:///DIR``. Raises `EngineError`.

    A relative DIR is below the working directory of this moment; a leading ``~`` is the home folder.
    """
    folder = url.partition(":")[2]
    if folder.startswith("//"):
        host, slash, rest = folder[2:].partition("/")
        if host not in ("", "localhost"):
            raise EngineError("%s names the host %s; write file:/DIR for a folder of this machine" % (url, host))
        folder = slash + rest
    if not folder or "\0" in folder:
        raise EngineError("%s names no folder; write file:/DIR" % url.replace("\0", ""))
    return FileEngine(os.path.abspath(os.path.expanduser(folder)))
