"""httpx_async under the client contract, and what only it has."""

from __future__ import annotations

from typing import ClassVar

from tests.contract.client import ClientContract


class TestHttpxAsync(ClientContract):
    """The contract, by its driver."""

    driver: ClassVar[str] = "httpx_async"
