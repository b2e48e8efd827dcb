"""The files of the engine: what is written is read, in small pieces, and anything else raises nothing unexpected."""

from __future__ import annotations

import json
import os
import pathlib
import tempfile
from typing import Any, Dict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshrun.core.model import Instance
from meshrun.engines import file_compiled, file_history, file_journal, file_pieces, file_records, files, names
from meshrun.engines.base import EngineError, Revision
from meshrun.engines.file import FileEngine

LARGEST = 100_000
"""Bytes that one C call may get to parse."""

_text = st.text(st.characters(codec="utf-8"), max_size=30)
_long = st.builds(lambda text, times: text * times, _text, st.sampled_from([1, 1, 1, 3000]))
_scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _long
_row = st.builds(lambda items, times: items * times, st.lists(_text, max_size=3), st.sampled_from([1, 1, 1000]))
_values = st.recursive(
    _scalars | _row,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=8,
)
_documents = st.dictionaries(_text, _values, max_size=5)
_small = st.dictionaries(_text, _long | st.lists(_text, max_size=3), max_size=3)
_slow = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@_slow
@given(_documents)
def test_a_document_in_pieces_is_the_same_document(document: Dict[str, Any]) -> None:
    pieces = [file_pieces.encode(piece) for piece in file_pieces.split(document)]
    assert file_pieces.join([json.loads(piece) for piece in pieces]) == document


@pytest.mark.parametrize(
    "document",
    [
        {"in": ["user-%06d" % number for number in range(50_000)]},
        {"in": {"key-%06d" % number: {"a": [1, 2]} for number in range(20_000)}},
        {"deep": [{"list": [["x" * 300] * 400] * 10, "é": "€" * 100_000}]},
    ],
    ids=["list", "mapping", "nested"],
)
def test_no_piece_is_too_large_for_one_c_call(document: Dict[str, Any]) -> None:
    pieces = [file_pieces.encode(piece) for piece in file_pieces.split(document)]
    assert len(pieces) > 5
    assert max(map(len, pieces)) <= LARGEST
    assert file_pieces.join([json.loads(piece) for piece in pieces]) == document


def test_nothing_larger_is_parsed_at_once_when_rules_are_read(
    store: pathlib.Path, engine: FileEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (store / "rules").mkdir(parents=True)
    users = ", ".join("user-%020d" % number for number in range(10_000))
    lane = "kind: Lane\nname: gray\nenter: [{ at: [web], when: { header.x-user: { in: [%s] } } }]\n" % users
    (store / "rules" / "a.yaml").write_text(lane)
    engine.rules(None)
    sizes = []
    loads = json.loads

    def measuring(data: bytes) -> Any:
        sizes.append(len(data))
        return loads(data)

    monkeypatch.setattr(json, "loads", measuring)
    reader = FileEngine(str(store))
    assert len(reader.rules(None).documents) == 1
    reader.texts()
    reader.history()
    assert sum(sizes) > 500_000
    assert max(sizes) <= LARGEST


@_slow
@given(st.dictionaries(st.from_regex(r"[A-Z][a-z]+/[a-z]+/[a-z.-]+", fullmatch=True), _small, max_size=4), _long)
def test_what_was_compiled_is_loaded(documents: Dict[str, Any], text: str) -> None:
    digests = {identity: file_compiled.digest(document) for identity, document in documents.items()}
    compiled = file_compiled.Compiled(3, "sign", digests, documents)
    spans = tuple(file_compiled.Span(identity, 1, 2, 3) for identity in documents)
    sources = {"a.yaml": file_compiled.Source(text, spans), "b.yaml": file_compiled.Source("", ())}
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/rules.jsonl"
        files.replace(path, file_compiled.dump(compiled, sources))
        assert file_compiled.load(path, file_compiled.NOTHING) == compiled
        assert file_compiled.load(path, compiled) is compiled
        assert file_compiled.load_sources(path) == sources


def test_equal_content_has_one_digest_whatever_the_order_of_its_keys() -> None:
    assert file_compiled.digest({"a": 1, "b": {"c": 2, "d": 3}}) == file_compiled.digest(
        {"b": {"d": 3, "c": 2}, "a": 1}
    )
    assert file_compiled.digest({"a": 1}) != file_compiled.digest({"a": 2})


@_slow
@given(st.dictionaries(_text, st.tuples(st.none() | _long, st.none() | _long).filter(any), max_size=4), _text, _text)
def test_a_revision_is_read_as_it_was_written(changes: Dict[str, Any], author: str, reason: str) -> None:
    wanted = {identity: file_history.Change(*change) for identity, change in changes.items()}
    with tempfile.TemporaryDirectory() as folder:
        history = file_history.History(folder)
        history.write(Revision(1, 5.0, author, reason, ()), wanted)
        (revision,) = history.newest(1, 10)
        after = {identity: change.after for identity, change in wanted.items() if change.after is not None}
        before = {identity: change.before for identity, change in wanted.items() if change.before is not None}
        assert revision == Revision(1, 5.0, author, reason, tuple(sorted(wanted)))
        assert history.replay(1) == after
        assert history.undo(after, 1, 0) == before


@_slow
@given(st.dictionaries(_text, st.none() | _long, max_size=4))
def test_a_journal_is_read_as_it_was_written(texts: Dict[str, Any]) -> None:
    intent = file_journal.Intent(Revision(4, 5.0, "ada", "why", ()), texts)
    with tempfile.TemporaryDirectory() as folder:
        file_journal.write(folder + "/j", intent)
        assert file_journal.read(folder + "/j") == intent


@_slow
@given(
    st.builds(
        Instance,
        id=_text.filter(bool),
        service=st.just("default/orders"),
        address=_text,
        port=st.integers(1, 65535),
        tags=st.dictionaries(_text, _text, max_size=3),
        weight=st.integers(1, 10000),
        started=st.floats(0, 1e11),
        keepalive=st.none() | st.floats(0, 1e6),
        slot=st.integers(0, 1000),
        alive=st.just(True),
    )
)
def test_a_record_is_read_as_it_was_written(instance: Instance) -> None:
    record = file_records.Record(instance, 10.0, (("lane", "gray"),))
    assert file_records.load(file_records.dump(record), instance.service, instance.id) == record


_KEYS = [
    *("format", "version", "signature", "entries", "sources", "lines", "number", "time", "author", "reason"),
    *("problem", "port", "ttl", "lane", "tags"),
]
_HEADERS = [
    b'{"format":1,"version":1,"signature":"","entries":1,"sources":2}',
    b'{"lines":1,"number":1,"time":1,"author":"","reason":""}',
]
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["file", "text"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=8),
    max_leaves=10,
).map(lambda value: json.dumps(value).encode())
_lines = st.lists(_json | st.binary(max_size=20) | st.sampled_from(_HEADERS), max_size=5).map(b"\n".join)


