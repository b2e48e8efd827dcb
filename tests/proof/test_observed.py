"""What is compared of a program: nothing of the app is lost when what is meshrun's own is left out."""

from __future__ import annotations

from pathlib import Path

from .observed import ROOT, difference, lines, processes, without_own_frames

TRACE = """Traceback (most recent call last):
  File "/app/main.py", line 1, in <module>
    call()
  File "%(ours)s/hooks/meshrun_hooks/urllib3/decide.py", line 7, in urlopen
    return original(self)
           ^^^^^^^^
  File "/lib/urllib3/connectionpool.py", line 9, in urlopen
    raise error
OSError: what the app sees
  + Exception Group Traceback (most recent call last):
  |   File "%(ours)s/agent/meshrun/hook.py", line 7, in run
  |     return function()
  |   File "/app/main.py", line 2, in fails
  | ValueError
"""


def test_frames_of_ours_go_and_all_others_stay() -> None:
    kept = without_own_frames(TRACE % {"ours": ROOT})
    assert "meshrun" not in kept
    assert "^^^" not in kept
    assert [line for line in TRACE.splitlines() if "/app/" in line or "Error" in line or "raise" in line] == [
        line for line in kept.splitlines() if "call()" not in line and "Traceback" not in line and "/lib/" not in line
    ]


def test_a_text_without_frames_of_ours_is_as_it_was() -> None:
    text = 'File "x", line 1, in y\n  z\nno newline at the end'
    assert without_own_frames(text) == text


def test_addresses_and_ports_that_the_system_chose_do_not_count() -> None:
    first = "<object at 0x7f0011223344> http://127.0.0.1:40001 [2026-01-02 03:04:05 +0000] [123] [INFO] pid: 123"
    second = "<object at 0x7f0055667788> http://127.0.0.1:50002 [2026-01-02 03:04:06 +0000] [456] [INFO] pid: 456"
    assert lines("stdout", first) == lines("stdout", second)
    assert lines("stdout", "status 7") != lines("stdout", "status 8")


def test_a_module_that_only_meshrun_loads_counts_unless_it_is_named() -> None:
    bare = {"python #0/end/modules/json": "x"}
    under = {**bare, "python #0/end/modules/mmap": "x", "python #0/end/modules/yaml": "x"}
    assert list(difference([bare, bare], under, calls=True).changed) == ["python #0/end/modules/yaml"]
    assert len(difference([bare, bare], under, calls=False).changed) == 2
    assert list(difference([under, under], bare).changed) == sorted(set(under) - set(bare))


def test_processes_are_told_apart_by_command_and_order(tmp_path: Path) -> None:
    for pid, name in ((12, "end"), (11, "end"), (11, "start")):
        seen = {"name": name, "command": ["/usr/bin/python", "a.py"], "pid": pid, "facts": {"path": [str(pid)]}}
        order = 1 if name == "start" else 2
        (tmp_path / ("%d-%03d" % (pid, order))).write_text(repr(seen), encoding="utf-8")
    (tmp_path / "13-001-").write_text("{half", encoding="utf-8")
    assert processes(tmp_path) == {
        "python a.py #0/start/path": "['11']",
        "python a.py #0/end/path": "['11']",
        "python a.py #1/end/path": "['12']",
    }
