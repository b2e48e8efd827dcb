from __future__ import annotations

import io
from typing import Mapping

import pytest

from meshrun.cli import output
from meshrun.cli.output import Screen

WIDE = Screen(120, ansi=False)
HEAD = ("NAME", "TAGS", "STATE")
ROWS = [("orders", "lane=gray,version=v2,zone=a", "ready"), ("a-long-service-name", "-", "draining")]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError


def test_columns_are_as_wide_as_their_widest_cell_and_lines_have_no_trailing_spaces() -> None:
    assert output.table(HEAD, ROWS, WIDE) == [
        "NAME                 TAGS                         STATE",
        "orders               lane=gray,version=v2,zone=a  ready",
        "a-long-service-name  -                            draining",
    ]


def test_a_narrow_screen_wraps_cells_after_commas() -> None:
    assert output.table(HEAD, ROWS, Screen(44, ansi=False)) == [
        "NAME                 TAGS           STATE",
        "orders               lane=gray,     ready",
        "                     version=v2,",
        "                     zone=a",
        "a-long-service-name  -              draining",
    ]


def test_a_very_narrow_screen_gets_one_block_for_each_row() -> None:
    assert output.table(HEAD, ROWS, Screen(30, ansi=False)) == [
        "orders",
        "  tags   lane=gray,version=v2,",
        "         zone=a",
        "  state  ready",
        "a-long-service-name",
        "  tags   -",
        "  state  draining",
    ]


@pytest.mark.parametrize("width", range(30, 121, 7))
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    long = "x" * 300
    rows = [*ROWS, ("s" * 63, "k=" + "v" * 64, long)]
    lines = output.table(HEAD, rows, Screen(width, ansi=False)) + output.paragraph(
        long, Screen(width, ansi=False), "  a  "
    )
    assert max(map(len, lines)) <= width


def test_text_from_outside_cannot_steer_the_terminal() -> None:
    assert output.paragraph("a\x1b[31mb\x07c\r\nd\u202ee", WIDE) == ["a?[31mb?c??d?e"]


@pytest.mark.parametrize(
    ("environ", "ansi"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_styles_are_for_terminals_that_want_them(environ: Mapping[str, str], ansi: bool) -> None:
    assert output.screen(Terminal(), environ).ansi is ansi
    assert not output.screen(io.StringIO(), environ).ansi


@pytest.mark.parametrize(("columns", "width"), [("80", 80), ("5", 30), ("500", 120), ("wide", 120)])
def test_the_width_is_that_of_the_terminal_up_to_120(columns: str, width: int) -> None:
    assert output.screen(Terminal(), {"COLUMNS": columns}).width == width


def test_a_style_wraps_the_text_only_on_a_terminal() -> None:
    assert Screen(80, ansi=True).style("x", "bold") == "\033[1mx\033[0m"
    assert Screen(80, ansi=False).style("x", "bold") == "x"


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [(0, "request", "0 requests"), (1, "process", "1 process"), (2, "process", "2 processes"), (3, "rule", "3 rules")],
)
def test_plurals(number: int, noun: str, text: str) -> None:
    assert output.count(number, noun) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0 s"), (3.9, "3 s"), (60, "1 min"), (7300, "2 h"), (86400 * 4, "4 d")]
)
def test_ages(seconds: float, text: str) -> None:
    assert output.age(seconds) == text


def test_lists_in_sentences() -> None:
    assert output.listed([]) == ""
    assert output.listed(["a"]) == "a"
    assert output.listed(["a", "b", "c"]) == "a, b and c"
    assert output.listed([str(n) for n in range(10)], 4) == "0, 1, 2 and 7 more"


def test_numbers_as_people_write_them() -> None:
    assert [output.number(value) for value in (10.0, 0.5, 33.333333)] == ["10", "0.5", "33.3333"]
