"""urllib3 under the client contract, and what only it has."""

from __future__ import annotations

from typing import ClassVar

from tests.contract.client import ClientContract


class TestUrllib3(ClientContract):
    """The contract, by its driver."""

    driver: ClassVar[str] = "urllib3"
