"""A hook is applied whole or not at all, and what becomes of it is known."""

from __future__ import annotations

from typing import Callable, List, Tuple

import pytest

from tests.compat.programs import Program

Toy = Callable[..., Program]
CODE = """
import toy
print(toy.answer())
from meshrun import _applied, _guard
print(_applied.states["planted.hook"])
print(sorted(_guard.errors.items()))
"""


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ([('(">=1", "<3")', '(">=1", "<2")')], "off:lib 2.0 is not supported (>=1,<2)"),
        ([('(">=1", "<3")', '(">=2.1",)')], "off:lib 2.0 is not supported (>=2.1)"),
        ([('(">=1", "<3")', '("any",)')], "off:ValueError: not a version range: 'any'"),
        ([('"__version__"', '"version"')], "off:AttributeError: "),
        ([('("toy:answer",)', '("toy:Class.gone",)')], "off:seam toy:Class.gone is gone"),
        ([('("toy:answer",)', '("toy.gone:answer",)')], "off:ModuleNotFoundError: No module named 'toy.gone'; "),
        ([("def patch():", "def patch():\n    raise SystemExit(4)")], "off:SystemExit: 4"),
        ([("def patch():", "def patch():\n    class Odd(BaseException): pass\n    raise Odd")], "off:Odd"),
        ([("def patch():", "def patch():\n    return patch()")], "off:RecursionError: maximum recursion depth"),
        ([("SEAMS =", "NONE =")], "off:AttributeError: module 'planted.hook' has no attribute 'SEAMS'"),
    ],
)
def test_a_hook_that_does_not_fit_or_fails_leaves_the_library_as_it_was(
    toy: Toy, change: List[Tuple[str, str]], state: str
) -> None:
    ran = toy(replace=change).hooked(CODE)

    assert ran.code == 0
    answer, found, errors = ran.out.splitlines()
    assert answer == "41"
    assert found.startswith(state.partition("; ")[0])
    assert errors == "[('hook planted.hook', 1)]"
    assert ran.err.startswith("meshrun: hook planted.hook: " + state.partition("; ")[0][len("off:") :])
    assert ran.err.count("\n") == 1


def test_what_a_release_lacks_is_said_once_for_all_hooks_of_its_library(toy: Toy) -> None:
    program = toy(replace=[('(">=1", "<3")', '(">=3",)')])
    (program.folder / "lib" / "planted" / "other.py").write_text(
        (program.folder / "lib" / "planted" / "hook.py").read_text(encoding="utf-8"), encoding="utf-8"
    )
    code = (
        "import toy; from meshrun import _applied; print({_applied.states['planted.' + n] for n in ('hook', 'other')})"
    )

    ran = program.meshed(code, MESHRUN_HOOKS="-all,planted:hook,planted:other")

    assert ran.out == "{'off:lib 2.0 is not supported (>=3)'}\n"
    assert ran.err == "meshrun: hook planted.hook: lib 2.0 is not supported (>=3)\n"


def test_what_a_failing_patch_replaced_is_put_back(toy: Toy) -> None:
    late = "lambda original: lambda: original() + 1)"

    ran = toy(replace=[(late, late + "\n    raise KeyError('half-way')")]).hooked(CODE)

    assert ran.out.splitlines()[:2] == ["41", "off:KeyError: 'half-way'"]


def test_a_seam_may_carry_its_reason(toy: Toy) -> None:
    reasoned = ('("toy:answer",)', '("toy:answer a module function: there is no other door",)')

    assert toy(replace=[reasoned]).hooked(CODE).out.splitlines()[:2] == ["42", "applied"]


def test_a_hook_of_the_standard_library_states_versions_of_python(toy: Toy) -> None:
    for ranges, answer in (('(">=3.8",)', "42"), ('("<3.8",)', "41"), ("()", "42")):
        change = [('(">=1", "<3"), ("toy", "__version__")', ranges + ", None")]
        assert toy(replace=change).hooked(CODE).out.splitlines()[0] == answer


