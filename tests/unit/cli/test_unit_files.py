from __future__ import annotations

import os
from pathlib import Path
from typing import Dict

import pytest

from meshrun.cli import unit_files
from meshrun.cli.errors import Failure
from meshrun.cli.unit_files import Unit
from meshrun.cli.unit_text import FOREVER


class Tree:
    """A tree of files with units."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def file(self, path: str, text: str = "[Service]\n") -> Path:
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        return place

    def unit(self, text: str, name: str = "x.service", folder: str = "/etc/systemd/system") -> None:
        self.file("%s/%s" % (folder, name), "[Service]\n" + text)

    def load(self, word: str = "x", environ: Dict[str, str] | None = None, without: str = "") -> Unit:
        root = str(self.root)
        return unit_files.load(word, unit_files.folders(environ or {}, root), root, without)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_of_several_units_that_of_etc_counts_and_of_drop_ins_each_by_name(tree: Tree) -> None:
    tree.unit("A=lib\n", folder="/usr/lib/systemd/system")
    tree.unit("A=etc\n")
    tree.unit("A=20\n", "20.conf", "/usr/lib/systemd/system/x.service.d")
    tree.unit("A=hidden\n", "10.conf", "/usr/lib/systemd/system/x.service.d")
    tree.unit("A=10\n", "10.conf", "/etc/systemd/system/x.service.d")
    tree.unit("A=not\n", "30.txt", "/etc/systemd/system/x.service.d")
    found = tree.load("x.service")
    assert [line.value for line in found.lines] == ["etc", "10", "20"]
    assert found.last("A") == "20"
    assert tree.load(without="20.conf").last("A") == "10"


def test_drop_ins_of_the_type_of_prefixes_and_of_templates_count(tree: Tree) -> None:
    tree.unit("A=unit\n", "a-b@.service")
    for number, owner in enumerate(("service", "a-.service", "a-b@.service", "a-b@1.service"), 1):
        tree.unit("B=%s\n" % owner, "%d.conf" % number, "/etc/systemd/system/%s.d" % owner)
    found = tree.load("a-b@1")
    assert found.all("B") == ["service", "a-.service", "a-b@.service", "a-b@1.service"]
    assert found.specifiers["i"] == "1"


def test_a_link_of_another_name_is_an_alias(tree: Tree) -> None:
    tree.unit("A=1\n", "nginx.service", "/usr/lib/systemd/system")
    folder = tree.file("/etc/systemd/system/keep").parent
    (folder / "www.service").symlink_to("/usr/lib/systemd/system/nginx.service")
    (folder / "loop.service").symlink_to("pool.service")
    (folder / "pool.service").symlink_to("loop.service")
    assert tree.load("www").name == "nginx.service"
    with pytest.raises(Failure, match=r"cannot be read"):
        tree.load("loop")


def test_units_that_cannot_be_used_are_said(tree: Tree) -> None:
    folder = tree.file("/etc/systemd/system/keep").parent
    (folder / "masked.service").symlink_to(os.devnull)
    tree.file("/etc/systemd/system/empty.service", "")
    for word, said in (
        ("nothing", "there is no unit nothing.service"), ("masked", "is masked"), ("empty", "is masked"),
        ("x.timer", "no name of a service"), ("../x", "no name of a service"), ("@", "no name of a service"),
    ):  # fmt: skip
        with pytest.raises(Failure, match=said) as caught:
            tree.load(word)
        assert caught.value.code == "MR8001"


def test_an_empty_value_takes_back_what_stood_before(tree: Tree) -> None:
    tree.unit(
        "Environment=A=1\nEnvironment=\nEnvironment=B=2 'C=3 4' bad\nEnvironment=\"D=5\nKillMode=mixed\nKillMode=\n"
    )
    found = tree.load()
    assert found.variables.given == {"B": "2", "C": "3 4"}
    assert found.last("KillMode") is None


def test_environment_files_win_over_what_the_unit_and_the_manager_set(tree: Tree) -> None:
    tree.file(
        "/etc/systemd/system.conf", "[Manager]\nDefaultEnvironment=A=manager B=manager\nDefaultTimeoutStopSec=7\n"
    )
    text = "Environment=A=unit P=%i-%% Q=%H\nEnvironmentFile=/etc/one\nEnvironmentFile=-/etc/two*\n"
    text += "EnvironmentFile=-/no\nEnvironmentFile=/missing\nUnsetEnvironment=GONE KEPT=other\n"
    tree.unit(text, "x@.service")
    tree.file("/etc/one", "A=one\nC=one\nGONE=1\nKEPT=this\n")
    tree.file("/etc/two.b", "C=two\n")
    found = tree.load("x@7")
    assert found.environ == {"A": "one", "B": "manager", "P": "7-%", "Q": "%H", "C": "two", "KEPT": "this"}
    assert found.variables.paths["A"] == str(tree.root / "etc/one")
    assert found.variables.unread == ("/missing",)
    assert found.stop_seconds == 7


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("", 90), ("TimeoutStopSec=20\n", 20), ("TimeoutSec=1min\n", 60), ("TimeoutStopSec=5\nTimeoutSec=8\n", 8),
     ("TimeoutStopSec=0\n", FOREVER), ("TimeoutStopSec=infinity\n", FOREVER), ("TimeoutStopSec=soon\n", 90)],
)  # fmt: skip
def test_how_long_a_stop_may_take(tree: Tree, said: str, seconds: float) -> None:
    tree.unit(said)
    assert tree.load().stop_seconds == seconds


def test_commands_lose_the_signs_before_them(tree: Tree) -> None:
    tree.unit("ExecStart=-@/bin/a 'b c' %n\nExecStart=!!/bin/d\n")
    assert tree.load().commands == [["/bin/a", "b c", "x.service"], ["/bin/d"]]


def test_the_path_of_units_is_read_as_systemd_reads_it(tree: Tree) -> None:
    assert unit_files.folders({"SYSTEMD_UNIT_PATH": "/a:/b"}, "") == ["/a", "/b"]
    found = unit_files.folders({"SYSTEMD_UNIT_PATH": "/a:"}, "")
    assert found[:2] == ["/a", "/etc/systemd/system.control"]
    assert unit_files.folders({"SYSTEMD_UNIT_PATH": "/a"}, "/root")[0].startswith("/root/")
