"""Which engine a URL names, which store is the default, and what opening one loads."""

from __future__ import annotations

import os
import pathlib

import pytest

from meshrun import engines
from meshrun.engines import default_store, open_engine
from meshrun.engines.base import Engine, EngineError
from tests.contract.engines import finish, start


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:/srv/mesh", "/srv/mesh"),
        ("file:/srv/mesh/", "/srv/mesh"),
        ("file:///srv/mesh", "/srv/mesh"),
        ("file://localhost/srv/mesh", "/srv/mesh"),
        ("file:/srv/../srv/mesh", "/srv/mesh"),
    ],
)
def test_a_file_url_names_a_folder(url: str, folder: str) -> None:
    assert open_engine(url).url == "file:" + folder


def test_a_relative_folder_is_below_the_working_directory_of_the_moment(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    assert open_engine("file:store").url == "file:%s/store" % tmp_path
    assert open_engine("file:~/store").url == "file:/home/ada/store"


@pytest.mark.parametrize(
    "url", ["", "store", "/srv/mesh", "redis://h:1", "file:", "file://host/srv", "file:a\0b", "File:/x"]
)
def test_what_names_no_store_is_an_error_that_says_so(url: str) -> None:
    with pytest.raises(EngineError):
        open_engine(url)


def test_every_engine_in_the_table_can_be_loaded() -> None:
    for scheme, module in engines.ENGINES.items():
        assert module.isidentifier()
        assert isinstance(open_engine(scheme + ":/nowhere"), Engine)


@pytest.fixture
def machine(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Where the store of the machine would be; it is not there."""
    monkeypatch.setattr(engines, "SYSTEM_STORE", str(tmp_path / "machine"))
    return tmp_path / "machine"


def test_the_default_store_of_root_is_the_machines(machine: pathlib.Path) -> None:
    url, why = default_store({"HOME": "/root", "XDG_STATE_HOME": "/root/state"}, 0)
    assert url == "file:%s" % machine
    assert "root" in why


def test_the_default_store_is_the_machines_where_there_is_one(machine: pathlib.Path) -> None:
    machine.mkdir()
    assert default_store({"HOME": "/home/ada"}, 1000)[0] == "file:%s" % machine


@pytest.mark.usefixtures("machine")
def test_the_default_store_of_a_user_survives_a_reboot() -> None:
    assert default_store({"HOME": "/home/ada"}, 1000)[0] == "file:/home/ada/.local/state/meshrun/store"
    assert default_store({"HOME": "/home/ada", "XDG_STATE_HOME": "/s"}, 1000)[0] == "file:/s/meshrun/store"
    assert (
        default_store({"HOME": "/home/ada", "XDG_STATE_HOME": "s"}, 1000)[0]
        == "file:/home/ada/.local/state/meshrun/store"
    )


@pytest.mark.usefixtures("machine")
def test_without_a_home_the_default_store_is_in_the_state_folder_and_says_what_that_means(
    tmp_path: pathlib.Path,
) -> None:
    environ = {"MESHRUN_STATE_DIR": str(tmp_path / "state")}
    url, why = default_store(environ, os.geteuid() or 1)
    assert url == "file:%s/state/store" % tmp_path
    assert "reboot" in why


LOAD = """
import sys
before = set(sys.modules)
from meshrun.core.model import Instance
from meshrun.engines import open_engine
engine = open_engine(sys.argv[1])
reading = engine.rules(None)
engine.instances(None)
mine = engine.register(Instance("a", "default/orders", "127.0.0.1", 1), 10)
engine.renew(mine, 10)
engine.deregister(mine)
print(len(reading.documents), *sorted(set(sys.modules) - before))
"""


def test_a_process_that_uses_a_compiled_store_loads_nothing_heavy(tmp_path: pathlib.Path) -> None:
    store = tmp_path / "store"
    (store / "rules").mkdir(parents=True)
    (store / "rules" / "a.yaml").write_text("kind: Lane\nname: gray\n")
    url = "file:%s" % store
    open_engine(url).rules(None)
    count, *modules = finish(start(LOAD, url)).split()
    assert count == "1"
    heavy = {"yaml", "socket", "ssl", "logging", "subprocess", "tempfile", "pathlib", "threading", "asyncio", "random",
             "urllib", "shutil", "importlib.metadata", "meshrun.core.documents", "meshrun.core.schema"}  # fmt: skip
    assert heavy.isdisjoint(modules)
