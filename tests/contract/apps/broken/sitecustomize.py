"""Runs before ours and breaks it on purpose: what stands behind each entrance of the server hooks raises."""

import importlib.util
import os
import sys
from pathlib import Path


def _boom(*args: object, **kwargs: object) -> None:
    raise ZeroDivisionError("broken on purpose")


def _next() -> None:
    """Run our own boot file, which stands behind this one on the path."""
    place = Path(os.environ["PYTHONPATH"].split(os.pathsep)[1])
    spec = importlib.util.spec_from_file_location("sitecustomize", str(place / "sitecustomize.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


_next()

from meshrun.lifecycle.server import Server  # noqa: E402
from meshrun.runtime.inbound import Request  # noqa: E402

for _owner, _name in ((Server, "listening"), (Server, "ready"), (Server, "gate"), (Request, "__init__")):
    setattr(_owner, _name, _boom)
