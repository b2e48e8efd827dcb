"""The plain ASGI app, which waits by trio."""

from __future__ import annotations

import trio

from tests.contract.apps import asgi

asgi.asyncio = trio  # type: ignore[attr-defined]  # the app needs nothing of it but `sleep`
application = asgi.application
