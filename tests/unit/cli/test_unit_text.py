from __future__ import annotations

from typing import Dict, List, Optional

import pytest

from meshrun.cli import unit_text


def test_continued_lines_are_joined_and_comments_between_them_left_out() -> None:
    text = "# c\n[Service]\nA = 1 \\\n# not here\n  2\\\n\t3\n; c\nB=\\\\\nno sign\n[Other]\n A=4\n"
    assert list(unit_text.lines(text)) == [
        ("Service", "A", "1    2 \t3"), ("Service", "B", "\\\\"), ("Other", "A", "4"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a  b\tc", ["a", "b", "c"]),
        ('"A=x y" \'B=it"s\' C=1', ["A=x y", 'B=it"s', "C=1"]),
        ('A="x y"z', ["A=x yz"]),
        (r"a\x41\101\u00e9\s\n\\", ["aAA\u00e9 \n\\"]),
        ("''", [""]),
        ("", []),
        (r"'it\'s'", ["it's"]),
    ],
)
def test_words_lose_their_quotes_and_escapes(value: str, words: List[str]) -> None:
    assert unit_text.words(value) == words


@pytest.mark.parametrize("value", ['"a', "'a b", r"a\q", r"a\x4", "a\\", r"\u12"])
def test_what_systemd_ignores_is_no_list_of_words(value: str) -> None:
    with pytest.raises(ValueError, match=r"quote|escape"):
        unit_text.words(value)


@pytest.mark.parametrize("word", ["A=1", "A=x y", 'A="', "A='", "A=\\", "A=\n\t", "A=\u00e9", "A=%h", "A=$x`", ""])
def test_a_quoted_word_is_read_back(word: str) -> None:
    assert unit_text.words(unit_text.quoted(word)) == [word]
    assert "\n" not in unit_text.quoted(word)


def test_specifiers_are_resolved_and_unknown_ones_are_said() -> None:
    known = {"i": "1", "n": "x@1.service"}
    assert unit_text.expanded("a%%b%i-%n", known) == "a%b1-x@1.service"
    assert unit_text.expanded("%H", known) is None
    assert unit_text.expanded(unit_text.literal("100%i"), known) == "100%i"
    assert unit_text.expanded("50%", known) is None


@pytest.mark.parametrize(
    ("span", "seconds"),
    [("90", 90), ("1min 30s", 90), ("5min20s", 320), ("500ms", 0.5), ("2 h", 7200), ("1.5min", 90), ("", None),
     ("infinity", unit_text.FOREVER), ("soon", None), ("5 parsecs", None)],
)  # fmt: skip
def test_time_spans(span: str, seconds: Optional[float]) -> None:
    assert unit_text.seconds(span) == seconds


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=1\nB = 2 \n", {"A": "1", "B": "2"}),
        ('A="x y" \nB=\'it"s\'\n', {"A": "x y", "B": 'it"s'}),
        ('A="a\\nb\\"c\\$d"\n', {"A": 'a\\nb"c$d'}),
        ('E=a "b" c  \n', {"E": 'a "b" c'}),
        ("F='x\\y' z\n", {"F": "x\\yz"}),
        ("G=a\\\nb\n", {"G": "ab"}),
        ("G=a\\ \n", {"G": "a "}),
        ('I="x"y\n', {"I": "xy"}),
        ("# A=1\n; B=1\n#C=1\\\nD=1\nE=5", {"E": "5"}),
        ("A='x\ny'\nB=1\n", {"A": "x\ny", "B": "1"}),
        ("export H=3\nno sign\n=4\nK=\n", {"K": ""}),
        ("L=a#b ;c\r\n", {"L": "a#b ;c"}),
    ],
)
def test_environment_files(text: str, found: Dict[str, str]) -> None:
    assert unit_text.environment(text) == found


@pytest.mark.parametrize("value", ["", "a b", 'a"b', "a\\b", "$HOME `x`", "it's", " a ", "#x", "\u00e9"])
def test_a_line_of_an_environment_file_is_read_back(value: str) -> None:
    assert unit_text.environment(unit_text.environment_line("A", value)) == {"A": value}
