"""Seams go out and come back while the program runs, and whoever imports meanwhile meets what is wanted then."""

from __future__ import annotations

from typing import Callable

import pytest

from tests.compat.programs import Program

Toy = Callable[..., Program]
BEGIN = "import toy\nfrom meshrun import _applied\nstate = lambda: (toy.answer(), _applied.states['planted.hook'])\n"


def test_out_and_in_again_as_often_as_one_likes(toy: Toy) -> None:
    code = BEGIN + (
        "bare = toy.answer.__wrapped__\nprint(state())\n"
        "for _ in range(3):\n"
        "    print(_applied.switch('Policy/default/a'), toy.answer is bare, state())\n"
        "    print(_applied.switch(None), toy.answer.__wrapped__ is bare, state())\n"
    )
    ran = toy().hooked(code)
    assert ran.err == ""
    out = "True True (41, 'off:Policy/default/a')\nTrue True (42, 'applied')\n"
    assert ran.out == "(42, 'applied')\n" + out * 3


def test_what_is_imported_while_all_is_out_waits_for_its_turn(toy: Toy) -> None:
    code = (
        "from meshrun import _applied\n_applied.switch('gone')\nprint(_applied.states['planted.hook'])\nimport toy\n"
        "print(toy.answer(), _applied.states['planted.hook'])\n_applied.switch(None)\n"
        "print(toy.answer(), _applied.states['planted.hook'])\n"
    )
    assert toy().hooked(code).out == "waiting\n41 off:gone\n42 applied\n"


def test_what_came_late_hears_what_runs_already(toy: Toy) -> None:
    """A hook's `running` is called where the hook was patched after the import of its library, and only there."""
    late = ("def unpatch():", "def running():\n    print('running')\ndef unpatch():")
    code = BEGIN + "print('imported')\n_applied.switch('gone'); _applied.switch(None); _applied.switch(None)\n"
    assert toy(replace=[late]).hooked(code).out == "imported\nrunning\n"


def test_a_hook_with_calls_under_way_is_asked_again(toy: Toy) -> None:
    change = ('hook.restore(toy, "answer")', "toy.asked = getattr(toy, 'asked', 0) + 1\n    return toy.asked > 2")
    code = BEGIN + (
        "for _ in range(3):\n    print(_applied.switch('gone'), _applied.states['planted.hook'])\n"
        "print(_applied.switch('gone'), toy.asked)\n"
    )
    out = toy(replace=[change]).hooked(code).out
    waits = "False off:gone (calls are under way)\n"
    assert out == waits * 2 + "True off:gone\nTrue 3\n"


def test_a_switch_back_while_calls_are_under_way_takes_effect(toy: Toy) -> None:
    change = ('hook.restore(toy, "answer")', "hook.restore(toy, 'answer')\n    return False")
    code = BEGIN + "print(_applied.switch('gone'), state())\nprint(_applied.switch(None), state())\n"
    out = toy(replace=[change]).hooked(code).out
    assert out == "False (41, 'off:gone (calls are under way)')\nTrue (42, 'applied')\n"


@pytest.mark.parametrize("where", ["patch", "unpatch"])
def test_a_hook_that_fails_harms_nobody(toy: Toy, where: str) -> None:
    change = ("def %s():" % where, "def %s():\n    raise KeyError('broken')\n" % where)
    code = BEGIN + "_applied.switch('gone')\n_applied.switch(None)\n_applied.switch('gone')\nprint('alive')\n"
    ran = toy(replace=[change]).hooked(code)
    assert ran.out == "alive\n"
    assert ran.err.count("\n") == 1


def test_imports_and_switches_in_many_threads_end_as_the_last_switch_says(toy: Toy) -> None:
    code = (
        "import importlib, sys, threading, time\nfrom meshrun import _applied\nimport toy\n"
        "original = toy.answer.__wrapped__\nstop = []\n"
        # two reloads at once are beyond importlib itself, which then misses the name in a table of its own
        "def reload():\n    while not stop:\n        try:\n            importlib.reload(toy)\n"
        "        except KeyError as error:\n            assert error.args == ('toy',), error\n"
        "threads = [threading.Thread(target=reload) for _ in range(3)]\n"
        "[thread.start() for thread in threads]\n"
        "for number in range(60):\n    _applied.switch('gone' if number % 2 else None); time.sleep(0.001)\n"
        "stop.append(1); [thread.join() for thread in threads]\n"
        "print(toy.answer(), _applied.states['planted.hook'])\n"
        "_applied.switch(None)\nprint(toy.answer(), hasattr(toy.answer.__wrapped__, '__wrapped__'))\n"
    )
    ran = toy().hooked(code)
    assert ran.err == ""
    assert ran.out == "41 off:gone\n42 False\n"


def test_the_seams_of_a_child_are_those_of_its_parent(toy: Toy) -> None:
    code = BEGIN + (
        "import os\n_applied.switch('gone')\n"
        "if not os.fork():\n    _applied.switch(None)\n    print('child', state(), flush=True)\n    os._exit(0)\n"
        "os.wait()\nprint('parent', state())\n"
    )
    assert toy().hooked(code).out == "child (42, 'applied')\nparent (41, 'off:gone')\n"
