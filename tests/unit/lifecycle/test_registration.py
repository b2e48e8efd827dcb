"""What an instance registers, and how it stays in the registry."""

from __future__ import annotations

import re
from typing import Any, Callable, List, Tuple

from meshrun.core.model import DRAINING, READY
from meshrun.core.settings import Settings
from meshrun.lifecycle import addresses
from meshrun.lifecycle.registration import Listener, Registration, chosen, instance_id, instances

FIRST = Listener("127.0.0.1", 8000, "http", False, 2.0)
SECOND = Listener("127.0.0.1", 9000, "http", True, None)

Make = Callable[..., Settings]


def records(settings: Settings, *listeners: Listener, state: str = READY) -> Any:
    return instances(settings, listeners, "web-1", 1000.0, 0, state)


def test_the_first_bound_socket_of_a_protocol_is_registered(settings: Make) -> None:
    (one,) = records(settings(TAGS="version=v2,Zone=a", LANE="gray"), FIRST, SECOND)
    assert (one.id, one.service, one.endpoint, one.tls, one.keepalive) == (
        "web-1",
        "default/web",
        "127.0.0.1:8000",
        False,
        2.0,
    )
    assert one.tags == {"version": "v2", "zone": "a", "lane": "gray"}
    assert (one.started, one.state) == (1000.0, READY)


def test_a_named_port_wins_and_takes_what_its_socket_is(settings: Make) -> None:
    (one,) = records(settings(PORT="9000"), FIRST, SECOND)
    assert (one.port, one.tls, one.keepalive) == (9000, True, None)


def test_a_port_that_is_mapped_from_outside_is_registered_as_named(settings: Make) -> None:
    (one,) = records(settings(PORT="80", ADDRESS="10.1.2.3"), FIRST)
    assert (one.endpoint, one.keepalive) == ("10.1.2.3:80", 2.0)


def test_several_named_ports_are_several_records(settings: Make) -> None:
    grpc = Listener("127.0.0.1", 7000, "grpc", False, None)
    assert chosen(settings(PORTS="http:8000,grpc:7000"), [FIRST, grpc]) == {"http": 8000, "grpc": 7000}
    found = records(settings(PORTS="http:8000,grpc:7000"), FIRST, grpc)
    assert [(one.id, one.protocol, one.port) for one in found] == [
        ("web-1", "http", 8000),
        ("web-1-grpc", "grpc", 7000),
    ]


def test_no_service_name_or_no_socket_registers_nothing(settings: Make) -> None:
    assert records(settings()) == ()
    assert records(settings(SERVICE=""), FIRST) == ()


def test_ids_are_unique_and_safe_in_a_path_and_a_url() -> None:
    assert instance_id(8000) != instance_id(8000)
    assert re.match(r"^[A-Za-z0-9.-]+-8000-[0-9a-f]{8}$", instance_id(8000))


def test_a_wildcard_becomes_an_address_that_callers_can_dial(monkeypatch: Any) -> None:
    monkeypatch.setattr(addresses, "_addresses", lambda: iter(["10.0.0.7", "10.0.0.8"]))
    monkeypatch.setattr(addresses, "_addresses6", lambda: iter(["2001:db8::7"]))
    assert [addresses.reachable(bound) for bound in ("0.0.0.0", "", "::")] == ["10.0.0.7", "10.0.0.7", "2001:db8::7"]
    assert [addresses.reachable(bound) for bound in ("127.0.0.1", "10.9.9.9", "::1")] == [
        "127.0.0.1",
        "10.9.9.9",
        "::1",
    ]
    assert addresses.reachable("::ffff:10.0.0.9") == "10.0.0.9"


def test_a_machine_without_other_addresses_registers_loopback(monkeypatch: Any) -> None:
    monkeypatch.setattr(addresses, "_addresses", lambda: iter([]))
    monkeypatch.setattr(addresses, "_addresses6", lambda: iter([]))
    assert [addresses.reachable(bound) for bound in ("0.0.0.0", "::")] == ["127.0.0.1", "::1"]


def test_the_addresses_of_this_machine_can_be_listed() -> None:
    assert all(
        re.match(r"^\d+(\.\d+){3}$", address) and not address.startswith("127.") for address in addresses._addresses()
    )
    assert all(":" in address and address != "::1" for address in addresses._addresses6())


def made(engine: Any) -> Tuple[Registration, List[Tuple[str, Any]]]:
    said: List[Tuple[str, Any]] = []
    return Registration(lambda: engine, lambda where, error: said.append((where, error))), said


def test_a_record_is_written_once_and_its_lease_renewed_every_three_seconds(engine: Any, settings: Make) -> None:
    registration, _ = made(engine)
    wanted = records(settings(), FIRST)
    assert registration.keep(wanted, 100.0) == 7  # the slot that the registry gave
    for now in (100.25, 102.9, 103.0, 103.25, 106.1):
        assert registration.keep(wanted, now) is None
    assert [what for what, _ in engine.log] == ["register", "renew", "renew"]


def test_a_new_state_is_said_at_once(engine: Any, settings: Make) -> None:
    registration, _ = made(engine)
    registration.keep(records(settings(), FIRST), 100.0)
    registration.keep(records(settings(), FIRST, state=DRAINING), 100.1)
    registration.keep(records(settings(), FIRST, state=DRAINING), 100.2)
    assert [what for what, _ in engine.log] == ["register", "mark draining"]


def test_an_engine_that_is_down_is_reported_and_tried_again_every_second(engine: Any, settings: Make) -> None:
    registration, said = made(engine)
    wanted = records(settings(), FIRST)
    engine.down = True
    for now in (100.0, 100.3, 100.9, 101.0):
        assert registration.keep(wanted, now) is None
    assert registration.problem == "the store is down; start it"
    assert len(said) == 2
    assert not registration.holds
    engine.down = False
    assert registration.keep(wanted, 102.0) == 7
    assert registration.problem is None


def test_a_forked_child_holds_nothing_and_opens_the_engine_anew(engine: Any, settings: Make) -> None:
    registration, _ = made(engine)
    registration.keep(records(settings(), FIRST), 100.0)
    reopened: List[bool] = []
    engine.reopen = lambda: reopened.append(True)
    registration.wait()
    registration.forget()
    assert not registration.holds
    assert registration.keep(records(settings(), FIRST), 100.1) == 7
    assert reopened == [True]


def test_whoever_waits_for_a_fork_lets_the_others_go_on(engine: Any, settings: Make) -> None:
    registration, _ = made(engine)
    registration.wait()
    registration.go_on()
    assert registration.remove(records(settings(), FIRST))
    assert [what for what, _ in engine.log] == ["deregister"]
