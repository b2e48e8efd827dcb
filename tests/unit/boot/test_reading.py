"""The small readings of the boot: which hooks, which versions, which folders."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshrun.boot import selection, switch, versions
from meshrun.core import places

TABLE = {
    "urllib3": "urllib3",
    "aiohttp": "aiohttp_client",
    "aiohttp.web": "aiohttp_web",
    "asyncio.unix_events": "asyncio",
}


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ("", "urllib3 aiohttp_client aiohttp_web asyncio"),
        ("all", "urllib3 aiohttp_client aiohttp_web asyncio"),
        (" , ", "urllib3 aiohttp_client aiohttp_web asyncio"),
        ("-aiohttp", "urllib3 asyncio"),
        ("-aiohttp-web,", "urllib3 aiohttp_client asyncio"),
        ("-urllib3,-asyncio", "aiohttp_client aiohttp_web"),
        ("aiohttp", "aiohttp_client aiohttp_web"),
        ("aiohttp.web", "aiohttp_web"),
        ("Urllib3, aiohttp_client", "urllib3 aiohttp_client"),
        ("all,-urllib3", "aiohttp_client aiohttp_web asyncio"),
        ("urllib3,-urllib3", ""),
        ("acme:x", "urllib3 aiohttp_client aiohttp_web asyncio"),
        ("acme:x,-aiohttp", "urllib3 asyncio"),
        ("acme:x,urllib3", "urllib3"),
        ("-all,acme:x", ""),
    ],
)
def test_hooks_are_chosen_by_library_or_by_file(setting: str, wanted: str) -> None:
    chosen = selection.select(setting, TABLE)

    assert list(chosen.wanted.values()) == wanted.split()
    assert sorted([*chosen.wanted.values(), *chosen.off]) == sorted(TABLE.values())
    assert chosen.unknown == []
    assert chosen.third_party == (["acme:x"] if "acme" in setting else [])


def test_names_that_no_hook_has_are_noted() -> None:
    assert selection.select("urlib3,-reddis", TABLE).unknown == ["reddis", "urlib3"]


@given(st.text())
def test_no_text_breaks_the_choice(setting: str) -> None:
    selection.select(setting, TABLE)


@pytest.mark.parametrize(
    ("version", "ranges", "answer"),
    [
        ("1.26.20", (">=1.26", "<3"), True),
        ("2.8.0", (">=1.26", "<3"), True),
        ("3.0.0", (">=1.26", "<3"), False),
        ("1.25.11", (">=1.26", "<3"), False),
        ("1.26", (">=1.26.0",), True),
        ("2.0", ("<2",), False),
        ("3.0.0rc1", ("<3",), False),
        ("2.10", (">2.9",), True),
        ("2.9", ("!=2.9.0",), False),
        ("2.9.1", ("==2.9.1", "<=2.9.1"), True),
        ("v2.9", (">=2.9,<3",), True),
        ("0.2023.1", (">=0",), True),
        ("unknown", (">=1",), False),
        ("4", (), True),
    ],
)
def test_versions_compare_by_their_numbers(version: str, ranges: tuple[str, ...], answer: bool) -> None:
    assert versions.supported(version, ranges) is answer


@pytest.mark.parametrize("text", ["1.2", "~=1.2", ">=", ">=x", "=>1"])
def test_a_range_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a version range"):
        versions.supported("1", (text,))


@pytest.mark.parametrize(
    "environ",
    [{}, {"XDG_RUNTIME_DIR": "/run/user/7/"}, {"XDG_RUNTIME_DIR": "relative"}, {"MESHRUN_STATE_DIR": "/some/where"}],
)
def test_the_kill_switch_lies_in_the_state_folder_of_core(environ: dict[str, str]) -> None:
    setting = environ.get("MESHRUN_STATE_DIR")

    assert tuple(switch.state_dirs(environ, 7)) == places.state_dirs(environ, 7, setting)


def test_the_release_of_a_package_that_does_not_say_it_is_that_of_its_metadata(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "__init__.py").touch()
    for name in ("toybox-9.dist-info", "Toy-1.2.3.dist-info"):
        (tmp_path / name).mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    toy = importlib.import_module("toy")
    try:
        assert versions.installed("toy") == "1.2.3"
        toy.__path__ = [str(tmp_path / "archive.zip" / "toy")]  # there the folder cannot be listed
        (tmp_path / "Toy-1.2.3.dist-info" / "METADATA").write_text("Name: toy\nVersion: 1.2.3\n")
        assert versions.installed("toy") == "1.2.3"
    finally:
        del sys.modules["toy"]
