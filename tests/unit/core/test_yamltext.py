"""The reader of YAML text: bounded, without tags, and never another error than the documented one."""

from __future__ import annotations

from typing import List, Tuple

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from meshrun.core import yamltext
from meshrun.core.problem import Problem, RuleError
from meshrun.core.yamlnodes import Node


def read(text: str) -> Tuple[List[yamltext.Document], List[Problem]]:
    problems: List[Problem] = []
    return list(yamltext.read(text, "f.yaml", problems)), problems


def plain(node: Node) -> object:
    if node.kind == "list":
        return [plain(item) for item in node.value]
    if node.kind == "mapping":
        return {key.value: plain(value) for key, value in node.value}
    return node.value


def codes(text: str) -> List[str]:
    return [problem.code for problem in read(text)[1]]


def test_scalars_stay_text_and_nothing_is_nothing() -> None:
    (document,), _ = read("a: 1.10\nb: on\nc: ~\nd:\ne: 'null'\nf: [yes, 0x10]\n")
    assert plain(document.root) == {"a": "1.10", "b": "on", "c": None, "d": None, "e": "null", "f": ["yes", "0x10"]}


def test_documents_are_cut_at_markers_and_keep_their_places() -> None:
    text = "\ufeff# head\r\na: 1\r\n--- # two\r\n\r\nb: 2 # c\r\n...\r\n---\r\n--- {c: 3}\r\n"
    documents, problems = read(text)
    assert problems == []
    contents = [text[one.start : one.end] for one in documents if one.root.kind != "nothing"]
    assert contents == ["a: 1", "b: 2", "{c: 3}"]
    assert [one.root.line for one in documents if one.root.kind != "nothing"] == [2, 5, 8]
    assert documents[-1].root.column == 5


def test_an_error_in_one_document_hides_no_other() -> None:
    documents, problems = read("a: [1\n---\nb: 1\n---\n}{\n")
    assert [plain(one.root) for one in documents] == [{"b": "1"}]
    assert [(problem.code, problem.line) for problem in problems] == [("MR1002", 2), ("MR1002", 5)]


def test_syntax_errors_name_line_and_column() -> None:
    _, (problem,) = read("ok: 1\n---\nkey: 'open\n")
    assert (problem.file, problem.line, problem.code) == ("f.yaml", 4, "MR1002")
    assert "quoted scalar" in problem.what


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system [x]", "!!str a", "!own b", "! c", "!!set {a}"])
def test_every_tag_is_refused(tag: str) -> None:
    assert codes("a: " + tag) == ["MR1004"]


def test_duplicate_keys_name_the_first() -> None:
    _, (problem,) = read("a: 1\nb: 2\na: 3\n")
    assert (problem.code, problem.line, problem.column) == ("MR1005", 3, 1)
    assert "line 1" in problem.what


def test_keys_must_be_text() -> None:
    assert codes("[a, b]: 1") == ["MR1015"]
    assert codes("? \n: 1") == ["MR1015"]


def test_control_characters_and_line_breaks_in_values_are_refused() -> None:
    assert codes("a: \x01") == ["MR1001"]
    assert codes('a: "\\x01"') == ["MR1001"]
    assert codes("a: |\n  two\n  lines\n") == ["MR1001"]
    assert codes("a: \udc80") == ["MR1001"]


def test_bytes_that_are_not_utf8_are_named_with_their_place() -> None:
    with pytest.raises(RuleError) as caught:
        yamltext.decode(b"a: 1\nb: \xff", "f.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.code) == (2, 4, "MR1001")


def test_a_bomb_of_aliases_is_refused_before_it_grows() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += ["a%d: &a%d [%s]" % (n, n, ", ".join(["*a%d" % (n - 1)] * 9)) for n in range(1, 10)]
    assert codes("\n".join(levels)) == ["MR1003"]


def test_an_alias_of_itself_or_of_nothing_is_refused() -> None:
    assert codes("&a [*a]") == ["MR1003"]
    assert codes("a: *nowhere") in (["MR1003"], ["MR1002"])


def test_an_alias_stands_for_its_value() -> None:
    (document,), _ = read("a: &x {b: 1}\nc: [*x, *x]\n")
    assert plain(document.root) == {"a": {"b": "1"}, "c": [{"b": "1"}, {"b": "1"}]}


def test_aliases_cannot_nest_deeper_than_the_bound() -> None:
    text = "a0: &a0 [x]\n" + "".join("a%d: &a%d [*a%d]\n" % (n, n, n - 1) for n in range(1, 60))
    assert codes(text) == ["MR1003"]


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{a: " * 50_000, "- " * 50_000, "a:\n" + "".join(" " * n + "a:\n" for n in range(1, 200))]
)
def test_depth_is_bounded(text: str) -> None:
    assert codes(text) == ["MR1003"]


def test_size_is_bounded() -> None:
    assert codes("#" * (yamltext.MAX_CHARACTERS + 1)) == ["MR1003"]


YAMLISH = st.text(alphabet="ab:-[]{}#&*!|>'\"%@`,?.~<\\ \n\r\t\x85\u2028\ufeffé\U0001f600U0", max_size=80)


@settings(max_examples=200)
@given(st.one_of(st.text(max_size=80), YAMLISH))
def test_any_text_gives_documents_or_problems(text: str) -> None:
    documents, problems = read(text)
    for one in documents:
        assert 0 <= one.marker <= one.body <= one.start <= one.end <= one.limit <= len(text)
    for problem in problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.code
        assert problem.mend


@settings(max_examples=150)
@given(YAMLISH)
def test_any_text_is_safe_without_the_c_parser_too(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(yaml, "CSafeLoader", raising=False)
        read(text)


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_any_bytes_are_text_or_the_documented_error(data: bytes) -> None:
    try:
        found = yamltext.decode(data, "f").encode()
    except RuleError as error:
        found = error.problems[0].code.encode()
    assert found in (data, b"MR1001")
