"""Modes of a program that only calls others, switched while it runs: by Policy, by the kill switch, by an operator."""

from __future__ import annotations

import json
from typing import List, NamedTuple, Tuple

import pytest

from tests.contract.running import until
from tests.contract.servers import Echo
from tests.e2e.modes import ask, eventually, in_mode, lose_store, no_policy, policy
from tests.e2e.place import APPS, Place, Program, status_of

CLIENT = str(APPS / "modes_client.py")


class Two(NamedTuple):
    """A server whose address is an alias of a service, and an instance of that service."""

    legacy: Echo
    stock: Echo
    url: str  # of the first


@pytest.fixture
def two(place: Place) -> Two:
    legacy = place.mesh.server("legacy")
    (stock,) = place.mesh.service("stock")
    place.mesh.alias("127.0.0.1:%d" % legacy.port, "stock")
    return Two(legacy, stock, "http://127.0.0.1:%d/" % legacy.port)


def ours(server: Echo) -> List[str]:
    """Names of our headers that reached a server."""
    names = [name for call in server.seen for name, _ in call.headers]
    return sorted({name for name in names if name.startswith(("x-meshrun", "x-polaris")) or name == "baggage"})


def started(place: Place, two: Two, lane: str = "") -> Program:
    """A client in mode enforce that has made its first call."""
    client = place.start(CLIENT, LANE=lane)
    assert client.tell("requests " + two.url) == "stock-0"
    assert client.tell("seams") == "in"
    return client


@pytest.mark.parametrize("library", ["requests", "httpx"])
def test_dormant_restores_every_seam_and_no_bare_call_reaches_an_instance(place: Place, two: Two, library: str) -> None:
    client = started(place, two, "gray")
    assert client.tell(library + " " + two.url) == "stock-0"
    policy(place, "dormant")
    assert in_mode(place, client, "dormant")["mode_reason"] == "Policy/default/all"
    eventually(lambda: client.tell("seams"), "out")
    assert {client.tell(library + " " + two.url) for _ in range(3)} == {"legacy"}
    assert ours(two.legacy) == []
    until(lambda: two.stock.open == 0)
    no_policy(place)
    eventually(lambda: client.tell("seams"), "in")
    assert in_mode(place, client, "enforce")["mode_reason"] == "default"
    assert {client.tell(library + " " + two.url) for _ in range(3)} == {"stock-0"}
    assert client.end() == 0
    assert client.said() == ""


def test_a_response_that_is_being_read_ends_as_it_began_and_its_connection_goes_to_nobody(
    place: Place, two: Two
) -> None:
    client = started(place, two)
    assert client.tell("hold %s" % two.url) == "held"
    policy(place, "off")
    in_mode(place, client, "off")
    eventually(lambda: client.tell("requests " + two.url), "legacy")
    assert client.tell("seams").startswith("mixed: ")
    assert client.tell("release") == "stock-0"
    eventually(lambda: client.tell("seams"), "out")
    assert {client.tell("requests " + two.url) for _ in range(3)} == {"legacy"}
    until(lambda: two.stock.open == 0)
    assert client.end() == 0


@pytest.mark.parametrize(
    ("mode", "answers", "headers"),
    [
        ("observe", "legacy", []),
        ("carry", "legacy", ["baggage", "x-meshrun-caller", "x-polaris-metadata-transitive-lane"]),
        ("dormant", "legacy", []),
        ("off", "legacy", []),
    ],
)
def test_a_mode_does_what_its_row_in_the_table_says(
    place: Place, two: Two, mode: str, answers: str, headers: List[str]
) -> None:
    """By the setting and by a Policy alike; the client is in a lane, so that there is a colour to write."""
    by_setting = place.start(CLIENT, MODE=mode, LANE="gray")
    assert by_setting.tell("requests " + two.url) == answers
    assert ours(two.legacy) == headers
    assert by_setting.end() == 0
    by_policy = started(place, two, "gray")
    two.legacy.seen.clear()
    policy(place, mode)
    in_mode(place, by_policy, mode)
    eventually(lambda: by_policy.tell("seams"), "in" if mode in ("observe", "carry") else "out")
    assert by_policy.tell("requests " + two.url) == answers
    assert ours(two.legacy) == headers
    assert by_policy.end() == 0
    assert by_setting.said() == by_policy.said() == ""