def test_ctrl_c_during_a_patch_is_the_programs(toy: Toy) -> None:
    interrupted = ("def patch():", "def patch():\n    import os, time\n    os.kill(os.getpid(), 2)\n    time.sleep(5)")
    code = """
    try:
        import toy
    except KeyboardInterrupt:
        print("interrupted")
    """

    assert toy(replace=[interrupted]).hooked(code) == (0, "interrupted\n", "")


def test_an_exit_of_the_programs_signal_handler_during_a_patch_is_the_programs(toy: Toy) -> None:
    interrupted = ("def patch():", "def patch():\n    import os, time\n    os.kill(os.getpid(), 15)\n    time.sleep(5)")
    code = "import signal, sys; signal.signal(15, lambda *_: sys.exit(33)); import toy; print('not reached')"

    assert toy(replace=[interrupted]).hooked(code) == (33, "", "")


def test_a_trigger_that_fires_while_another_hook_is_applied_waits_for_it(program: Program) -> None:
    program.plant(
        {
            "one.py": "",
            "two.py": "",
            "planted/__init__.py": "",
            "planted/first.py": """
                LIBRARY, SUPPORTED, VERSION, TRIGGERS, SEAMS = "one", (), None, ("one",), ()
                def patch():
                    print("first begins")
                    import two
                    print("first ends")
                def unpatch(): pass
            """,
            "planted/second.py": """
                LIBRARY, SUPPORTED, VERSION, TRIGGERS, SEAMS = "two", (), None, ("two",), ()
                def patch(): print("second")
                def unpatch(): pass
            """,
        }
    )

    assert program.hooked("import one", "planted:first,planted:second").out == "first begins\nfirst ends\nsecond\n"


def test_two_hooks_on_one_trigger_stand_or_fall_alone(toy: Toy) -> None:
    program = toy()
    program.plant(
        {
            "planted/broken.py": """
                LIBRARY, SUPPORTED, VERSION, TRIGGERS, SEAMS = "toy", (), None, ("toy",), ()
                def patch(): raise OSError("no")
                def unpatch(): raise OSError("no, again")
            """
        }
    )
    code = "import toy; print(toy.answer()); from meshrun import _applied; print(_applied.states)"

    ran = program.hooked(code, "planted:broken,planted:hook")

    assert ran.out.splitlines()[0] == "42"
    assert "'planted.broken': 'off:OSError: no', 'planted.hook': 'applied'" in ran.out
    assert sorted(ran.err.splitlines()) == [
        "meshrun: hook planted.broken, unpatch: OSError: no, again",
        "meshrun: hook planted.broken: OSError: no",
    ]


def test_a_third_party_hook_that_cannot_be_loaded_is_one_line(toy: Toy) -> None:
    ran = toy().hooked("print('app')", "planted:absent")

    assert ran.out == "app\n"
    assert ran.err == "meshrun: hook planted.absent: ModuleNotFoundError: No module named 'planted.absent'\n"


def test_a_name_that_no_hook_has_is_said_with_those_that_there_are(program: Program) -> None:
    ran = program.meshed("print('app')", MESHRUN_HOOKS="-redsi")

    assert ran.out == "app\n"
    assert ran.err.startswith("meshrun: MESHRUN_HOOKS: no hook is called 'redsi'; there are ")
    assert "urllib3" in ran.err


def test_the_states_name_every_hook_from_the_start(program: Program) -> None:
    code = "from meshrun import _applied; from meshrun_hooks import TABLE;"
    code += "print(sorted(_applied.states) == sorted(set(TABLE.values())));"
    code += "print(_applied.states['urllib3'], _applied.states['httpcore'])"

    assert program.meshed(code, MESHRUN_HOOKS="urllib3").out == "True\nwaiting off:MESHRUN_HOOKS\n"
