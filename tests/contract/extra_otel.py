"""An app whose urllib3 is instrumented by OpenTelemetry as well, in the release that is installed here."""

from __future__ import annotations

import importlib
from typing import Any, Dict, Type

import urllib3
from opentelemetry import baggage, context
from opentelemetry.instrumentation.urllib3 import (  # type: ignore[import-not-found,unused-ignore]  # in the matrix only
    URLLib3Instrumentor,
)

from tests.contract.drivers import Driver
from tests.contract.scripts import counted

Plan = Dict[str, Any]


def both(kind: Type[Driver], plan: Plan) -> Dict[str, Any]:
    """Calls with the app's own baggage under both, then without OpenTelemetry, then without either."""
    hook = importlib.import_module(kind.hook)
    pool = urllib3.connectionpool.HTTPConnectionPool
    bare = vars(pool)["urlopen"]
    token = context.attach(baggage.set_baggage("mine", "1"))
    if plan["below"]:
        URLLib3Instrumentor().instrument()
        hook.patch()
    else:
        hook.patch()
        URLLib3Instrumentor().instrument()
    first = counted(kind, plan)
    URLLib3Instrumentor().uninstrument()
    second = counted(kind, plan)
    hook.unpatch()
    context.detach(token)
    return {"first": first, "second": second, "bare": vars(pool)["urlopen"] is bare}
