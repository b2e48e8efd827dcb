"""Who may use a store: modes, links that others planted, folders that cannot be read or written."""

from __future__ import annotations

import os
import pathlib
import shutil
import stat
import tempfile
from typing import Dict, Iterator, Set

import pytest

from meshrun.core.model import Instance
from meshrun.engines.base import Edit, EngineError, InstancesReading, RulesReading
from meshrun.engines.file import FileEngine
from tests.contract.engines import finish, start

GRAY = "kind: Lane\nname: gray\n"
MINE = Instance("a", "default/orders", "127.0.0.1", 8000)


@pytest.fixture(params=[0o000, 0o077], ids=["umask 000", "umask 077"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Modes must not depend on the umask of whoever comes first."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def _modes(store: pathlib.Path) -> Dict[str, Set[str]]:
    found: Dict[str, Set[str]] = {"files": set(), "folders": set()}
    for path in store.rglob("*"):
        seen = path.stat()
        found["folders" if path.is_dir() else "files"].add("%04o" % stat.S_IMODE(seen.st_mode))
    return found


def _used(store: pathlib.Path, mode: int) -> Dict[str, Set[str]]:
    store.mkdir()
    store.chmod(mode)
    engine = FileEngine(str(store))
    engine.apply([Edit("Lane/default/gray", GRAY)], "ada", "one")
    engine.deregister(engine.register(MINE, 10))
    engine.register(MINE, 10)
    engine.renew(MINE, 10)
    (store / "rules" / "a.yaml").write_text("kind: Lame")
    (store / "rules" / "a.yaml").chmod((store / "rules" / "lane.gray.yaml").stat().st_mode)
    engine.rules(None)
    return _modes(store)


@pytest.mark.usefixtures("umask")
def test_in_a_setgid_folder_the_group_may_write_everything(store: pathlib.Path) -> None:
    assert _used(store, 0o2775) == {"files": {"0664"}, "folders": {"2775"}}


@pytest.mark.usefixtures("umask")
def test_in_a_plain_folder_only_its_owner_may_write(store: pathlib.Path) -> None:
    assert _used(store, 0o755) == {"files": {"0644"}, "folders": {"0755"}}


@pytest.mark.usefixtures("umask")
def test_a_private_folder_stays_private(store: pathlib.Path) -> None:
    assert _used(store, 0o700) == {"files": {"0600"}, "folders": {"0700"}}


@pytest.mark.usefixtures("umask")
def test_others_never_write_even_where_the_folder_lets_them(store: pathlib.Path) -> None:
    assert _used(store, 0o777)["files"] == {"0644"}


def test_a_rule_file_keeps_its_mode(store: pathlib.Path, engine: FileEngine) -> None:
    engine.apply([Edit("Lane/default/gray", GRAY)], "ada", "one")
    (store / "rules" / "lane.gray.yaml").chmod(0o640)
    engine.apply([Edit("Lane/default/gray", GRAY + "priority: 1\n")], "ada", "two")
    assert stat.S_IMODE((store / "rules" / "lane.gray.yaml").stat().st_mode) == 0o640


def test_a_store_that_is_missing_reads_as_empty_and_stays_missing(store: pathlib.Path, engine: FileEngine) -> None:
    assert engine.rules(None) == RulesReading(0, {}, None)
    assert engine.instances(None) == InstancesReading({}, ())
    engine.deregister(MINE)
    assert not store.exists()


def test_a_store_in_whose_place_a_file_stands_is_an_error(store: pathlib.Path, engine: FileEngine) -> None:
    store.write_text("")
    for use in (
        lambda: engine.rules(None),
        lambda: engine.instances(None),
        lambda: engine.register(MINE, 10),
        lambda: engine.apply([Edit("Lane/default/gray", GRAY)], "ada", "one"),
    ):
        with pytest.raises(EngineError, match="store"):
            use()


def test_a_link_in_the_place_of_a_file_is_not_written_through(
    store: pathlib.Path, engine: FileEngine, tmp_path: pathlib.Path
) -> None:
    engine.register(MINE, 10)
    engine.apply([Edit("Lane/default/gray", GRAY)], "ada", "one")
    treasure = tmp_path / "treasure"
    treasure.write_text(GRAY)
    record = store / "instances" / "default" / "orders" / "a.json"
    for path in (record, store / "instances" / ".generation", store / "rules" / "lane.gray.yaml"):
        path.unlink()
        path.symlink_to(treasure)
    with pytest.raises(EngineError, match="symbolic link"):
        engine.register(MINE, 10)
    with pytest.raises(EngineError, match="symbolic link"):
        engine.apply([Edit("Lane/default/gray", GRAY + "priority: 1\n")], "ada", "two")
    assert treasure.read_text() == GRAY
    assert stat.S_ISREG(treasure.lstat().st_mode)


def test_a_link_in_the_place_of_the_lock_is_an_error(store: pathlib.Path, engine: FileEngine) -> None:
    (store / "compiled").mkdir(parents=True)
    (store / "compiled" / ".lock").symlink_to("/dev/null")
    with pytest.raises(EngineError, match="cannot lock"):
        engine.apply([Edit("Lane/default/gray", GRAY)], "ada", "one")


@pytest.mark.skipif(os.geteuid() != 0, reason="makes links that belong to somebody else")
def test_links_of_strangers_are_neither_followed_to_read_nor_to_write(
    store: pathlib.Path, engine: FileEngine, tmp_path: pathlib.Path
) -> None:
    engine.apply([Edit("Lane/default/gray", GRAY)], "ada", "one")
    secret = tmp_path / "secret"
    secret.write_text("password: 1234\n")
    (store / "rules" / "a.yaml").symlink_to(secret)
    os.lchown(store / "rules" / "a.yaml", 12345, 12345)
    problem = engine.rules(None).problem
    assert problem is not None
    assert "symbolic link of uid 12345" in problem
    assert "password" not in problem
    (tmp_path / "elsewhere").mkdir()
    (store / "instances").symlink_to(tmp_path / "elsewhere")
    os.lchown(store / "instances", 12345, 12345)
    with pytest.raises(EngineError, match="symbolic link"):
        engine.register(MINE, 10)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_own_links_to_a_checkout_are_followed(store: pathlib.Path, engine: FileEngine, tmp_path: pathlib.Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "a.yaml").write_text(GRAY)
    store.mkdir()
    (store / "rules").symlink_to(checkout)
    assert list(engine.rules(None).documents) == ["Lane/default/gray"]
    engine.apply([Edit("Lane/default/gray", GRAY + "priority: 1\n")], "ada", "two")
    assert (checkout / "a.yaml").read_text() == GRAY + "priority: 1\n"


@pytest.mark.parametrize("make", ["link", "loop", "folder", "pipe"])
def test_a_rule_file_that_cannot_be_read_is_a_problem_and_the_last_good_set_stays(
    make: str, store: pathlib.Path, engine: FileEngine
) -> None:
    engine.apply([Edit("Lane/default/gray", GRAY)], "ada", "one")
    good = engine.rules(None)
    path = store / "rules" / "b.yaml"
    if make == "folder":
        path.mkdir()
    elif make == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere" if make == "link" else "b.yaml")
    reading = engine.rules(None)
    assert reading.documents == good.documents
    assert reading.problem is not None
    assert "b.yaml" in reading.problem
    path.rmdir() if make == "folder" else path.unlink()
    assert engine.rules(None) == good


@pytest.fixture
def public() -> Iterator[pathlib.Path]:
    """A store that everybody may read, below folders that everybody may enter."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="meshrun-test-"))
    root.chmod(0o755)
    store = root / "store"
    (store / "rules").mkdir(parents=True)
    yield store
    for folder in (store, *store.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o755)
    shutil.rmtree(root)


AS_NOBODY = """
import os, sys, time
# All that may be loaded later, while it can still be read:
import pwd, hashlib, difflib, meshrun.core.documents, meshrun.core.edit, meshrun.engines.file, yaml
from meshrun.core.model import Instance
from meshrun.engines import open_engine
from meshrun.engines.base import Edit, EngineError
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
engine = open_engine(sys.argv[1])
def refused(call, *arguments):
    try:
        call(*arguments)
    except EngineError as error:
        return str(error)
    return "done"
"""


def _locked(store: pathlib.Path) -> None:
    """Nobody, not even the owner, may write the store (root may; that is why the others are sent to look)."""
    for folder in (store, *store.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o555)


def test_where_the_store_cannot_be_written_rules_are_compiled_in_memory(public: pathlib.Path) -> None:
    (public / "rules" / "a.yaml").write_text(GRAY)
    _locked(public)
    script = AS_NOBODY + (
        "reading = engine.rules(None)\n"
        "print(list(reading.documents), reading.problem, engine.rules(reading) is reading)\n"
        "print(list(engine.texts()), engine.instances(None).instances)\n"
    )
    out = finish(start(script, "file:%s" % public))
    assert out == "['Lane/default/gray'] None True\n['Lane/default/gray'] {}\n"
    assert [path.name for path in public.iterdir()] == ["rules"]


def test_in_memory_too_changes_are_seen_and_bad_ones_refused(public: pathlib.Path) -> None:
    engine = FileEngine(str(public))
    engine.apply([Edit("Lane/default/gray", GRAY)], "ada", "one")
    _locked(public)
    script = AS_NOBODY + (
        "reading = engine.rules(None)\n"
        "print(reading.version, list(reading.documents), reading.problem, flush=True)\n"
        "for _ in range(2):\n"
        "    sys.stdin.readline()\n"
        "    reading = engine.rules(None)\n"
        "    print(reading.version, list(reading.documents), reading.problem, flush=True)\n"
    )
    process = start(script, engine.url)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "1 ['Lane/default/gray'] None\n"
    (public / "rules" / "lane.gray.yaml").write_text(GRAY.replace("gray", "blue"))
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "2 ['Lane/default/blue'] None\n"
    (public / "rules" / "lane.gray.yaml").write_text("kind: Lane\n")
    answer = finish_with_line(process)
    assert answer.startswith("2 ['Lane/default/blue'] rules/lane.gray.yaml:1:1: MR1014")


def finish_with_line(process: object) -> str:
    out, err = process.communicate("\n", timeout=60)  # type: ignore[attr-defined]
    assert not err
    return str(out)


def test_writing_where_one_may_not_says_what_why_and_how_to_mend_it(public: pathlib.Path) -> None:
    _locked(public)
    script = AS_NOBODY + (
        "print(refused(engine.register, Instance('a', 'default/orders', '127.0.0.1', 1), 10))\n"
        "print(refused(engine.apply, [Edit('Lane/default/gray', 'kind: Lane\\nname: gray\\n')], 'ada', 'one'))\n"
    )
    for line in finish(start(script, "file:%s" % public)).splitlines():
        assert line.startswith("cannot make the folder %s/" % public)
        assert "Permission denied for uid" in line
        assert "mode 0555" in line
        assert "MESHRUN_STORE" in line


def test_what_one_user_may_not_read_is_an_error_of_that_user_alone(
    public: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs a second user")
    engine = FileEngine(str(public))
    engine.apply([Edit("Lane/default/gray", GRAY)], "ada", "one")
    engine.register(MINE, 60)
    engine.register(MINE._replace(service="secret/orders"), 60)
    (public / "instances" / "secret").chmod(0o700)
    (public / "rules").chmod(0o700)
    script = AS_NOBODY + "print(engine.rules(None), sorted(engine.instances(None).instances))\n"
    out = finish(start(script, engine.url))
    assert "Lane/default/gray" in out
    assert "problem=None" in out
    assert out.endswith("['default/orders']\n")
    (public / "compiled").chmod(0o700)
    (public / "instances").chmod(0o700)
    script = AS_NOBODY + "print(refused(engine.rules, None))\nprint(refused(engine.instances, None))\n"
    for line in finish(start(script, engine.url)).splitlines():
        assert "Permission denied" in line
    assert engine.rules(None).problem is None


def test_two_users_of_one_group_share_a_store(public: pathlib.Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs a second user")
    for folder in (public, public / "rules"):
        os.chown(folder, 0, 65534)
        folder.chmod(0o2775)
    engine = FileEngine(str(public))
    engine.apply([Edit("Lane/default/gray", GRAY)], "ada", "one")
    mine = engine.register(MINE, 60)
    script = AS_NOBODY + (
        "engine.apply([Edit('Lane/default/gray', 'kind: Lane\\nname: gray\\npaused: true\\n')], 'bob', 'two')\n"
        "mine = engine.instances(None).instances['default/orders'][0]\n"
        "engine.renew(mine, 60)\n"
        "print(engine.register(mine._replace(id='b'), 60).slot, engine.rules(None).version)\n"
        "engine.deregister(mine)\n"
    )
    assert finish(start(script, engine.url)) == "1 2\n"
    assert [each.id for each in engine.instances(None).instances["default/orders"]] == ["b"]
    assert engine.rules(None).documents["Lane/default/gray"]["paused"] is True
    engine.renew(mine._replace(id="b"), 60)
    engine.apply([Edit("Lane/default/gray", None)], "ada", "three")
