"""``meshctl schema``: JSON Schema of rule documents, or of what a command prints with ``-o json``."""

from __future__ import annotations

import argparse
import json
from typing import Any, Mapping

from . import shapes
from .errors import OK, Failure
from .invocation import Invocation


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the schema is asked of."""
    known = ", ".join(shapes.SHAPES)
    what = "a command (%s) for the shape of its -o json; nothing for rule documents" % known
    parser.add_argument("words", nargs="*", metavar="OF", help=what)


def run(call: Invocation) -> int:
    """Print one schema; it is JSON whatever ``-o`` says."""
    words = " ".join(call.args.words).split()
    if not words or words == ["rules"]:
        from ..core.schema import json_schema  # noqa: PLC0415 -- the shapes of commands do not need it

        found: Mapping[str, Any] = json_schema()
    else:
        try:
            found = shapes.schema(words)
        except KeyError:
            mend = "There are: " + ", ".join(shapes.SHAPES) + "."
            raise Failure("MR2001", "there is no shape %r" % " ".join(words), mend=mend) from None
    call.out.write(json.dumps(found, indent=2) + "\n")
    return OK
