"""hypercorn under the server contract, in the process that was started: within an app's own loop, and without workers.

Its usual way is a spawned worker, or several, under a parent that has the signals.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import importlib.util
import re
import signal
import socket
import time
from typing import Any, ClassVar, Collection, Dict, Iterator, List, Optional, Sequence, Tuple

import h2.config
import h2.connection
import h2.events
import pytest

from meshrun.boot import versions
from tests.contract.lasting import LastingContract
from tests.contract.running import BOUND_SECONDS, LONG, Stage, answer, rest, stage, until
from tests.contract.server import GRAY, MESH, ServerContract
from tests.contract.streams import OURS, EventsContract, Source

pytest.importorskip("hypercorn")
run = importlib.import_module("hypercorn.run")
RELEASE = versions.release(importlib.metadata.version("hypercorn"))
COMMAND = ("-m", "hypercorn", "--bind", "127.0.0.1:0", "--keep-alive", "7")
SERVE = ("-m", "tests.contract.apps.hyper")
APP = "tests.contract.apps.asgi:application"
SERVE_ASGI = (*SERVE, "asgi")
ON_TRIO = (*COMMAND, "--workers", "0", "--worker-class", "trio", "tests.contract.apps.asgi_trio:application")
TRIO = pytest.mark.skipif(
    RELEASE < (0, 16) or importlib.util.find_spec("trio") is None, reason="no trio that this release can run on"
)


class TestServe(ServerContract):
    """The app runs the loop."""

    command: ClassVar[Sequence[str]] = (*SERVE, "asgi")
    keepalive: ClassVar[Optional[float]] = 7.0


@pytest.mark.slow
@pytest.mark.skipif(RELEASE < (0, 16), reason="this release does not close the body of a WSGI app")
class TestWsgi(ServerContract):
    """A WSGI app, which runs in a thread."""

    command: ClassVar[Sequence[str]] = (*SERVE, "wsgi")
    keepalive: ClassVar[Optional[float]] = 7.0


@pytest.mark.slow
@pytest.mark.skipif(RELEASE < (0, 16), reason="this release always starts workers")
class TestAlone(ServerContract):
    """The command, without workers, on uvloop."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "--workers", "0", "--worker-class", "uvloop", APP)
    keepalive: ClassVar[Optional[float]] = 7.0


@pytest.mark.slow
class TestWorkers(ServerContract):
    """A parent with the signals, and two workers: spawned ones, or forked ones in the oldest releases."""

    command: ClassVar[Sequence[str]] = (*COMMAND, "--workers", "2", APP)
    keepalive: ClassVar[Optional[float]] = 7.0
    workers: ClassVar[int] = 2


@pytest.mark.slow
class TestLasting(LastingContract):
    """WebSockets; the app reads what it reads whenever a client closes one."""

    command: ClassVar[Sequence[str]] = (*SERVE, "asgi")
    codes: ClassVar[Collection[int]] = (1012,)
    seen: ClassVar[Collection[str]] = ("1006",)


@pytest.mark.slow
@TRIO
class TestTrio(ServerContract):
    """A worker without a parent, on trio; by SIGINT it ends bare as the task does that is interrupted: by 0 or 1."""

    command: ClassVar[Sequence[str]] = ON_TRIO
    ends: ClassVar[Sequence[int]] = (signal.SIGQUIT,)
    keepalive: ClassVar[Optional[float]] = 7.0


@pytest.mark.slow
@TRIO
class TestTrioLasting(LastingContract):
    """WebSockets on trio."""

    command: ClassVar[Sequence[str]] = (*ON_TRIO, "--workers", "1")
    codes: ClassVar[Collection[int]] = (1012,)
    seen: ClassVar[Collection[str]] = ("1006",)


