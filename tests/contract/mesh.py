"""A small mesh for one test: servers, instances and rules in a store of its own, and app processes that call them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from meshrun.core.model import Instance
from meshrun.engines import open_engine
from meshrun.engines.base import Edit
from tests.contract.servers import Echo

ROOT = Path(__file__).resolve().parents[2]
MAX_SECONDS = 60.0
"""The longest that an app process may take."""


class Mesh:
    """The store in a folder, and the servers of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = "file:" + str(folder / "store")
        self._engine = open_engine(self.url)
        self._engine.apply([], "test", "start")
        self._exits = contextlib.ExitStack()
        self._runs = 0

    def close(self) -> None:
        """End the servers."""
        self._exits.close()
        self._engine.close()

    def keep(self, manager: Any) -> Any:
        """Enter a context manager until the test ends."""
        return self._exits.enter_context(manager)

    def server(self, name: str = "", tls: Any = None) -> Echo:
        """A server that no service knows."""
        server = Echo(name, tls)
        self._exits.callback(server.stop)
        return server

    def service(
        self, name: str, number: int = 1, tags: Optional[Mapping[str, str]] = None, tls: Any = None,
        keepalive: Optional[float] = None, label: str = "", weight: int = 100,
    ) -> List[Echo]:  # fmt: skip
        """Servers that are instances of a service; they call themselves ``label-0`` and so on."""
        servers = [self.server("%s-%d" % (label or name, place), tls) for place in range(number)]
        for server in servers:
            self.instance(name, server.address, tags, tls is not None, keepalive, weight)
        return servers

    def instance(
        self, service: str, address: Tuple[str, int], tags: Optional[Mapping[str, str]] = None, tls: bool = False,
        keepalive: Optional[float] = None, weight: int = 100,
    ) -> None:  # fmt: skip
        """Register an address as an instance of a service."""
        self._engine.register(
            Instance(
                "%s-%s-%d" % (service, *address), "default/" + service, address[0], address[1],
                tls=tls, tags=dict(tags or {}), keepalive=keepalive, weight=weight,
            ),
            ttl=3600.0,
        )  # fmt: skip

    def leave(self, service: str, address: Tuple[str, int]) -> None:
        """Take an instance out of the mesh."""
        key = "default/" + service
        for instance in self._engine.instances(None).instances.get(key, ()):
            if (instance.address, instance.port) == address:
                self._engine.deregister(instance)

    def rules(self, *documents: Tuple[str, str]) -> None:
        """Write rule documents: (``Kind/namespace/name``, YAML)."""
        self._engine.apply([Edit(identity, text) for identity, text in documents], "test", "test")

    def alias(self, host: str, service: str) -> None:
        """Let a host (``host`` or ``host:port``) mean a service."""
        name = host.replace(":", "-").replace(".", "-")
        text = 'kind: Alias\nname: %s\nhosts: ["%s"]\nservice: %s\n' % (name, host, service)
        self.rules(("Alias/default/" + name, text))

    def run(
        self, driver: str, script: str, plan: Mapping[str, Any], env: Optional[Mapping[str, str]] = None,
        door: bool = True,
    ) -> Any:  # fmt: skip
        """Run a script of `scripts` in an app process under meshrun and answer its result.

        `script` is the name of a function there, or ``module:function``. `door` False: the process starts without us,
        our packages are only importable.
        """
        return self._run(driver, script, plan, dict(self._env(door), **(env or {})))

    def bare(self, driver: str, script: str, plan: Mapping[str, Any], env: Optional[Mapping[str, str]] = None) -> Any:
        """Run it without meshrun."""
        return self._run(driver, script, plan, dict(_environ(), PYTHONPATH="", **(env or {})))

    def _env(self, door: bool) -> Dict[str, str]:
        path = [ROOT / "sitecustomize"] if door else [ROOT / "agent", ROOT / "hooks"]
        return dict(
            _environ(),
            PYTHONPATH=os.pathsep.join(map(str, path)),
            MESHRUN_ENABLED="1",
            MESHRUN_STORE=self.url,
            MESHRUN_STATE_DIR=str(self.folder / "state"),
        )

    def _run(self, driver: str, script: str, plan: Mapping[str, Any], env: Mapping[str, str]) -> Any:
        self._runs += 1
        given, result = self.folder / ("plan-%d.json" % self._runs), self.folder / ("result-%d.json" % self._runs)
        given.write_text(json.dumps(plan), encoding="utf-8")
        command = [sys.executable, "-m", "tests.contract.child", driver, script, str(given), str(result)]
        done = subprocess.run(
            command, cwd=str(ROOT), env=dict(env), timeout=MAX_SECONDS, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        self.said = done.stderr
        return json.loads(result.read_text(encoding="utf-8"))

    said = ""
    """What the last process wrote on stderr."""


def _environ() -> Dict[str, str]:
    """The environment without what would lead a client elsewhere."""
    leave = ("MESHRUN_", "PYTHON", "COVERAGE")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(leave)}
    return {key: value for key, value in kept.items() if not key.lower().endswith("_proxy")}


@contextlib.contextmanager
def mesh(folder: Path) -> Iterator[Mesh]:
    """A mesh for one test."""
    made = Mesh(folder)
    try:
        yield made
    finally:
        made.close()


def gets(urls: Sequence[str], **fields: Any) -> List[Dict[str, Any]]:
    """Plain GETs for a plan."""
    return [dict(fields, url=url) for url in urls]
