"""Runs one cell of the matrix: ``python -m tests.compat.matrix 3.8-oldest [ARGUMENT OF PYTEST…]``.

Without a cell it lists them: ``3.8-oldest 3.8 /path/of/the/interpreter``, the path empty for one that is not here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Dict, List, Sequence

from tests.compat.environments import ROOT, Unavailable, environment
from tests.compat.pythons import LATER, find
from tests.compat.table import ABSENT, Cell, cells, hooked, needed

VERSIONS = """
import sys
from importlib.metadata import version
print(", ".join("%s %s" % (name, version(name)) for name in sys.argv[1:]))
"""


def main(arguments: Sequence[str]) -> int:
    """List, or run; the status is that of pytest."""
    here = "%d.%d" % sys.version_info[:2]
    if not arguments:
        for cell in cells(but=here):
            path = find(cell.python)
            if path or cell.python not in LATER:
                sys.stdout.write("%s %s %s\n" % (cell.name, cell.python, path or ""))
        return 0
    known: Dict[str, Cell] = {cell.name: cell for cell in cells()}
    if arguments[0] not in known:
        sys.stderr.write("no cell %s; there are %s\n" % (arguments[0], ", ".join(known)))
        return 2
    return run(known[arguments[0]], arguments[1:])


def run(cell: Cell, more: Sequence[str]) -> int:
    """Make the environment if it is not there, say what is in it, and run the tests of the cell."""
    path = find(cell.python)
    if path is None:
        sys.stderr.write("no Python %s on this machine\n" % cell.python)
        return 2
    try:
        python = environment("matrix-" + cell.name, path, cell.requirements())
    except Unavailable as error:
        sys.stderr.write("the environment of %s cannot be made: %s\n" % (cell.name, error))
        return 1
    libraries = sorted(name for name in {**hooked(), **needed()} if (name, cell.python) not in ABSENT)
    _call([python, "-c", VERSIONS, *libraries])
    marks = ["-n", "4", "-m", cell.marks, "-o", "cache_dir=" + str(ROOT / "build" / "cache" / cell.name)]
    return _call([python, "-m", "pytest", "-q", *marks, *more, *cell.suites])


def _call(command: List[str]) -> int:
    sys.stdout.flush()
    return subprocess.run(command, cwd=str(ROOT), env=dict(os.environ), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
