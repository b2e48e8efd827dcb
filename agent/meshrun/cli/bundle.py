"""``meshctl bundle``: one folder from which any supported Python loads meshrun, read-only and not installed."""

from __future__ import annotations

import argparse
import os
import shlex
import tempfile
from typing import Any, List, Mapping, Sequence

from .. import __version__
from . import bundle_code, bundle_parts, bundle_place, bundle_sbom, bundle_wheels, output
from .bundle_code import Interpreter
from .bundle_pins import PINS
from .errors import OK, Failure
from .invocation import Invocation

_EPILOG = """A program meets the bundle by PYTHONPATH=DIR/boot and MESHRUN_ENABLED=1; its own packages win over those of
the bundle. DIR/bin holds meshctl and meshrun. The same installation and the same Pythons give the same bytes."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where to, and what from."""
    parser.add_argument("path", metavar="DIR", help="the folder to make: new, or empty")
    parser.add_argument("--force", action="store_true", help="replace the bundle that is there")
    parser.add_argument("--wheels", metavar="DIR", help="take the wheels of what is needed from here; no download")
    what = "hold the code of all that a program loads, compiled for this Python; may be repeated (default: the code"
    what += " of its start, for each Python that is found here: on PATH, of pyenv, of uv)"
    parser.add_argument("--python", action="append", metavar="PYTHON", help=what)
    what = "hold no compiled code: the same bytes on every machine, and a slower start"
    parser.add_argument("--source-only", action="store_true", help=what)
    parser.epilog = _EPILOG


def run(call: Invocation) -> int:
    """Build it, and say what it is."""
    args = call.args
    if args.source_only and args.python:
        raise Failure("MR2001", "both --python and --source-only were given", mend="Name one of them.")
    interpreters: List[Interpreter] = []
    if not args.source_only:
        interpreters = bundle_code.named(args.python, call.environ) if args.python else bundle_code.found(call.environ)
    own = bundle_parts.parts()
    with bundle_place.Place(args.path, replace=args.force) as place, tempfile.TemporaryDirectory() as aside:
        wheels = bundle_wheels.given(args.wheels) if args.wheels else bundle_wheels.downloaded(aside, call.environ)
        place.write(own)
        place.write(bundle_wheels.parts(wheels))
        place.write([bundle_parts.Part("SBOM.json", bundle_sbom.text().encode())])
        empty = os.path.join(aside, "empty")
        os.mkdir(empty)
        bundle_code.compile_(place.stage, interpreters, empty, everything=bool(args.python))
        content = place.put()
    call.shape(_shape(place.path, content, interpreters))
    for line in _text(place.path, content, interpreters, everything=bool(args.python)):
        call.lines(output.paragraph(line, call.screen, "", "  "))
    folder = shlex.quote(place.path)  # below: to be copied as they are, so never broken
    call.lines(["Use: PYTHONPATH=%s/boot MESHRUN_ENABLED=1" % folder])
    call.lines(["Undo: chmod -R u+w %s && rm -r %s" % (folder, folder)])
    return OK


def _shape(path: str, content: bundle_place.Content, interpreters: Sequence[Interpreter]) -> Mapping[str, Any]:
    return {
        "path": path,
        "boot": os.path.join(path, "boot"),
        "version": __version__,
        "files": content.files,
        "bytes": content.size,
        "own_files": content.own_files,
        "own_bytes": content.own_size,
        "digest": content.digest,
        "compiled": [one.shown for one in interpreters],
        "dependencies": [{"name": pin.name, "version": pin.version, "sha256": pin.sha256} for pin in PINS],
    }


def _text(
    path: str, content: bundle_place.Content, interpreters: Sequence[Interpreter], *, everything: bool
) -> List[str]:
    size = "%.1f MB" % (content.size / 1e6)
    versions = output.listed([one.shown for one in interpreters])
    code = "compiled for CPython %s%s" % (versions, "" if everything else ", what runs at the start")
    return [
        "%s: meshrun %s, %s, %s" % (path, __version__, output.count(content.files, "file"), size),
        "  with " + output.listed(["%s %s" % (pin.name, pin.version) for pin in PINS]),
        "  " + (code if interpreters else "not compiled for any Python"),
        "  digest " + content.digest,
    ]
