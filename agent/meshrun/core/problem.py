"""What is wrong with a rule document: where, what was expected, and how to mend it."""

from __future__ import annotations

from typing import Iterable, Mapping, NamedTuple, Optional, Sequence, Tuple

CODES: Mapping[str, str] = {
    "MR1001": "The file is not UTF-8 text, or holds a control character.",
    "MR1002": "The text is not YAML.",
    "MR1003": "The file or document is too large, too deep, or grows too much through aliases.",
    "MR1004": "A YAML tag such as !!python or !!str stands in the document; rules need none.",
    "MR1005": "A key stands twice in one mapping.",
    "MR1010": "The document is not a mapping with a kind.",
    "MR1011": "No such kind of document.",
    "MR1012": "The kind or source is reserved for a later version and not built yet.",
    "MR1013": "The key is not known here.",
    "MR1014": "A required key is missing.",
    "MR1015": "The value has the wrong type.",
    "MR1016": "The value is outside of what is allowed.",
    "MR1020": "No such source of a condition.",
    "MR1021": "No such operator of a condition.",
    "MR1022": "The regular expression is outside of the subset that cannot blow up.",
    "MR1030": "The same kind, namespace and name stand twice in the set.",
    "MR1031": "Two Alias documents name the same host.",
    "MR1032": "A namespace has more than one Mesh document.",
    "MR1033": "A Lane is tagged with a key that is not a reserved key of its namespace.",
    "MR1034": "A fallback names a Lane that does not exist.",
    "MR1035": "A service has more than one Lifecycle document.",
    "MR1036": "The edit does not hold exactly the document that it is said to change.",
    "MR1040": "Advice: a service has many conditions that are tried one after the other.",
    "MR1041": "Advice: a Route names a reserved key; lanes are chosen before routes narrow them.",
    "MR1042": "Advice: a Policy below carry has a percent; the instances that it leaves out carry.",
}
"""Every code of this part with its meaning; the documentation explains each."""


SHOWN = 50
"""Problems that the text of an error spells out."""


class Problem(NamedTuple):
    """One finding. `line` and `column` count from 1; `key` is the path of the value, such as ``enter[0].percent``."""

    file: str
    line: int
    column: int
    key: str
    what: str
    mend: str
    code: str

    def __str__(self) -> str:
        return "%s:%d:%d: %s %s; %s" % (self.file, self.line, self.column, self.code, self.what, self.mend)


class RuleError(Exception):
    """Rule documents are not valid; `problems` names each finding. The text has a line for each of the first 50."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Tuple[Problem, ...] = tuple(problems)
        lines = [str(problem) for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            lines.append("and %d more" % (len(self.problems) - SHOWN))
        super().__init__("\n".join(lines))


def nearest(word: str, known: Iterable[str]) -> Optional[str]:
    """The known word that `word` was probably meant to be, or None."""
    from difflib import get_close_matches  # noqa: PLC0415 -- processes that load compiled rules never come here

    folded = {one.lower(): one for one in known}
    found: Sequence[str] = get_close_matches(word[:64].lower(), list(folded), 1, 0.6)
    return folded[found[0]] if found else None


def suggest(word: str, known: Iterable[str]) -> str:
    """How to mend an unknown word: the nearest known one, else all of them."""
    words = sorted(known)
    close = nearest(word, words)
    return "did you mean %s?" % close if close else "expected one of " + ", ".join(words)


def shorten(value: object) -> str:
    """A value for a message, at most 60 characters of it."""
    text = str(value)
    return repr(text if len(text) <= 60 else text[:57] + "...")
