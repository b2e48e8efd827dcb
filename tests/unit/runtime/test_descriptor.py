"""Descriptors that an app may close at any time."""

from __future__ import annotations

import os
import pathlib

from meshrun.runtime.descriptor import pipe


def test_it_is_closed_while_it_is_ours() -> None:
    reading, writing = pipe()
    assert reading.ours
    writing.close()
    assert not writing.ours
    assert os.read(reading.number, 1) == b""
    reading.close()
    reading.close()
    assert not reading.ours


def test_a_number_that_is_the_apps_by_now_is_left_alone(tmp_path: pathlib.Path) -> None:
    reading, writing = pipe()
    os.close(reading.number)
    theirs = os.open(tmp_path, os.O_RDONLY)
    if theirs != reading.number:
        os.dup2(theirs, reading.number)
        os.close(theirs)
    assert not reading.ours
    reading.close()
    assert os.fstat(reading.number).st_ino == tmp_path.stat().st_ino
    os.close(reading.number)
    writing.close()
