"""The parser of ``meshctl``: options of every command, groups of commands, usage errors that help."""

from __future__ import annotations

import argparse
import importlib
import os
from typing import Any, Callable, List, NamedTuple, NoReturn, Optional, Sequence, Tuple

from .errors import Failure
from .output import WIDEST

Arguments = Callable[[argparse.ArgumentParser], None]


class Subcommand(NamedTuple):
    """A command of a group, such as ``lane create``."""

    name: str
    help: str
    arguments: Arguments
    run: Callable[[Any], int]


class Parser(argparse.ArgumentParser):
    """Reports usage errors as failures, and loads the module of a command only when that command is used."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", formatter)
        super().__init__(*args, **kwargs)
        self.module: Optional[str] = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Tuple[Any, List[str]]:
        """Give the command its arguments, then parse."""
        if self.module is not None:
            module, self.module = self.module, None
            command = importlib.import_module("." + module, __package__)
            command.arguments(self)
            self.set_defaults(run=command.run)
            common(self)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing and leaving."""
        raise Failure("MR2001", _better(message), mend="See `%s --help`." % self.prog)


def formatter(prog: str) -> argparse.HelpFormatter:
    """A formatter that knows its width; argparse would load ``shutil`` and what that needs at each start."""
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdigit() and int(columns) else 100
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=32, width=min(width, WIDEST) - 2)


def common(parser: argparse.ArgumentParser) -> None:
    """Options that may stand before or after the command; absent ones leave no trace in the namespace."""
    group = parser.add_argument_group("options of every command")
    add = group.add_argument
    nothing = argparse.SUPPRESS
    kinds = ("table", "json")
    add("-o", "--output", choices=kinds, default=nothing, help="table for people (default), json for machines")
    add("--store", metavar="URL", default=nothing, help="rules and instances, such as file:DIR (MESHRUN_STORE)")
    add("--namespace", metavar="NS", default=nothing, help="namespace of names without one (MESHRUN_NAMESPACE)")
    add("--state-dir", metavar="DIR", default=nothing, help="look for processes only here (MESHRUN_STATE_DIR)")
    add("--config", metavar="FILE", default=nothing, help="path of meshrun.yaml (MESHRUN_CONFIG)")
    add("--author", metavar="WHO", default=nothing, help="who changes rules, for the history (default: login name)")


def group(parser: argparse.ArgumentParser, subcommands: Sequence[Subcommand]) -> None:
    """Make the parser one of a group of commands; the chosen one's function becomes ``call.args.subcommand``."""
    subs = parser.add_subparsers(metavar="COMMAND", dest="subcommand_name", title="commands", parser_class=Parser)
    subs.required = True
    for subcommand in subcommands:
        sub = subs.add_parser(subcommand.name, help=subcommand.help, description=sentence(subcommand.help))
        subcommand.arguments(sub)
        sub.set_defaults(subcommand=subcommand.run)
        common(sub)


def sentence(text: str) -> str:
    """The text of a list as a sentence."""
    return text[0].upper() + text[1:] + "."


def pairs(items: Optional[Sequence[Any]], what: str) -> List[Tuple[str, str]]:
    """``K=V`` words of an option that may be repeated, as pairs. Raises `Failure` with code MR2001."""
    found: List[Tuple[str, str]] = []
    for item in items or ():
        for word in [item] if isinstance(item, str) else item:
            key, sign, value = word.partition("=")
            if not sign or not key.strip():
                raise Failure("MR2001", "%s %r is not of the form K=V" % (what, word))
            found.append((key.strip(), value))
    return found


def tags(items: Optional[Sequence[str]]) -> List[Tuple[str, str]]:
    """What ``--tag K=V[,K=V]``, which may be repeated, says. Raises `Failure` with code MR2001."""
    return pairs([word for words in items or () for word in words.split(",")], "--tag")


def percent(word: str) -> float:
    """A share for argparse, with or without the sign."""
    try:
        number = float(word.rstrip("%"))
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError("%r is not a number from 0 to 100" % word)
    return number


def _better(message: str) -> str:
    """Argparse's message, shorter, with the nearest word for one that is not known."""
    head, found, rest = message.partition("invalid choice: ")
    if not found:
        return message
    import difflib  # noqa: PLC0415 -- only after a mistake

    word, _, choices = rest.partition(" (choose from ")
    word = word.strip("'\"")
    known = [choice.strip(" '\")") for choice in choices.split(",")]
    near = difflib.get_close_matches(word, known, 1)
    what = "%s has no value %r" % (head.replace("argument ", "").strip(" :"), word)
    if head.startswith("argument COMMAND"):
        what = "there is no command %r" % word
    return what + ("; did you mean %r?" % near[0] if near else "; there are " + ", ".join(known))
