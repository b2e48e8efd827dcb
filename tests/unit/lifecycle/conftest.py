"""A registry in memory, and the settings of a service."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import pytest

from meshrun.core.model import Instance
from meshrun.core.settings import Settings, resolve
from meshrun.core.timeline import Calls, Timeline
from meshrun.engines.base import Edit, Engine, EngineError, InstancesReading, Revision, RulesReading


class MemoryEngine(Engine):
    """Keeps records and a log of what was asked of it; `down` makes every call fail, `hang` makes it wait."""

    url = "memory:"

    def __init__(self) -> None:
        self.records: Dict[str, Instance] = {}
        self.lives: Dict[str, Timeline] = {}
        self.log: List[Tuple[str, str]] = []
        self.down = False
        self.hang = 0.0

    def _call(self, what: str, instance: Instance) -> None:
        time.sleep(self.hang)
        if self.down:
            raise EngineError("the store is down; start it")
        self.log.append((what, instance.id))

    def rules(self, previous: Optional[RulesReading]) -> RulesReading:
        raise NotImplementedError

    def instances(self, previous: Optional[InstancesReading]) -> InstancesReading:
        raise NotImplementedError

    def apply(self, edits: Sequence[Edit], author: str, reason: str, expect: Optional[int] = None) -> Revision:
        raise NotImplementedError

    def texts(self) -> Mapping[str, str]:
        raise NotImplementedError

    def history(self, limit: int = 50) -> Sequence[Revision]:
        raise NotImplementedError

    def at(self, number: int) -> Mapping[str, str]:
        raise NotImplementedError

    def register(self, instance: Instance, ttl: float) -> Instance:
        self._call("register", instance)
        self.records[instance.id] = instance._replace(slot=7)
        return self.records[instance.id]

    def renew(self, instance: Instance, ttl: float) -> None:
        self._call("renew", instance)
        self.records.setdefault(instance.id, instance)

    def mark(self, instance: Instance, state: str) -> None:
        self._call("mark " + state, instance)
        if instance.id in self.records:
            self.records[instance.id] = self.records[instance.id]._replace(state=state)

    def note(self, timeline: Timeline) -> None:
        if self.down:
            raise EngineError("the store is down; start it")
        self.lives[timeline.id] = timeline

    def timelines(self) -> Sequence[Timeline]:
        return tuple(self.lives.values())

    def tell(self, instance_id: str, caller: str, calls: Calls) -> None:
        raise NotImplementedError

    def told(self) -> Mapping[str, Mapping[str, Calls]]:
        raise NotImplementedError

    def deregister(self, instance: Instance) -> None:
        self._call("deregister", instance)
        self.records.pop(instance.id, None)


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine()


@pytest.fixture
def settings() -> Callable[..., Settings]:
    def make(**values: str) -> Settings:
        return resolve({"MESHRUN_" + name: value for name, value in {"SERVICE": "web", **values}.items()}, {})

    return make


@pytest.fixture
def in_child() -> Callable[[Callable[[], Any]], int]:
    """Run a function in a forked child; its exit status is 0 if the function's answer is true."""

    def run(function: Callable[[], Any]) -> int:
        pid = os.fork()
        if pid == 0:
            status = 2
            try:
                status = 0 if function() else 1
            finally:
                os._exit(status)
        return os.waitpid(pid, 0)[1] >> 8

    return run