@settings(max_examples=100)
@given(data=_lines)
def test_any_bytes_in_any_file_raise_nothing_but_engine_errors(data: bytes) -> None:
    file_records.load(data, "default/orders", "a")
    file_records.load_left(data)
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/1.jsonl"
        pathlib.Path(path).write_bytes(data)
        for look in (
            lambda: file_compiled.load(path, file_compiled.NOTHING),
            lambda: file_compiled.load_sources(path),
            lambda: file_compiled.load_problem(path),
            lambda: file_journal.read(path),
            lambda: file_history.History(folder).newest(1, 5),
        ):
            try:
                look()
            except EngineError:
                continue


@given(st.text(min_size=1, max_size=60))
def test_names_come_back_from_file_names(name: str) -> None:
    try:
        quoted = names.quote(name)
    except EngineError:
        return
    assert names.unquote(quoted) == name
    assert "/" not in quoted
    assert "\0" not in quoted
    assert not quoted.startswith(".")
    assert len(os.fsencode(quoted)) <= 200


@pytest.mark.parametrize("name", ["", "x" * 201, "é" * 40, "\udc80"])
def test_what_cannot_be_a_file_name_is_said(name: str) -> None:
    with pytest.raises(EngineError, match="choose another"):
        names.quote(name)


@pytest.mark.parametrize("name", ["%zz", "a%", "%2", "%41", ".hidden", "é", "%FF", "%2e"])
def test_file_names_that_are_not_ours_are_no_names(name: str) -> None:
    assert names.unquote(name) == ""


def test_a_file_above_its_bound_is_an_error(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 101)
    with pytest.raises(EngineError, match="more than 100 bytes"):
        files.read(str(tmp_path / "a"), 100)
    assert files.read(str(tmp_path / "a"), 101) == b"x" * 101
    (tmp_path / "empty").write_bytes(b"")
    assert files.read(str(tmp_path / "empty"), 10) == b""
    assert files.read(str(tmp_path / "none"), 10) is None


def test_lines_are_read_across_blocks_and_a_cut_one_is_left_out(tmp_path: pathlib.Path) -> None:
    lines = [b"%d" % number * (number % 700) for number in range(1000)]
    (tmp_path / "a").write_bytes(b"\n".join(lines) + b"\nhalf")
    assert list(files.lines(str(tmp_path / "a"), 1 << 20)) == lines
    assert list(files.lines(str(tmp_path / "none"), 1 << 20)) == []
