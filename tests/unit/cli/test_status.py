from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Meshctl, Processes

LANE = "kind: Lane\nname: gray\nenter: [{ at: [web], percent: 10 }]\n"


def test_the_first_line_names_store_origin_and_state_folders(meshctl: Meshctl) -> None:
    first = meshctl("status").out.splitlines()[0]
    assert first == "store %s (--store); state folders searched: %s" % (meshctl.store, meshctl.state)


def test_an_empty_store_and_no_process_say_what_to_do(meshctl: Meshctl) -> None:
    run = meshctl("status")
    assert run.status == 0
    assert run.out.splitlines()[1:] == [
        "rules version 0, 0 documents",
        "",
        "note  the store is empty: no instance is registered and there are no rules (MR3005)",
        "      Start a service: MESHRUN_SERVICE=web meshrun python app.py",
        "note  no live process in the state folders (MR6008)",
        "      Start one: MESHRUN_SERVICE=web meshrun python app.py",
    ]


def test_processes_and_instances_stand_in_tables(meshctl: Meshctl, process: Processes) -> None:
    meshctl.apply(LANE, "--author", "ann", "--reason", "try gray")
    meshctl.instance("web", 8000)
    meshctl.instance("orders", 9000, tags={"lane": "gray", "version": "v2"})
    meshctl.instance("stock", 9100, namespace="shop", protocol="grpc", tls=True)
    process(101, rules_version=1, inflight=3)
    process(102, service="orders", namespace="shop", rules_version=1, draining=True, listeners=[])
    run = meshctl("status")
    assert run.status == 0
    assert run.out.splitlines()[1:] == [
        "rules version 1, 1 document, last change 0 s ago by ann: try gray",
        "",
        "PROCESS  SERVICE      MODE     RULES  IN FLIGHT  STATE       LISTENS         COMMAND",
        "101      web          enforce  1      3          registered  127.0.0.1:8000  python app.py",
        "102      orders.shop  enforce  1      0          draining    -               python app.py",
        "",
        "INSTANCE        SERVICE     PROTOCOL  TAGS                  STATE  WEIGHT  LANE",
        "127.0.0.1:9000  orders      http      lane=gray,version=v2  ready  100     gray",
        "127.0.0.1:8000  web         http      -                     ready  100     baseline",
        "127.0.0.1:9100  stock.shop  grpc+tls  -                     ready  100     baseline",
    ]


def test_json_has_exactly_the_documented_shape(meshctl: Meshctl, process: Processes) -> None:
    meshctl.instance("orders", 9000, tags={"featureenv": "v2"})
    process(101, service=None, registered=False, reason="no service name (MESHRUN_SERVICE)")
    run = meshctl("status", "-o", "json")
    shown = run.json
    assert 0 <= shown["store"].pop("age_seconds") < 60
    assert shown == {
        "processes": [
            {"pid": 101, "service": None, "mode": "enforce", "rules_version": 0, "inflight": 0, "draining": False}
        ],
        "instances": [
            {
                "service": "orders",
                "address": "127.0.0.1",
                "port": 9000,
                "protocol": "http",
                "tags": {"featureenv": "v2"},
                "state": "ready",
                "weight": 100,
                "lane": "featureenv=v2",
            }
        ],
        "store": {"url": meshctl.store},
    }
    assert "MR6003 pid 101: not registered: no service name (MESHRUN_SERVICE)" in run.err


def test_a_process_without_a_name_says_why_it_is_not_registered(meshctl: Meshctl, process: Processes) -> None:
    for pid in (101, 102, 103):
        process(pid, service=None, registered=False, reason="no service name (MESHRUN_SERVICE)")
    run = meshctl("status")
    assert run.status == 0
    assert "note  pids 101, 102 and 103: not registered: no service name (MESHRUN_SERVICE) (MR6003)" in run.out
    assert "101      -        enforce  0      0          not registered" in run.out


def test_hosts_that_are_not_mesh_are_listed_by_calls(meshctl: Meshctl, process: Processes) -> None:
    process(101, not_mesh=[["api.example.com", 1], ["db.example.com", 20]])
    out = meshctl("status").out
    assert (
        "note  pid 101: calls hosts that are not mesh: db.example.com (20 calls) and api.example.com (1 call) (MR6005)"
        in out
    )
    assert "start it under meshrun, or name the host in an Alias" in out


def test_a_bad_rule_file_is_shown_with_its_place(meshctl: Meshctl) -> None:
    meshctl.apply(LANE)
    (meshctl.folder / "store" / "rules" / "more.yaml").write_text("kind: Lane\nname: x\npriorty: 1\n")
    run = meshctl("status")
    assert run.status == 1
    assert "!     rules in the store are not in force:" in run.out
    assert "more.yaml:3:1" in run.out
    assert "did you mean priority?" in run.out
    assert "rules version 1, 1 document" in run.out


def test_a_process_on_another_store_is_told_from_which_setting(meshctl: Meshctl, process: Processes) -> None:
    process(101, store="file:/elsewhere", store_origin="default: for root")
    run = meshctl("status")
    assert run.status == 1
    text = " ".join(run.out.split())
    assert "! pid 101: works on another store: file:/elsewhere (default: for root); meshctl reads" in text
    assert "meshctl status --store file:/elsewhere" in text


def test_the_same_store_written_in_another_way_is_no_finding(meshctl: Meshctl, process: Processes) -> None:
    process(101, store=meshctl.store + "/../store/", rules_version=0)
    assert "another store" not in meshctl("status").out