class Http2:
    """A connection that speaks HTTP/2 from its first byte."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), BOUND_SECONDS)
        self._connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._connection.initiate_connection()
        self._port = port
        self.answers: Dict[int, Dict[str, str]] = {}
        self.bodies: Dict[int, bytes] = {}
        self.ended: List[int] = []
        self.goaway: List[Tuple[int, int]] = []  # error code and last stream

    def ask(self, path: str, headers: Sequence[Tuple[str, str]] = ()) -> int:
        """Send a request; the number of its stream."""
        stream: int = self._connection.get_next_available_stream_id()
        pseudo = [(":method", "GET"), (":path", path), (":scheme", "http"), (":authority", "127.0.0.1:%d" % self._port)]
        self._connection.send_headers(stream, [*pseudo, *headers], end_stream=True)
        self._socket.sendall(self._connection.data_to_send())
        return stream

    def read(self) -> None:
        """Take in what the server sent next."""
        data = self._socket.recv(65536)
        assert data, "the server closed the connection"
        for event in self._connection.receive_data(data):
            self._take(event)
        self._socket.sendall(self._connection.data_to_send())

    def _take(self, event: Any) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            self.answers[int(event.stream_id or 0)] = {str(name): str(value) for name, value in event.headers or ()}
        elif isinstance(event, h2.events.DataReceived):
            stream = int(event.stream_id or 0)
            self.bodies[stream] = self.bodies.get(stream, b"") + bytes(event.data or b"")
            self._connection.acknowledge_received_data(int(event.flow_controlled_length or 0), stream)
        elif isinstance(event, h2.events.StreamEnded):
            self.ended.append(int(event.stream_id or 0))
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway.append((int(event.error_code or 0), int(event.last_stream_id or 0)))

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


class Events(EventsContract):
    """Server-sent events, over HTTP/1 where nothing else is said."""

    seen: ClassVar[Collection[str]] = ("http.disconnect",)

    def test_an_answer_to_head_is_left_alone(self, on: Stage, opened: List[Source]) -> None:
        running = on.start()
        on.registered(running)
        opened += [Source(running, "head", method="HEAD", events=50), Source(running, "read")]
        opened[1].begun()
        running.kill(signal.SIGTERM)
        assert self.told(running, opened[1]) in self.seen
        assert self.told(running, opened[0]) == "served"

    def test_what_was_sent_behind_it_on_its_connection_is_not_served(self, on: Stage) -> None:
        running = on.start()
        on.registered(running)
        with contextlib.closing(running.hold("last")), contextlib.closing(running.connect()) as connection:
            request = "GET /%s HTTP/1.1\r\nHost: web\r\n\r\n"
            connection.sock.sendall((request % "events?name=first" + request % "").encode())
            running.read(connection.sock, until=b"again\r\n\r\n")
            running.offline()
            assert rest(connection.sock).endswith(b"0\r\n\r\n")
            running.open("last")
        assert not re.search(OURS, running.said()), running.said()

    def test_over_http2_they_end_and_their_connection_stays(self, on: Stage) -> None:
        running = on.start()
        on.registered(running)
        with contextlib.closing(Http2(running.port)) as connection:
            held = connection.ask("/hold?gate=last")
            streams = [connection.ask("/events?name=" + query) for query in ("open", "slow&events=1&idle=600")]
            while not all(connection.bodies.get(stream, b"").endswith(b"again\r\n\r\n") for stream in streams):
                connection.read()
            running.kill(signal.SIGTERM)
            while not set(streams) <= set(connection.ended):
                connection.read()
            for stream in streams:
                assert re.fullmatch(rb"(id: \d+\ndata: again\r\n\r\n)+", connection.bodies[stream])
            for name in ("open", "slow"):
                assert until(functools.partial(running.noted, name), running.said) in self.seen
            late = connection.ask("/")
            while late not in connection.ended:
                connection.read()
            assert connection.answers[late][":status"] == "200"
            assert connection.goaway == []
            running.open("last")
            while held not in connection.ended:
                connection.read()
            assert connection.answers[held][":status"] == "200"
        assert running.exit_code() == self.bare_code(on), running.said()
        assert not re.search(OURS, running.said()), running.said()


class TestEvents(Events):
    """The app runs the loop."""

    command: ClassVar[Sequence[str]] = SERVE_ASGI


@pytest.mark.slow
@TRIO
class TestTrioEvents(Events):
    """The same on trio."""

    command: ClassVar[Sequence[str]] = (*ON_TRIO, "--workers", "1")


class TestProtocols:
    """What only hypercorn does."""

    @pytest.fixture
    def on(self) -> Iterator[Stage]:
        """A stage for one process."""
        with stage(SERVE_ASGI) as made:
            yield made

    def test_an_http2_connection_serves_all_its_streams_and_then_says_that_it_ends(self, on: Stage) -> None:
        on.rule(LONG)
        running = on.start()
        on.registered(running)
        with contextlib.closing(Http2(running.port)) as connection:
            held = connection.ask("/hold?gate=last", [("baggage", "lane=gray")])
            until(lambda: running.noted("last.begun") is not None, running.said)
            running.drain()
            late = connection.ask("/", [(name.lower(), value) for name, value in MESH.items()])
            while late not in connection.ended:
                connection.read()
            assert connection.answers[late][":status"] == "200"
            assert connection.answers[late]["x-meshrun-draining"] == "1"
            assert "connection" not in connection.answers[late]
            assert connection.goaway == []
            running.open("last")
            while not connection.goaway:
                connection.read()
            assert held in connection.ended
            assert connection.answers[held][":status"] == "200"
            assert connection.goaway == [(0, late)]
        time.sleep(0.7)  # sooner it would count as an echo of the first one
        running.kill(signal.SIGTERM)
        assert running.exit_code() == 0, running.said()
        assert on.records() == ()

    def test_a_websocket_has_the_colour_of_its_handshake(self, on: Stage) -> None:
        running = on.start()
        assert b"\x81\x09lane=gray" in running.websocket(GRAY, until=b"gray")  # one text frame

    @pytest.mark.parametrize("command", [SERVE_ASGI, pytest.param(ON_TRIO, marks=TRIO)], ids=["asyncio", "trio"])
    def test_a_server_that_began_dormant_is_taken_in_when_the_mode_says_so(
        self, on: Stage, command: Sequence[str]
    ) -> None:
        bare = on.start(command=command, bare=True)
        bare.get("/")
        bare.kill(signal.SIGTERM)
        running = on.start(command=command, MODE="dormant")
        assert running.get("/", GRAY).body != "lane=gray"
        assert on.records() == ()
        on.mesh.rules(("Policy/default/all", "kind: Policy\nname: all\nmode: enforce\n"))
        assert on.registered(running).keepalive == 7.0
        assert running.get("/", GRAY).body == "lane=gray"
        with contextlib.closing(running.hold("last")) as held:
            running.kill(signal.SIGTERM)
            until(lambda: [record.state for record in on.records()] == ["draining"], running.said)
            assert running.get("/", MESH).headers["x-meshrun-draining"] == "1"
            running.open("last")
            assert answer(held).status == 200
        assert running.exit_code() == bare.exit_code()
        assert on.records() == ()

    def test_a_spawned_worker_registers_and_its_parent_does_not(self, on: Stage) -> None:
        running = on.start(command=(*COMMAND, "--workers", "2", APP))
        record = on.registered(running)
        assert (record.port, record.keepalive) == (running.port, 7.0)
        until(lambda: len(list((on.folder / "state").glob("*.sock"))) == 2, running.said)
        assert running.get("/", GRAY).body == "lane=gray"
        assert len(on.records()) == 1
        running.kill(signal.SIGTERM)
        assert running.exit_code() == 0
        assert on.records() == ()
