"""The texts of systemd: unit files, the words in them, time spans, environment files. Pure: text in, values out.

The rules are those of systemd.syntax(7), systemd.exec(5) and systemd.time(7), and where these are silent those of
systemd's own parsers (``extract-word.c``, ``env-file.c``); a test compares them with a manager that runs.
"""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""The name of a variable; systemd takes no other."""
_SAFE = re.compile(r"[A-Za-z0-9_./:=,@%+~-]+")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
_ESCAPES.update({letter: letter for letter in "\\\"'"})
_CODES = {"x": 2, "u": 4, "U": 8}  # digits of a character's number behind each letter
_SPACES = " \t\n\r"
_UNITS = {
    "us": 1e-6, "usec": 1e-6, "µs": 1e-6, "ms": 1e-3, "msec": 1e-3, "": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0,
    "seconds": 1.0, "m": 60.0, "min": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hr": 3600.0, "hour": 3600.0,
    "hours": 3600.0, "d": 86400.0, "day": 86400.0, "days": 86400.0, "w": 604800.0, "week": 604800.0,
    "weeks": 604800.0,
}  # fmt: skip
_SPAN = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?)\s*([a-zµ]*)")
FOREVER = float("inf")


class Line(NamedTuple):
    """One assignment of a unit file, its continued lines joined."""

    section: str
    key: str
    value: str


def lines(text: str) -> Iterator[Line]:
    """The assignments of a unit file in order; what systemd ignores is left out."""
    section, before = "", ""
    for raw in text.split("\n"):
        bare = raw.lstrip(_SPACES)
        if bare.startswith(("#", ";")):
            continue  # also between continued lines
        joined = before + raw if before else bare
        slashes = len(joined) - len(joined.rstrip("\\"))
        if slashes % 2:
            before = joined[:-1] + " "
            continue
        before, joined = "", joined.strip(_SPACES)
        if joined.startswith("[") and joined.endswith("]"):
            section = joined[1:-1]
            continue
        key, sign, value = joined.partition("=")
        if sign:
            yield Line(section, key.rstrip(_SPACES), value.lstrip(_SPACES))


def words(value: str) -> List[str]:
    """The words of a value, without quotes and escapes. Raises `ValueError` where systemd ignores the value too."""
    found: List[str] = []
    word: Optional[str] = None
    quote, place = "", 0
    while place < len(value):
        letter = value[place]
        place += 1
        if letter == "\\":
            letter, place = _unescaped(value, place)
            word = (word or "") + letter
        elif quote:
            if letter == quote:
                quote = ""
            else:
                word = (word or "") + letter
        elif letter in "\"'":
            quote, word = letter, word or ""
        elif letter in _SPACES:
            if word is not None:
                found.append(word)
            word = None
        else:
            word = (word or "") + letter
    if quote:
        raise ValueError("a quote is not closed")
    return found if word is None else [*found, word]


def _unescaped(value: str, place: int) -> Tuple[str, int]:
    """The character that an escape stands for, and the place behind it."""
    letter = value[place : place + 1]
    if letter in _ESCAPES:
        return _ESCAPES[letter], place + 1
    digits = value[place + 1 : place + 1 + _CODES.get(letter, 0)]
    base = 16
    if letter and letter in "01234567":
        digits, base = value[place : place + 3], 8
    if not digits or len(digits) != _CODES.get(letter, 3):
        raise ValueError("an escape is not known: \\%s" % letter)
    return chr(int(digits, base)), place + len(digits) + (base == 16)


def quoted(word: str) -> str:
    """A word as `words` reads it back."""
    if _SAFE.fullmatch(word):
        return word
    safe = word.replace("\\", "\\\\").replace('"', '\\"')
    return '"%s"' % "".join(letter if letter >= " " else "\\x%02x" % ord(letter) for letter in safe)


def literal(text: str) -> str:
    """Text in which no specifier is meant."""
    return text.replace("%", "%%")


def expanded(text: str, specifiers: Dict[str, str]) -> Optional[str]:
    """Text with its specifiers resolved; None: one of them is not known here."""
    parts = re.split("%(.?)", text)
    found = [parts[0]]
    for letter, rest in zip(parts[1::2], parts[2::2]):
        if letter != "%" and letter not in specifiers:
            return None
        found += ["%" if letter == "%" else specifiers[letter], rest]
    return "".join(found)


def seconds(span: str) -> Optional[float]:
    """The seconds of a time span such as ``1min 30s``; ``infinity`` is `FOREVER`. None: it cannot be read."""
    text = span.strip()
    if text == "infinity":
        return FOREVER
    total, place = 0.0, 0
    while place < len(text):
        match = _SPAN.match(text, place)
        if match is None or match.group(2) not in _UNITS:
            return None
        total += float(match.group(1)) * _UNITS[match.group(2)]
        place = match.end()
    return total if text else None


def environment(text: str) -> Dict[str, str]:
    """The variables of an environment file, which quotes and escapes in its own way."""
    found: Dict[str, str] = {}
    place = 0
    while place < len(text):
        end = _line_end(text, place)
        bare = text[place:end].lstrip(_SPACES)
        if not bare or bare[0] in "#;" or "=" not in bare:
            place = _comment_end(text, place) if bare[:1] in ("#", ";") else end + 1
            continue
        name, place = text[place:end].partition("=")[0].strip(_SPACES), text.index("=", place) + 1
        value, place = _value(text, place)
        if NAME.fullmatch(name):
            found[name] = value
    return found


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end


def _comment_end(text: str, place: int) -> int:
    """A comment goes on behind a backslash at the end of its line."""
    end = _line_end(text, place)
    while text[end - 1 : end] == "\\" and end < len(text):
        end = _line_end(text, end + 1)
    return end + 1


def _value(text: str, place: int) -> Tuple[str, int]:
    """A value from behind its sign, and the place behind its line.

    Quotes count where a part begins; within ``"`` a backslash takes the meaning of the next letter only if it has one.
    """
    value, kept, quote, begun = "", 0, "", False  # `kept`: so much of the value is no white space at its end
    while place < len(text):
        letter = text[place]
        place += 1
        if quote and letter == quote:
            quote, kept, begun = "", len(value), False
        elif letter == "\\" and quote != "'":
            after = text[place : place + 1]
            place += 1
            if after != "\n":
                value += after if not quote or after in '"\\`$' else "\\" + after
            begun, kept = True, len(value)
        elif quote:
            value += letter
        elif letter == "\n":
            break
        elif letter in "\"'" and not begun:
            quote = letter
        elif begun or letter not in _SPACES:
            value, begun = value + letter, True
            kept = kept if letter in _SPACES else len(value)
    return (value if quote else value[:kept]), place


def environment_line(name: str, value: str) -> str:
    """A line of an environment file that `environment` reads back. A line break cannot stand in a value of ours."""
    for letter in '\\"`$':
        value = value.replace(letter, "\\" + letter)
    return '%s="%s"' % (name, value)
