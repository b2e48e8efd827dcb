"""The metrics of an instance: against processes that answer well, badly, late or never."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional

import pytest

from meshrun.runtime import siblings as siblings_module
from meshrun.runtime.siblings import Siblings
from meshrun.telemetry import sums
from tests.contract.running import until

SERVER = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind("%s/%d.sock" % (sys.argv[1], os.getpid()))
listener.listen(8)
print("listens", flush=True)
while True:
    taken, _ = listener.accept()
    request = taken.recv(1000)
    assert request == b"GET /metrics HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n", request
    answer = sys.stdin.readline()[:-1]
    taken.sendall(answer.encode().decode("unicode_escape").encode())
    taken.close()
"""
HEAD = "HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s"


def page(number: int) -> str:
    return "# TYPE n_total counter\nn_total %d\n# TYPE age gauge\nage %d\n" % (number, number)


class Sibling:
    """Another process; it answers each request with the next line that it is told."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "listens\n"

    def tell(self, text: str, size: Optional[int] = None) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(HEAD % (len(text) if size is None else size, text.replace("\n", "\\n")) + "\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


class Stand:
    """A process that is asked, with its clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.others: List[Sibling] = []
        self.server: Any = types.SimpleNamespace(status=self.status, counts=str(folder / "x.counts"), draining=False)
        self.state_dir: Optional[str] = str(folder)
        self.own = 1
        self.more: List[int] = []
        self.siblings = self.fresh()

    def fresh(self) -> Siblings:
        return Siblings(self)  # type: ignore[arg-type]

    def status(self) -> Mapping[str, Any]:
        living = [other.process.pid for other in self.others if other.process.poll() is None]
        return {"workers": [os.getpid(), *living, *self.more]}

    def exposition(self) -> str:
        return page(self.own)

    def add(self) -> Sibling:
        self.others.append(Sibling(self.folder))
        return self.others[-1]

    def turn(self) -> None:
        """What the agent thread does once."""
        poller = select.poll()
        self.siblings.wanted(poller.register)
        self.siblings.step(dict(poller.poll(20)), 0.0)

    def values(self) -> Dict[str, float]:
        """The answer to one asker, who waits for it."""

        def asked() -> Optional[str]:
            answer = self.siblings.answer(b"")
            if answer is None:
                self.turn()
            return answer.body if answer is not None else None

        reading = sums.read(until(asked))
        self.siblings.forget()
        assert self.siblings.descriptors == []
        return {**reading.counters, **reading.gauges}


def count(number: float, age: float, yes: int, no: int) -> Dict[str, float]:
    """What an answer says."""
    words = {'meshrun_processes{answered="yes"}': float(yes), 'meshrun_processes{answered="no"}': float(no)}
    return {"n_total": number, "age": age, **words}


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    monkeypatch.setattr(siblings_module, "SECONDS", 3600.0)
    made = Stand(tmp_path)
    yield made
    made.siblings.close()
    for other in made.others:
        other.end()


def test_a_process_alone_answers_at_once_and_keeps_nothing(stand: Stand) -> None:
    assert stand.siblings.answer(b"") is not None
    stand.siblings.forget()
    assert stand.values() == count(1, 1, 1, 0)
    assert list(stand.folder.iterdir()) == []


def test_all_are_asked_at_once_and_nobody_is_waited_for(stand: Stand) -> None:
    first, second = stand.add(), stand.add()
    assert [stand.siblings.answer(b"") for _ in range(3)] == [None] * 3
    assert len(stand.siblings.descriptors) == 2
    first.tell(page(10))
    while len(stand.siblings.descriptors) == 2:
        stand.turn()
    assert stand.siblings.answer(b"") is None
    second.tell(page(100))
    assert stand.values() == count(111, 100, 3, 0)


def test_who_does_not_answer_in_time_counts_with_what_it_said_last(stand: Stand) -> None:
    other = stand.add()
    other.tell(page(10))
    assert stand.values() == count(11, 10, 2, 0)
    stand.own = 2
    assert stand.siblings.answer(b"") is None
    due = stand.siblings.due(1e12)
    stand.siblings.step({}, due - 0.01)
    assert stand.siblings.answer(b"") is None
    stand.siblings.step({}, due)
    assert stand.values() == count(12, 2, 1, 1)


@pytest.mark.parametrize(
    ("text", "size"),
    [(page(10), 999), (page(10)[:-4], None), ("nonsense", None), ("# TYPE n_total counter\nn x", None)],
)
def test_what_is_no_whole_page_is_not_counted(stand: Stand, text: str, size: Optional[int]) -> None:
    other = stand.add()
    other.tell(text, size)
    values = stand.values()
    assert (values["n_total"], values['meshrun_processes{answered="no"}']) == (1, 1)


def test_who_has_ended_goes_on_to_count_also_with_the_process_that_answers_next(stand: Stand) -> None:
    first, second = stand.add(), stand.add()
    first.tell(page(10))
    second.tell(page(100))
    assert stand.values() == count(111, 100, 3, 0)
    first.end()
    second.tell(page(200))
    assert stand.values() == count(211, 200, 2, 0)
    stand.siblings = stand.fresh()
    second.end()
    assert stand.values() == count(211, 1, 1, 0)
    assert sorted(json.loads((stand.folder / "x.counts").read_text())) != []
    assert [path.name for path in stand.folder.iterdir() if path.suffix != ".sock"] == ["x.counts"]


def test_an_instance_that_ends_leaves_no_file(stand: Stand) -> None:
    other = stand.add()
    other.tell(page(10))
    stand.server.draining = True
    assert stand.values() == count(11, 10, 2, 0)
    assert [path.suffix for path in stand.folder.iterdir()] == [".sock"]


def test_without_a_folder_the_others_cannot_be_asked(stand: Stand) -> None:
    stand.add()
    stand.state_dir = stand.server.counts = None
    assert stand.values() == count(1, 1, 1, 1)


def test_a_socket_of_somebody_else_under_that_name_is_not_heard(stand: Stand) -> None:
    stand.more = [4_000_000]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(stand.folder / "4000000.sock"))
        listener.listen(1)
        assert stand.values() == count(1, 1, 1, 1)
        listener.settimeout(20)
        taken, _ = listener.accept()
        with taken:
            assert taken.recv(100) == b""


def test_a_file_of_counts_that_cannot_be_read_is_as_none(stand: Stand) -> None:
    (stand.folder / "x.counts").write_text("{")
    assert stand.values() == count(1, 1, 1, 0)
