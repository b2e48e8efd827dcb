"""What the parts of the client contract share: a mesh for each test, certificates, readings of results."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, ClassVar, Dict, Iterator, List, Sequence, Tuple

import pytest
import trustme

from tests.contract import drivers
from tests.contract.mesh import Mesh, mesh
from tests.contract.servers import Echo

GRAY = {"MESHRUN_LANE": "gray"}
"""An app whose calls are in the lane gray."""
LANE = ["baggage", "lane=gray"]
PREFERRED = 10000
"""The weight of an instance that is tried first."""


def served(servers: Sequence[Echo]) -> List[int]:
    """Requests that each server saw."""
    return [len(server.seen) for server in servers]


def statuses(results: Sequence[Dict[str, Any]]) -> List[Any]:
    """The status or the error of each result."""
    return [result["status"] or result["error"] for result in results]


def wire(server: Echo, leave: Sequence[str] = ("x-meshrun-caller",)) -> List[Tuple[bytes, bytes]]:
    """Heads and bodies as they were on the wire, lines of the named headers left out."""
    found = []
    for seen in server.seen:
        lines = seen.head.split(b"\r\n")
        kept = [line for line in lines if line.split(b":")[0].decode("latin-1").lower() not in leave]
        found.append((b"\r\n".join(kept), seen.body))
    return found


class Authority:
    """A private certificate authority in a folder."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.file = str(folder / "authority.pem")
        self._authority.cert_pem.write_to_path(self.file)

    def context(self, *names: str) -> ssl.SSLContext:
        """A server's side with a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names).configure_cert(context)
        return context


class ClientTests:
    """Tests of one client library, by the driver that a subclass names."""

    driver: ClassVar[str]

    @pytest.fixture
    def mesh(self, tmp_path: Path) -> Iterator[Mesh]:
        """An empty mesh."""
        with mesh(tmp_path) as made:
            yield made

    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        """Somebody who signs certificates."""
        return Authority(tmp_path)

    @property
    def kind(self) -> type[drivers.Driver]:
        """The driver class."""
        return drivers.load(self.driver)

    def need(self, *features: str) -> None:
        """Skip where the library cannot do this at all."""
        missing = set(features) - self.kind.can
        if missing:
            pytest.skip("%s has no %s" % (self.driver, ", ".join(sorted(missing))))
