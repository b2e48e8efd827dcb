"""What the README and the pages in ``docs`` show works as it is shown."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, List

import pytest
import yaml

from meshrun.boot import launcher
from meshrun.cli import mode
from meshrun.core import settings
from meshrun.core.schema import KINDS

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl, Processes

ROOT = Path(__file__).resolve().parents[3]
PAGES = (
    "README.md",
    "docs/rules.md",
    "docs/settings.md",
    "docs/errors.md",
    "docs/operating.md",
    "docs/vm.md",
    "docs/image.md",
    "docs/stopping.md",
)


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rules() -> str:
    """The example of the page on rules."""
    (text,) = re.findall(r"```yaml\n(.*?)```", page("docs/rules.md"), re.DOTALL)
    return str(text)


def commands(text: str, program: str) -> List[List[str]]:
    """The command lines of a program that a page shows, without their comments."""
    lines = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    found = [shlex.split(line, comments=True) for line in lines]
    return [words[1:] for words in found if words and words[0] == program]


def test_the_example_of_the_rules_page_is_valid_and_shows_every_kind(meshctl: Meshctl) -> None:
    (meshctl.folder / "rules.yaml").write_text(rules(), encoding="utf-8")
    run = meshctl("rules", "lint", "-f", str(meshctl.folder / "rules.yaml"))
    assert (run.status, run.out) == (0, "%d valid documents, no problem\n" % len(KINDS))
    assert {document["kind"] for document in yaml.safe_load_all(rules())} == set(KINDS)


def test_every_command_that_the_pages_show_does_what_it_says(
    meshctl: Meshctl, process: Processes, monkeypatch: Any
) -> None:
    (meshctl.folder / "rules.yaml").write_text(rules(), encoding="utf-8")
    monkeypatch.chdir(meshctl.folder)
    process(11, service="orders")
    meshctl.instance("orders", 8000, tags={"version": "v1"})
    meshctl.instance("orders", 8001, tags={"lane": "gray"})
    meshctl.instance("web", 8002)
    shown = commands(page("docs/rules.md"), "meshctl")
    for words in shown:
        differs = words[:2] == ["rules", "diff"]
        run = meshctl(*words)
        assert run.status == (1 if differs else 0), (words, run.out, run.err)
    assert meshctl("lane", "delete", "gray", "--force").status == 0  # the README creates a lane of that name
    # `bundle` and `vm` are run as docs/bundle.md and docs/vm.md show them, by tests of their own.
    others = [words for words in commands(page("README.md"), "meshctl") if words[0] not in ("bundle", "vm")]
    for words in others:
        run = meshctl(*words)
        assert run.status == 0, (words, run.out, run.err)
    assert len(shown) > 5
    assert len(others) > 3


def test_the_operating_page_shows_what_works(
    meshctl: Meshctl, monkeypatch: pytest.MonkeyPatch, process: Processes
) -> None:
    monkeypatch.setattr(mode, "SECONDS", 0.0)  # stand-ins for processes never follow
    text = page("docs/operating.md")
    (cases,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (meshctl.folder / "cases.yaml").write_text(cases, encoding="utf-8")
    (meshctl.folder / "rules.yaml").write_text(rules().replace("2099", "2098"), encoding="utf-8")
    monkeypatch.chdir(meshctl.folder)
    meshctl.environ.update(PATH=str(Path(sys.executable).parent), MESHRUN_STORE=meshctl.store)
    meshctl.environ["MESHRUN_STATE_DIR"] = str(meshctl.state)
    process(11)
    shown = commands(text, "meshctl") + commands(page("docs/settings.md"), "meshctl")
    for words in shown:
        run = meshctl(*words, here=False)
        assert run.status == 0, (words, run.out, run.err)
    assert len(shown) > 18
    assert not (meshctl.state / "off").exists()


def test_every_way_to_start_a_program_that_the_readme_shows_is_understood() -> None:
    started = [words for words in commands(page("README.md"), "meshrun") if words]
    assert [launcher.parse(words)[1][0] for words in started] == ["gunicorn", "gunicorn", "python"]


def test_the_settings_page_names_only_settings_that_there_are() -> None:
    for name in PAGES:
        for variable in set(re.findall(r"MESHRUN_[A-Z_]*[A-Z]", page(name))):
            seen = settings.resolve({variable: ""}, {})
            assert not [one for one in seen.warnings if "unknown" in one], (name, variable)