def test_observe_leaves_every_byte_as_it_is_and_counts_what_it_would_have_done(place: Place, two: Two) -> None:
    bare = place.start(CLIENT, bare=True)
    assert bare.tell("requests " + two.url) == "legacy"
    client = place.start(CLIENT, MODE="observe", LANE="gray")
    assert client.tell("requests " + two.url) == "legacy"
    first, second = (call.head for call in two.legacy.seen)
    assert first == second
    until(lambda: status_of(place, client))
    _, page = ask(place, client, "GET", "/metrics")
    assert 'reason="observe"' in page
    assert "\nmeshrun_mode 2\n" in page


def test_the_kill_switch_works_both_ways_without_a_store(place: Place, two: Two) -> None:
    client = started(place, two)
    until(lambda: status_of(place, client))
    lose_store(place)
    switch = place.state / "off"
    switch.touch()
    seen = in_mode(place, client, "dormant")
    assert seen["mode_reason"] == "kill switch %s" % switch
    assert seen["kill_switch"] == str(switch)
    eventually(lambda: client.tell("seams"), "out")
    assert client.tell("requests " + two.url) == "legacy"
    other = place.start(CLIENT)  # a process that starts now is bare from the beginning, and wakes with the rest
    assert other.tell("seams") == "out"
    in_mode(place, other, "dormant")
    switch.unlink()
    for one in (client, other):
        eventually(lambda one=one: one.tell("seams"), "in")  # type: ignore[misc]
    assert client.tell("requests " + two.url) == "stock-0"
    assert client.end() == other.end() == 0


def test_a_process_that_starts_dormant_has_nothing_and_wakes_by_a_policy(place: Place, two: Two) -> None:
    client = place.start(CLIENT, MODE="dormant")
    assert client.tell("seams") == "out"
    assert client.tell("requests " + two.url) == "legacy"
    assert in_mode(place, client, "dormant")["mode_reason"] == "MESHRUN_MODE"
    policy(place, "enforce")
    # One library after the other: at a first waking the first seam that is in cannot tell of those that are to come.
    for library in ("requests", "httpx"):
        eventually(lambda library=library: client.tell(library + " " + two.url), "stock-0")  # type: ignore[misc]
    assert client.tell("seams") == "in"
    no_policy(place)
    eventually(lambda: client.tell("seams"), "out")
    assert client.tell("requests " + two.url) == "legacy"
    assert client.end() == 0
    assert client.said() == ""


def test_a_short_command_that_starts_dormant_loads_nothing_and_forks_as_it_likes(place: Place) -> None:
    text = (
        "import os, sys, requests\n"
        "children = []\n"
        "for number in range(5):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        os._exit(number)\n"
        "    children.append(os.WEXITSTATUS(os.waitpid(child, 0)[1]))\n"
        "print(children, 'meshrun.runtime' in sys.modules, 'meshrun.hook' in sys.modules)\n"
    )
    done = place.run(place.script(text), MODE="dormant")
    assert done == (0, "[0, 1, 2, 3, 4] False False\n", "")
    assert not place.state.exists()


