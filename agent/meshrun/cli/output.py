"""How ``meshctl`` looks: aligned tables that fit the terminal, plurals, ages, styles only on a terminal."""

from __future__ import annotations

import os
from typing import Iterable, List, Mapping, NamedTuple, Optional, Sequence, TextIO, Tuple, Union

WIDEST = 120
NARROWEST = 30
GAP = "  "
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
Cell = Union[str, Tuple[str, ...]]
"""A cell of a table: a text, or several that each begin on a line of their own."""
_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


class Screen(NamedTuple):
    """What the output may look like."""

    width: int
    ansi: bool

    def style(self, text: str, style: str) -> str:
        """The text in a style of the terminal, or as it is."""
        return "\033[%sm%s\033[0m" % (_STYLES[style], text) if self.ansi and text else text


def screen(stream: TextIO, environ: Mapping[str, str]) -> Screen:
    """The screen behind a stream: never wider than 120 columns; styles only on a terminal, minding ``NO_COLOR``."""
    tty = stream.isatty()
    width = WIDEST
    if environ.get("COLUMNS", "").isdigit():
        width = int(environ["COLUMNS"])
    elif tty:
        try:
            width = os.get_terminal_size(stream.fileno()).columns or WIDEST
        except (OSError, ValueError):
            width = WIDEST
    ansi = tty and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return Screen(max(NARROWEST, min(width, WIDEST)), ansi)


def clean(value: object) -> str:
    """Text from outside without anything that steers a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(value))


def count(number: int, noun: str, plural: Optional[str] = None) -> str:
    """``1 process``, ``2 processes``."""
    if number == 1:
        return "1 " + noun
    return "%d %s" % (number, plural or (noun + ("es" if noun.endswith("s") else "s")))


def age(seconds: float) -> str:
    """``3 s``, ``5 min``, ``2 h``, ``4 d``."""
    for size, unit in _UNITS:
        if seconds >= size:
            return "%d %s" % (seconds // size, unit)
    return "%d s" % max(0, int(seconds))


def number(value: float) -> str:
    """A number as a person writes it: ``10``, ``0.5``."""
    return "%d" % value if float(value).is_integer() else "%.6g" % value


def pairs(values: Mapping[str, str]) -> str:
    """``lane=gray,version=v2``, or ``-``."""
    return ",".join("%s=%s" % item for item in sorted(values.items())) or "-"


def listed(words: Sequence[str], most: int = 8) -> str:
    """``a``, ``a and b``, ``a, b and c``, ``a, b and 7 more``."""
    if len(words) > most:
        words = [*words[: most - 1], "%d more" % (len(words) - most + 1)]
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]


def pids(numbers: Sequence[int]) -> str:
    """``pid 7``, ``pids 7 and 9``."""
    return ("pid " if len(numbers) == 1 else "pids ") + listed([str(number) for number in numbers])


def wrap(text: str, width: int) -> List[str]:
    """The text in lines of at most `width` columns, broken after spaces and commas, inside a word only if it must.

    All text that is laid out comes through here, so here is where what would steer a terminal is taken out.
    """
    lines: List[str] = []
    line = ""
    for word in _words(clean(text)):
        if line and len(line) + len(word.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        while len(word.rstrip()) > width:
            lines.append(word[:width])
            word = word[width:]  # noqa: PLW2901 -- what is left of a word that is wider than the line
        line += word
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def paragraph(text: str, screen_: Screen, first: str = "", rest: Optional[str] = None) -> List[str]:
    """Wrapped text behind a first indent, continued behind another (default: spaces as wide as the first)."""
    indent = " " * len(first) if rest is None else rest
    lines = wrap(text, max(NARROWEST // 2, screen_.width - len(indent)))
    return [first + lines[0], *(indent + line for line in lines[1:])]


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]], screen_: Screen) -> List[str]:
    """Aligned columns; cells wrap where the screen is narrow; where even that does not fit, one block for each row."""
    columns = [[text for cell in column for text in _texts(cell)] for column in zip(head, *rows)]
    widths = [max(map(len, column)) for column in columns]
    least = [max(map(_unbreakable, column)) for column in columns]
    room = screen_.width - len(GAP) * (len(head) - 1)
    if sum(least) > room:
        return [line for row in rows for line in _block(head, row, screen_)]
    while sum(widths) > room:
        widest = max(range(len(widths)), key=lambda n: widths[n] - least[n])
        widths[widest] -= 1
    lines = [screen_.style(line, "bold") for line in _row(head, widths)]
    return lines + [line for row in rows for line in _row(row, widths)]


def _texts(cell: Cell) -> Tuple[str, ...]:
    return (cell,) if isinstance(cell, str) else cell


def _row(cells: Sequence[Cell], widths: Sequence[int]) -> Iterable[str]:
    parts = [[line for text in _texts(cell) for line in wrap(text, width)] for cell, width in zip(cells, widths)]
    for n in range(max(len(part) for part in parts)):
        texts = [part[n] if n < len(part) else "" for part in parts]
        yield GAP.join(text.ljust(width) for text, width in zip(texts, widths)).rstrip()


def _block(head: Sequence[str], row: Sequence[Cell], screen_: Screen) -> Iterable[str]:
    """One row as lines of ``name  value``."""
    label = max(len(name) for name in head)
    for text in _texts(row[0]):
        yield from (screen_.style(line, "bold") for line in wrap(text, screen_.width))
    for name, cell in zip(head[1:], row[1:]):
        for place, text in enumerate(_texts(cell)):
            yield from paragraph(text, screen_, GAP + ("" if place else name.lower()).ljust(label) + GAP)


def _words(text: str) -> List[str]:
    """Pieces that a line is broken between, each with the space or comma that ends it."""
    words: List[str] = []
    for piece in text.split(" "):
        parts = piece.split(",")
        words += [part + "," for part in parts[:-1]] + [parts[-1] + " "]
    return [word for word in words if word]


def _unbreakable(text: str) -> int:
    return max((len(word.rstrip()) for word in _words(text)), default=0)
