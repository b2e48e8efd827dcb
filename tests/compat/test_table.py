"""The matrix meets every Python and every library that the hooks and ``setup.cfg`` promise, and says nothing twice."""

from __future__ import annotations

import configparser
from typing import Dict, List

import pytest

from meshrun.boot import versions
from meshrun.runtime import floors
from tests.compat import matrix, table
from tests.compat.pythons import LATER, SUPPORTED
from tests.compat.table import NEWEST, OLDEST, ROOT, Cell, cells, floor, hooked, needed

LIBRARIES = {**needed(), **hooked()}


def test_the_supported_pythons_are_those_of_the_package() -> None:
    found = configparser.ConfigParser()
    found.read(str(ROOT / "setup.cfg"), encoding="utf-8")
    said = [line.rpartition(" ")[2] for line in found["metadata"]["classifiers"].splitlines() if "Python :: 3." in line]

    assert tuple(said) == SUPPORTED
    assert found["options"]["python_requires"] == ">=" + SUPPORTED[0]


def test_the_floor_that_a_process_checks_is_that_of_the_package() -> None:
    assert floor(needed()["pyyaml"]) == "%d.%d" % floors.FLOOR


@pytest.mark.parametrize("python", [*SUPPORTED, *LATER])
def test_every_python_meets_the_newest_releases(python: str) -> None:
    (cell,) = [cell for cell in cells() if (cell.python, cell.releases) == (python, NEWEST)]

    assert "tests/contract" in cell.suites
    for library, ranges in LIBRARIES.items():
        if (library, python) in table.ABSENT:
            continue
        assert library + ",".join(ranges) in [line.replace("[standard]", "") for line in cell.requirements()]


@pytest.mark.parametrize("library", sorted(LIBRARIES))
def test_the_oldest_release_of_every_library_is_met_at_its_floor(library: str) -> None:
    wanted = "%s==%s" % (library, floor(LIBRARIES[library]))
    oldest = [cell for cell in cells() if cell.releases == OLDEST]

    assert floor(LIBRARIES[library])
    assert any(wanted in [line.replace("[standard]", "") for line in cell.requirements()] for cell in oldest)


def test_the_development_environment_saves_its_own_python_one_cell() -> None:
    left = {cell.name for cell in cells()} - {cell.name for cell in cells(but="3.11")}

    assert left == {"3.11-newest"}


def test_what_stands_in_the_table_is_needed() -> None:
    """A first release is above the floor and on a Python that meets the oldest; a companion is no hooked library."""
    for (library, python), release in table.FIRST.items():
        least = table.COMPANIONS.get(library) or floor(LIBRARIES[library])
        assert versions.release(release) > versions.release(least), library
        assert python in table.BOTH
    assert not set(table.COMPANIONS) & set(LIBRARIES)


def test_libraries_are_named_once_per_cell() -> None:
    for cell in cells():
        names = [line.split("=")[0].split(">")[0].split("[")[0] for line in cell.requirements()]
        assert len(names) == len(set(names))


def test_tools_of_the_development_environment_stay_there() -> None:
    listed = Cell(SUPPORTED[0], NEWEST, ()).requirements()

    assert not [line for line in listed if line.startswith(("mypy", "ruff", "types-", "build"))]
    assert "hypothesis" in listed


def test_the_list_of_cells_is_what_the_shell_reads(capsys: pytest.CaptureFixture[str]) -> None:
    assert matrix.main([]) == 0

    listed: Dict[str, List[str]] = {
        line.split(" ")[0]: line.split(" ") for line in capsys.readouterr().out.splitlines()
    }
    assert set(SUPPORTED) <= {fields[1] for fields in listed.values()} | {"3.11"}
    assert all(len(fields) == 3 for fields in listed.values())


def test_a_cell_that_is_not_there_is_said_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert matrix.main(["3.8-odd"]) == 2
    assert "no cell 3.8-odd; there are 3.8-newest, 3.8-oldest" in capsys.readouterr().err
