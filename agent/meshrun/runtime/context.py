"""The one context variable: the request that this task or thread serves."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from .inbound import Request

CURRENT: ContextVar[Optional[Request]] = ContextVar("meshrun_request", default=None)