def test_older_rules_hooks_that_are_off_and_errors_are_said(meshctl: Meshctl, process: Processes) -> None:
    meshctl.apply(LANE)
    hooks = {
        "urllib3": "applied 2.8.0",
        "httpcore": "off:seam X is gone",
        "uvloop": "off:MESHRUN_HOOKS",
        "gunicorn": "waiting",
    }
    process(101, rules_version=0, hooks=hooks, errors={"outbound": 3})
    run = meshctl("status")
    assert run.status == 1
    assert "note  pid 101: runs rules version 0, the store holds 1 (MR6007)" in run.out
    assert "!     pid 101: the hook for httpcore is off: seam X is gone (MR6009)" in run.out
    assert run.out.count("MR6009") == 1
    assert "!     pid 101: reports errors of its own in outbound (3) (MR6006)" in run.out


def test_a_process_that_answers_nonsense_is_a_finding(meshctl: Meshctl, process: Processes) -> None:
    process(101, answer=b"nonsense")
    run = meshctl("status")
    assert run.status == 1
    assert "does not answer on" in run.out
    assert "silent" in run.out
    assert meshctl("status", "-o", "json").json["processes"] == [
        {"pid": 101, "service": None, "mode": None, "rules_version": None, "inflight": None, "draining": None}
    ]


def test_a_status_with_wrong_types_does_not_break_the_report(meshctl: Meshctl, process: Processes) -> None:
    strange = {"service": 5, "listeners": {"a": 1}, "not_mesh": [[1], "x", ["h", "many"]], "hooks": [], "errors": 7}
    process(101, **strange, mode="\x1b[2J", rules_version="new", store=3)
    run = meshctl("status")
    assert "\x1b" not in run.out
    assert "Traceback" not in run.err


def test_a_store_that_cannot_be_read_does_not_hide_the_processes(meshctl: Meshctl, process: Processes) -> None:
    process(101)
    run = meshctl("status", store="etcd://h:1")
    assert run.status == 3
    assert "101      web" in run.out
    assert "!     the store etcd://h:1 (--store) cannot be used:" in run.out
    shape = meshctl("status", "-o", "json", store="etcd://h:1")
    assert shape.json["store"] == {"url": "etcd://h:1", "age_seconds": None}
    assert len(shape.json["processes"]) == 1


def test_unknown_settings_are_named(meshctl: Meshctl) -> None:
    meshctl.environ["MESHRUN_SERVCE"] = "web"
    assert "note  unknown setting MESHRUN_SERVCE (MR2004)" in meshctl("status").out


def test_on_a_narrow_terminal_no_line_but_the_first_is_wider(meshctl: Meshctl, process: Processes) -> None:
    meshctl.instance("orders", 9000, tags={"lane": "gray", "version": "v2"})
    process(101, not_mesh=[["a-long-name-of-a-host.example.com", 7]])
    meshctl.environ["COLUMNS"] = "48"
    lines = meshctl("status").out.splitlines()
    assert max(map(len, lines[1:])) <= 48


def test_long_command_lines_are_cut(meshctl: Meshctl, process: Processes) -> None:
    process(101, command="python " + "x" * 500)
    lines = meshctl("status").out.splitlines()
    assert max(map(len, lines[1:])) <= 120
    assert "python xxxxxxx" in "".join(lines)
    assert "x..." in "".join(lines)


def test_instances_of_other_lanes_have_the_name_that_their_document_gives(meshctl: Meshctl) -> None:
    meshctl.apply("kind: Lane\nname: next\ntags: { lane: gray }\nenter: []\n")
    meshctl.instance("orders", 9000, tags={"lane": "gray"})
    meshctl.instance("orders", 9001, tags={"lane": "blue"})
    lanes = {i["port"]: i["lane"] for i in meshctl("status", "-o", "json").json["instances"]}
    assert lanes == {9000: "next", 9001: "blue"}


def test_a_draining_instance_is_shown_as_such(meshctl: Meshctl) -> None:
    from meshrun import engines
    from meshrun.core.model import DRAINING

    made = meshctl.instance("orders", 9000)
    engine = engines.open_engine(meshctl.store)
    engine.mark(made, DRAINING)
    assert meshctl("status", "-o", "json").json["instances"][0]["state"] == "draining"


def test_the_state_folder_of_the_setting_is_searched_besides_those_of_all_users_for_root(
    meshctl: Meshctl, process: Processes, tmp_path: Path
) -> None:
    from meshrun.cli import processes

    named = str(meshctl.state)
    root = processes.folders({}, 0, named, None)
    assert root == (named, "/run/meshrun", "/run/user/*/meshrun", "/run/meshrun-*", "/tmp/meshrun-*")
    assert processes.folders({}, 1000, named, None) == (named,)
    assert processes.folders({}, 0, named, "/only/this/") == ("/only/this",)
    own = processes.folders({"XDG_RUNTIME_DIR": "/run/user/1000"}, 1000, None, None)
    assert own == ("/run/meshrun", "/run/user/1000/meshrun", "/tmp/meshrun-1000", "/run/meshrun-*")
    process(101)
    assert [p.pid for p in processes.live((named,), os.getuid())] == [101]


def test_sockets_and_folders_of_other_users_and_links_are_not_followed(
    meshctl: Meshctl, process: Processes, tmp_path: Path
) -> None:
    from meshrun.cli import processes

    process(101)
    stranger = os.getuid() + 1
    assert processes.sockets((str(meshctl.state),), stranger) == []
    link = tmp_path / "link"
    link.symlink_to(meshctl.state)
    assert processes.sockets((str(link),), os.getuid()) == []
    (meshctl.state / "102.sock").write_text("not a socket")
    (meshctl.state / "103.sock").symlink_to(meshctl.state / "101.sock")
    (meshctl.state / "x.sock").write_text("")
    assert processes.sockets((str(meshctl.state), str(tmp_path / "missing")), os.getuid()) == [
        (str(meshctl.state), 101)
    ]
