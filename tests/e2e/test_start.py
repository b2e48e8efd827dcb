"""The start of an instance with a probe and requests that warm it: what each worker is asked, and when it registers."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections import Counter
from typing import Iterator, List, NamedTuple

import pytest

from tests.contract.running import NO_CONTROL, until
from tests.e2e.place import APPS, Place, Program, exchange, opened, status_of

pytestmark = pytest.mark.slow
RULE = (
    "kind: Lifecycle\nname: web\nservice: web\nregister: {probe: {path: /healthz, every: 0.2}}\n"
    "prewarm: {requests: %d, paths: [/warm, /other], concurrency: 2, timeout: %s}\nwarmup: {seconds: 0}\n"
    "drain: {seconds: 20, quiet: 0.2, min: 0}\n"
)
GUNICORN = ("-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "--chdir", str(APPS))
UVICORN = ("-m", "uvicorn", "--port", "0", "--app-dir", str(APPS), "--log-level", "error")
SERVERS = {
    "gunicorn, four workers": ((*GUNICORN, "-w", "4", "cold:wsgi"), 4),
    "gunicorn, threads": ((*GUNICORN, "-w", "2", "--threads", "4", "cold:wsgi"), 2),
    "uvicorn": ((*UVICORN, "cold:asgi"), 1),
    "uvicorn, two workers": ((*UVICORN, "--workers", "2", "cold:asgi"), 2),
}
REQUESTS = 20


class Seen(NamedTuple):
    """One request as the app noted it."""

    pid: str
    path: str
    probe: str
    host: str
    status: str


@pytest.fixture
def place() -> Iterator[Place]:
    with opened() as made:
        yield made


def start(place: Place, *words: str, requests: int = REQUESTS, timeout: float = 30) -> Program:
    """A server under the rule."""
    place.mesh.rules(("Lifecycle/default/web", RULE % (requests, timeout)))
    return place.start(*words, bare=False, cold_folder=str(place.folder), SERVICE="web")


def seen(place: Place, path: str = "") -> List[Seen]:
    """What the app was asked so far."""
    with contextlib.suppress(FileNotFoundError):
        text = (place.folder / "seen").read_text(encoding="utf-8")
        found = [Seen(*line.split()) for line in text.splitlines()]
        return [one for one in found if one.path.startswith(path)]
    return []


@pytest.mark.parametrize("server", SERVERS)
def test_the_probe_holds_the_registration_and_then_each_worker_is_warmed_before_it(place: Place, server: str) -> None:
    command, workers = SERVERS[server]
    program = start(place, *command)
    until(lambda: len(seen(place, "/healthz")) > 2 * workers, program.said)
    assert {(one.path, one.probe, one.host, one.status) for one in seen(place)} == {("/healthz", "1", "web", "503")}
    status = status_of(place)
    assert (status["registered"], status["ready"], place.records()) == (False, False, [])
    assert status["reason"] == "waiting for the probe of /healthz (the last answer was 503)"
    (place.folder / "healthy").touch()
    place.registered(program)
    served = Counter(one.pid for one in seen(place))
    assert len(served) == workers
    assert min(served.values()) >= REQUESTS, served
    warmed = seen(place, "/warm") + seen(place, "/other")
    assert {(one.probe, one.host) for one in warmed} == {("1", "web")}
    assert len(warmed) <= 4 * REQUESTS * workers
    until(lambda: status_of(place).get("ready"), program.said)
    assert program.ours() == []
    if workers == 1:
        assert (len(seen(place, "/warm")), len(seen(place, "/other"))) == (REQUESTS / 2, REQUESTS / 2)


def test_a_probe_that_can_never_succeed_is_mended_by_its_rule(place: Place) -> None:
    program = start(place, *SERVERS["uvicorn"][0], requests=0)
    until(lambda: len(seen(place, "/healthz")) > 2, program.said)
    place.mesh.rules(("Lifecycle/default/web", RULE.replace("/healthz", "/") % (0, 30)))
    place.registered(program)


def test_requests_that_take_too_long_do_not_keep_an_instance_out_for_ever(place: Place) -> None:
    (place.folder / "healthy").touch()
    place.mesh.rules(("Lifecycle/default/web", RULE % (1000, 2)))
    command = SERVERS["gunicorn, threads"][0]
    program = place.start(*command, bare=False, cold_folder=str(place.folder), cold_seconds="0.5", SERVICE="web")
    place.registered(program)
    assert 0 < len(seen(place, "/warm")) < 1000


def test_the_app_is_asked_by_nobody_where_no_rule_says_so_nor_in_a_mode_that_leaves_it_alone(place: Place) -> None:
    place.mesh.rules(("Lifecycle/default/web", RULE % (REQUESTS, 30)))
    asleep = place.start(
        *SERVERS["uvicorn"][0], bare=False, cold_folder=str(place.folder), SERVICE="web", MODE="dormant"
    )
    other = place.start(*SERVERS["uvicorn"][0], bare=False, cold_folder=str(place.folder), SERVICE="other")
    place.registered(other, "other")
    port = asleep.port()
    assert b"ok" in exchange(port, b"GET /mine HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
    assert [(one.path, one.probe) for one in seen(place)] == [("/mine", "-")]


def test_a_worker_that_a_signal_replaces_is_not_waited_for(place: Place) -> None:
    (place.folder / "healthy").touch()
    program = start(place, *SERVERS["gunicorn, threads"][0])
    (record,) = place.registered(program)
    before = len(seen(place))
    workers = set(status_of(place)["workers"])
    program.process.send_signal(1)  # HUP: gunicorn replaces its workers
    until(lambda: len(set(status_of(place).get("workers", workers)) - workers) == 2, program.said)
    assert [one.started for one in place.records()] == [record.started]
    assert len(seen(place)) == before


FORKING = """
import os, sys
sys.path.append(%r)
import cold

def wsgi(environ, start_response):
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    return cold.wsgi(environ, start_response)
"""


def test_an_app_that_forks_meanwhile_is_warmed_none_the_less(place: Place) -> None:
    place.script(FORKING % str(APPS), "forking.py")
    (place.folder / "healthy").touch()
    program = start(place, "-m", "gunicorn", "-b", "127.0.0.1:0", *NO_CONTROL, "--threads", "4", "forking:wsgi")
    place.registered(program)
    warmed = seen(place, "/warm") + seen(place, "/other")
    assert (len(warmed), {one.probe for one in warmed}) == (REQUESTS, {"1"})
    assert program.ours() == []


def test_a_server_that_speaks_tls_is_asked_in_tls(place: Place) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    key, certificate = str(place.folder / "key.pem"), str(place.folder / "certificate.pem")
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=web", "-days", "2"]
    subprocess.run([openssl, *words, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    (place.folder / "healthy").touch()
    program = start(place, *UVICORN, "--ssl-keyfile", key, "--ssl-certfile", certificate, "cold:asgi")
    (record,) = place.registered(program)
    assert record.tls
    assert len(seen(place, "/warm")) == REQUESTS / 2
