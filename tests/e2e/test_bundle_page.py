"""What ``docs/bundle.md`` shows works as it is shown, in a shell whose ``python`` has nothing of ours installed."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import List, Tuple

import pytest

from tests.e2e.bundles import ROOT, clean, run, source, wheels

pytestmark = [pytest.mark.slow, pytest.mark.once]


def shown() -> List[Tuple[str, str]]:
    """Each command of the page with the output that it shows, in order."""
    text = (ROOT / "docs" / "bundle.md").read_text(encoding="utf-8")
    found: List[Tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], ""))
            else:
                found[-1] = (found[-1][0], found[-1][1] + line + "\n")
    return found


def test_the_page_on_the_bundle_shows_what_works(tmp_path: Path) -> None:
    commands, work = tmp_path / "bin", tmp_path / "work"
    commands.mkdir()
    work.mkdir()
    (commands / "python").symlink_to(sys.executable)
    operator = '#!/bin/sh\nPYTHONPATH=%s exec %s -m meshrun.cli "$@"\n' % (source() / "agent", sys.executable)
    (commands / "meshctl").write_text(operator, encoding="utf-8")
    (commands / "meshctl").chmod(0o755)
    shutil.copytree(str(wheels()), str(work / "wheels"))
    environ = clean(MESHRUN_STORE="file:%s/store" % tmp_path, MESHRUN_STATE_DIR=tmp_path / "state", HOME=tmp_path)
    environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheels()))  # the test needs no index, only pip
    environ["PATH"] = "%s:%s" % (commands, environ["PATH"])
    pages = shown()

    for command, output in pages:
        ran = run(["sh", "-c", command], environ, work)
        assert (ran.status, ran.err) == (0, ""), command
        if output:
            assert ran.out == output, command

    assert len(pages) == 6
    assert [path.name for path in work.iterdir()] == ["wheels"]
