"""A program to plant modules for, and a toy library with its hook."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.compat.programs import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


HOOK = """
    from meshrun import hook
    LIBRARY, SUPPORTED, VERSION = "lib", (">=1", "<3"), ("toy", "__version__")
    TRIGGERS = ("toy",)
    SEAMS = ("toy:answer",)
    def patch():
        import toy
        hook.replace(toy, "answer", lambda original: lambda: original() + 1)
    def unpatch():
        import toy
        hook.restore(toy, "answer")
"""


@pytest.fixture
def toy(program: Program) -> Callable[..., Program]:
    """A library `toy` whose `answer()` is 41, and the planted hook that makes it 42; both can be varied."""

    def plant(hook: str = HOOK, **changes: Any) -> Program:
        body = textwrap.dedent(hook)
        for old, new in changes.get("replace", ()):
            assert old in body
            body = body.replace(old, new)
        library = changes.get("library", "__version__ = '2.0'\ndef answer(): return 41\n")
        program.plant({"toy.py": library, "planted/__init__.py": "", "planted/hook.py": body})
        return program

    return plant
