"""``meshctl version``."""

from __future__ import annotations

import argparse
import platform
import sys
from typing import Any, Mapping

from .. import __version__
from .errors import OK
from .invocation import Invocation


def arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""
    del parser


def shape() -> Mapping[str, Any]:
    """The versions that matter when something is reported."""
    return {
        "meshrun": __version__,
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "platform": platform.system() + " " + platform.machine(),
    }


def run(call: Invocation) -> int:
    """Print the versions."""
    versions = shape()
    call.shape(versions)
    call.lines(["meshctl %(meshrun)s (%(implementation)s %(python)s, %(platform)s)" % versions])
    return OK
