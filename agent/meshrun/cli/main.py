"""``meshctl``: reads the command line, runs one command, turns failures into messages and exit statuses."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Mapping, NamedTuple, Optional, Sequence

from .. import __version__
from . import arguments
from .errors import USAGE, Failure


class Command(NamedTuple):
    """A command and the module of this package that holds it: ``arguments(parser)`` and ``run(invocation)``."""

    name: str
    module: str
    help: str


COMMANDS = (
    Command("status", "status", "live processes, instances and what is wrong with them"),
    Command("explain", "explain", "where one call would go, and why"),
    Command("rules", "rules", "check, test, apply and compare rule documents"),
    Command("lane", "lane", "create, widen, pause, abort, promote, list and delete lanes"),
    Command("mode", "mode", "who runs in which mode; switches it live"),
    Command("offline", "offline", "take instances out of service before a stop"),
    Command("ready", "ready", "whether what is served here is ready: a probe for platforms"),
    Command("doctor", "doctor", "what of meshrun would load in a program, what not, and why"),
    Command("hooks", "hooks", "libraries that meshrun knows, and their state in live processes"),
    Command("config", "config", "settings: what holds and why, what is wrong, a file to begin with"),
    Command("venv", "venv", "open and close the door of a virtual environment"),
    Command("vm", "vm", "let a systemd service run under meshrun, and take that back"),
    Command("bundle", "bundle", "one folder for every Python of an image or a machine"),
    Command("schema", "schema", "JSON Schema of rule documents and of what -o json prints"),
    Command("version", "version", "version of meshrun and of this Python"),
)
_EPILOG = """exit status: 0 fine, 1 a finding, 2 wrong usage or settings, 3 nothing could be reached
Errors carry a code such as MR3001; docs/errors.md explains each."""


def parser() -> argparse.ArgumentParser:
    """The command line; a command adds its own arguments when it is used."""
    top = arguments.Parser(
        prog="meshctl", description="Operates a mesh of programs that run under meshrun.", epilog=_EPILOG
    )
    commands = top.add_subparsers(metavar="COMMAND", dest="command", title="commands")
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.help, description=arguments.sentence(command.help))
        sub.module = command.module
    top.add_argument("--version", action="version", version="meshctl " + __version__)
    arguments.common(top)
    return top


def main(argv: Optional[Sequence[str]] = None, environ: Optional[Mapping[str, str]] = None) -> int:
    """Run one command; answers the exit status."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # names in rules may be of any script, terminals are not
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _run(words, os.environ if environ is None else environ)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) has seen enough; without this the interpreter complains while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return 130
    return status


def _run(words: Sequence[str], environ: Mapping[str, str]) -> int:
    from .invocation import Invocation  # noqa: PLC0415 -- help and version do not need it

    top = parser()
    try:
        args = top.parse_args(words)
    except Failure as failure:
        wanted = argparse.Namespace(output="json" if _wants_json(words) else "table")
        return Invocation(wanted, environ, sys.stdout, sys.stderr).failed(failure)
    if args.command is None:
        top.print_help()
        return USAGE
    invocation = Invocation(args, environ, sys.stdout, sys.stderr)
    try:
        return int(args.run(invocation))
    except Failure as failure:
        return invocation.failed(failure)
    finally:
        invocation.close()


def _wants_json(words: Sequence[str]) -> bool:
    """Whether a command line that does not parse asked for JSON."""
    return any(form in " ".join(words) for form in ("-o json", "-ojson", "-o=json"))


if __name__ == "__main__":
    sys.exit(main())
