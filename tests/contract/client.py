"""The contract of every client hook, run against the real library through its driver (`drivers`).

A library's test module subclasses `ClientContract` and names its driver. Every app runs in a process of its own.
"""

from __future__ import annotations

from tests.contract.client_base import GRAY, LANE, PREFERRED, Authority, served, statuses, wire
from tests.contract.client_connections import Connections
from tests.contract.client_failure import Failure
from tests.contract.client_library import Library
from tests.contract.client_routing import Routing
from tests.contract.client_seams import Seams
from tests.contract.client_tallies import Tallied

__all__ = ["GRAY", "LANE", "PREFERRED", "Authority", "ClientContract", "served", "statuses", "wire"]


class ClientContract(Routing, Failure, Tallied, Connections, Library, Seams):
    """What holds for every client library."""