def test_a_forked_child_of_a_process_that_started_dormant_wakes_too(place: Place, two: Two) -> None:
    """Before its parent's runtime is there, and after; the parent goes on."""
    text = (
        "import os, sys\n"
        "for line in sys.stdin:\n"
        "    if line == 'fork\\n':\n"
        "        child = os.fork()\n"
        "        if child:\n"
        "            os.waitpid(child, 0)\n"
        "        print('here', flush=True)\n"
        "    elif line == 'end\\n':\n"
        "        os._exit(0)\n"
        "    else:\n"
        "        import requests\n"
        "        try:\n"
        "            print(requests.get(line.strip(), timeout=10).json()['server'], flush=True)\n"
        "        except requests.RequestException as error:\n"
        "            print(type(error).__name__, flush=True)\n"
    )
    client = place.start("-u", place.script(text), MODE="dormant")
    assert client.tell(two.url) == "legacy"
    assert client.tell("fork") == "here"
    until(lambda: list(place.state.glob("*.sock")), client.said)
    policy(place, "enforce")
    eventually(lambda: client.tell(two.url), "stock-0")
    assert client.tell("end") == "here"
    eventually(lambda: client.tell(two.url), "stock-0")
    no_policy(place)
    eventually(lambda: client.tell(two.url), "legacy")
    assert client.tell("fork") == "here"
    policy(place, "enforce")
    eventually(lambda: client.tell(two.url), "stock-0")
    assert client.tell("end") == "here"
    eventually(lambda: client.tell(two.url), "stock-0")
    assert client.end() == 0
    assert client.said() == ""


def test_a_process_that_starts_off_has_no_thread_and_stays_as_it_is(place: Place, two: Two) -> None:
    policy(place, "enforce")
    client = place.start(CLIENT, MODE="off")
    awake = place.start(CLIENT, MODE="dormant")
    assert client.tell("requests " + two.url) == "legacy"
    eventually(lambda: awake.tell("seams"), "in")
    assert client.tell("seams") == "out"
    assert status_of(place, client) == {}
    assert client.end() == 0


def test_an_operator_orders_one_process_and_takes_it_back(place: Place, two: Two) -> None:
    client = started(place, two)
    until(lambda: status_of(place, client))

    def order(body: str) -> Tuple[int, str]:
        return ask(place, client, "POST", "/mode", body.encode())

    assert json.loads(order('{"mode": "observe"}')[1]) == {"mode": "observe", "reason": "POST /mode"}
    assert client.tell("requests " + two.url) == "legacy"
    policy(place, "carry")
    until(lambda: status_of(place, client)["policies"])
    assert status_of(place, client)["mode"] == "observe"
    assert json.loads(order('{"mode": null}')[1]) == {"mode": "carry", "reason": "Policy/default/all"}
    for nonsense in ("", "[]", '"off"', '{"mode": "on"}', '{"mode": ["off"]}', "{}"):
        assert order(nonsense)[0] == 400, nonsense
    assert in_mode(place, client, "carry")


def test_policies_select_by_service_and_tags_and_expire(place: Place, two: Two) -> None:
    """The closest selector decides; one that has expired counts no more."""
    gray = place.start(CLIENT, SERVICE="web", TAGS="zone=a")
    plain = place.start(CLIENT, SERVICE="web")
    other = place.start(CLIENT)
    for client in (gray, plain, other):
        assert client.tell("requests " + two.url) == "stock-0"
    policy(place, "observe", "everyone")
    policy(place, "carry", "web", selector={"service": "web"})
    policy(place, "dormant", "zone", selector={"tags": {"zone": "a"}})
    policy(place, "off", "past", selector={"service": "web", "tags": {"zone": "a"}}, expires="2020-01-01T00:00:00Z")
    policy(place, "off", "elsewhere", selector={"namespace": "shop"})
    assert in_mode(place, gray, "carry")["mode_reason"] == "Policy/default/web"
    in_mode(place, plain, "carry")
    in_mode(place, other, "observe")
    judged = {item["policy"]: item["why"] for item in status_of(place, gray)["policies"]}
    assert judged["Policy/default/past"] == "expired"
    assert judged["Policy/default/elsewhere"] == "selects the namespace shop"
    policy(place, "dormant", "zone", selector={"service": "web", "tags": {"zone": "a"}})
    in_mode(place, gray, "dormant")
    in_mode(place, plain, "carry")
