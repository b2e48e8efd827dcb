"""Runs the launcher from the checkout, as the console script would."""

from __future__ import annotations

import sys

from tests.compat.programs import ROOT, Program, Ran

MESHRUN = [sys.executable, "-c", "import sys; sys.path.insert(0, %r); sys.argv[0] = 'meshrun'; "
           "from meshrun.boot.launcher import main; main()" % str(ROOT / "agent")]  # fmt: skip


def launch(program: Program, *arguments: str, **environ: str) -> Ran:
    """Run ``meshrun`` with these arguments, without a ``PYTHONPATH`` but the one that is given."""
    clean = program.environ()
    del clean["PYTHONPATH"]
    return program.start([*MESHRUN, *arguments], dict(clean, **environ))
