"""Rule files that are not valid, while processes live by the good ones before them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List

import pytest

from tests.contract.running import until
from tests.e2e.place import APPS, Place, Program, opened, status_of

GOOD = "kind: Route\nname: split\nservice: stock\nrules:\n  - to: [{tags: {version: %s}}]\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    "%s: &%s [%s]\n" % (name, name, ", ".join(["*" + before] * 9)) for before, name in zip("abcdefgh", "bcdefghi")
)
BAD = {
    "half-written": ("kind: Route\nname: half\nservice: stock\nrules:\n  - to: [{tags: {vers", "MR1002"),
    "wrong type": ("kind: Route\nname: other\nservice: stock\nrules: soon\n", "MR1015"),
    "wrong type of a number": (GOOD % "v1}, weight: {many: 1", "MR1015"),
    "unknown key": ("kind: Route\nname: other\nservise: stock\n", "MR1013"),
    "unknown kind": ("kind: Rout\nname: other\n", "MR1011"),
    "bomb": (BOMB + "kind: Lane\nname: bomb\n", "MR1003"),
    "deep": ("kind: Lane\nname: deep\nenter: %s\n" % ("[" * 50000), "MR1003"),
    "python tag": ('kind: Lane\nname: !!python/object/apply:os.system ["touch pwned"]\n', "MR1004"),
    "python name": ("kind: Lane\nname: !!python/name:os.system\n", "MR1004"),
    "the same twice": (GOOD % "v2", "MR1030"),
    "not text": ("kind: Lane\nname: a\udce9\n", "MR1001"),
}


@pytest.fixture(scope="module")
def shared() -> Iterator[Place]:
    """Two versions of a service, and a rule that sends everything to the first."""
    with opened() as made:
        for version in ("v1", "v2"):
            made.mesh.service("stock", 1, {"version": version}, label=version)
        made.rule_file("good.yaml").write_text(GOOD % "v1", encoding="utf-8")
        yield made


@pytest.fixture(scope="module")
def client(shared: Place) -> Program:
    """A process that lives through all of it."""
    program = shared.start(str(APPS / "asker.py"))
    until(lambda: program.tell("http://stock/") == "v1-0" and status_of(shared, program), program.said)
    return program


def write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


def answers(client: Program, number: int = 8) -> List[str]:
    return sorted({client.tell("http://stock/") for _ in range(number)})


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_leaves_the_last_good_rules_in_force_and_is_named_with_its_place(
    shared: Place, client: Program, name: str
) -> None:
    text, code = BAD[name]
    bad = shared.rule_file("zz.yaml")
    write(bad, text)
    try:
        until(lambda: status_of(shared, client)["rules_problem"], client.said)
        assert code in status_of(shared, client)["rules_problem"]
        assert answers(client) == ["v1-0"]
        lint = json.loads(shared.meshctl("rules", "lint", "-o", "json", status=1))
        assert code in [problem["code"] for problem in lint["problems"]]
        for problem in lint["problems"]:
            assert Path(problem["file"]).name == "zz.yaml"
            assert problem["line"] >= 1
            assert problem["column"] >= 1
            assert problem["what"]
            assert problem["mend"]
        status = shared.meshctl("status", status=1)
        assert "rules in the store are not in force: rules/zz.yaml:" in status
        assert code in status
        assert "MR3004" in status
        assert not (shared.folder / "pwned").exists()
    finally:
        bad.unlink()
    until(lambda: status_of(shared, client)["rules_problem"] is None, client.said)
    assert answers(client) == ["v1-0"]


def test_a_process_that_starts_meanwhile_lives_by_the_last_good_rules(shared: Place, client: Program) -> None:
    bad = shared.rule_file("zz.yaml")
    write(bad, BAD["half-written"][0])
    try:
        until(lambda: status_of(shared, client)["rules_problem"], client.said)
        late = shared.start(str(APPS / "asker.py"))
        assert answers(late) == ["v1-0"]
        (line,) = late.ours()
        assert "zz.yaml" in line
        assert "MR1002" in line
        assert late.end() == 0
    finally:
        bad.unlink()


def test_a_file_that_is_written_piece_by_piece_counts_when_it_is_whole(shared: Place, client: Program) -> None:
    text = GOOD.replace("name: split", "name: slow\npriority: 1") % "v2"
    slow = shared.rule_file("slow.yaml")
    try:
        with slow.open("w", encoding="utf-8") as stream:
            for line in text.splitlines(keepends=True):
                stream.write(line)
                stream.flush()
                assert client.tell("http://stock/") == "v1-0" or line.startswith("  - to")
        until(lambda: answers(client) == ["v2-0"], client.said)
    finally:
        slow.unlink()
    until(lambda: answers(client) == ["v1-0"], client.said)
    assert status_of(shared, client)["rules_problem"] is None


def test_all_of_it_was_said_once(shared: Place, client: Program) -> None:
    """The process said one line about its rules, however many files were bad: the status has the latest."""
    write(shared.rule_file("zz.yaml"), BAD["unknown key"][0])
    until(lambda: status_of(shared, client)["rules_problem"], client.said)
    shared.rule_file("zz.yaml").unlink()
    assert len([line for line in client.ours() if line.startswith("meshrun: rules: ")]) == 1
    assert client.process.poll() is None


def test_a_store_that_never_held_a_good_set_routes_without_rules(place: Place) -> None:
    place.mesh.service("stock", 1, label="v1")
    place.rule_file("bad.yaml").write_text("kind: [", encoding="utf-8")
    client = place.start(str(APPS / "asker.py"))
    assert answers(client) == ["v1-0"]
    (line,) = client.ours()
    assert "bad.yaml:" in line


def test_two_processes_that_edit_at_once_lose_nothing_unsaid(place: Place) -> None:
    """Eight callers of meshctl, each with a document of its own, and one who edits a file by hand."""
    place.meshctl("lane", "create", "gray", "--at", "web", "--percent", "0")
    environ = place.environ(bare=True, **place.operator())
    rules = [GOOD.replace("split", "split-%d" % number) % "v1" for number in range(8)]
    running = []
    for text in rules:
        words = [sys.executable, "-m", "meshrun.cli", "rules", "apply", "-f", "-"]
        process = subprocess.Popen(
            words, env=environ, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdin is not None
        process.stdin.write(text)
        running.append(process)
    place.rule_file("hand.yaml").write_text(GOOD.replace("split", "hand") % "v2", encoding="utf-8")
    won = []
    for number, process in enumerate(running):
        out, err = process.communicate(timeout=60)
        if process.returncode == 0:
            won.append("Route/default/split-%d" % number)
            assert "applied as revision" in out
        else:
            assert process.returncode == 1, err
            assert "MR3002" in err
    assert won
    reading = place.engine.rules(None)
    assert reading.problem is None
    assert sorted(reading.documents) == sorted(["Lane/default/gray", "Route/default/hand", *won])
    place.meshctl("rules", "lint")
