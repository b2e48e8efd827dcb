"""Programs that a stop signal does not end: they serve on, and callers find them again."""

from __future__ import annotations

import signal
import time

import pytest

from tests.contract.running import LONG, QUICK, until
from tests.e2e.place import APPS, Place, Program, exchange, status_of

pytestmark = pytest.mark.slow

PLAIN = b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n"
WORKERS = (
    "-m", "uvicorn", "--host", "127.0.0.1", "--port", "0", "--workers", "2", "--log-level", "debug",
    "--app-dir", str(APPS), "modes_app:asgi",
)  # fmt: skip
IGNORED = "Received signal QUIT, but no handler is defined for it"
NOTES = """
import signal, sys
from meshrun.lifecycle import drain

drain.SURVIVED_SECONDS = 0.5
def note(signum, frame):
    print("noted", signum, file=sys.stderr, flush=True)

def ends(signum, frame):
    sys.exit(7)

signal.signal(signal.%s, note)
signal.signal(signal.SIGINT, ends)
"""
AIOHTTP = """
from aiohttp import web

async def plain(request):
    return web.Response(text="plain")

app = web.Application()
app.router.add_get("/", plain)
web.run_app(app, host="127.0.0.1", port=0, handle_signals=False, print=None)
"""
UVICORN = """
import uvicorn
sys.path.insert(0, %r)
uvicorn.run("modes_app:asgi", host="127.0.0.1", port=0)
"""


def ready(place: Place, program: Program, *, but: str = "") -> str:
    """Wait for the one instance, of another id than `but`; its id."""
    until(lambda: [r.state for r in place.records() if r.id != but] == ["ready"], program.said)
    [record] = place.records()
    return record.id


def serves(place: Place) -> None:
    assert exchange(status_of(place)["listeners"][0]["port"], PLAIN).endswith(b"plain")


@pytest.mark.parametrize("rule", [QUICK, LONG], ids=["idle", "draining"])
def test_what_uvicorns_parent_ignores_costs_no_instance_and_no_drain(place: Place, rule: str) -> None:
    place.rule_file("web.yaml").write_text(rule, encoding="utf-8")
    program = place.start(*WORKERS, SERVICE="web", target="")
    identity = ready(place, program)
    until(lambda: status_of(place).get("rules_version"), program.said)
    if rule == LONG:
        program.process.terminate()
        until(lambda: [record.state for record in place.records()] == ["draining"], program.said)
    program.process.send_signal(signal.SIGQUIT)
    until(lambda: IGNORED in program.said(), program.said)
    serves(place)
    assert [record.id for record in place.records()] == [identity]
    assert status_of(place)["draining"] == (rule == LONG)
    time.sleep(0.6)  # the next one is no echo of the first
    program.process.terminate()
    assert program.process.wait(60) == 0
    assert (list(place.records()), program.ours()) == ([], [])


@pytest.mark.parametrize("name", ["SIGTERM", "SIGQUIT", "SIGINT"])
def test_a_program_that_goes_on_after_its_own_handler_comes_back(place: Place, name: str) -> None:
    place.rule_file("web.yaml").write_text(QUICK, encoding="utf-8")
    text = NOTES % name if name != "SIGINT" else NOTES.replace("SIGINT, ends", "SIGTERM, ends") % name
    program = place.start(place.script(text + AIOHTTP), SERVICE="web", target="")
    number, last = getattr(signal, name), signal.SIGTERM if name == "SIGINT" else signal.SIGINT
    identity = ready(place, program)
    for times in (1, 2):
        program.process.send_signal(number)
        until(lambda times=times: program.said().count("noted %d\n" % number) == times, program.said)  # type: ignore[misc]
        identity = ready(place, program, but=identity)
        serves(place)
    program.process.send_signal(last)
    assert program.process.wait(60) == 7
    assert (list(place.records()), program.ours()) == ([], [])


def test_one_that_shows_where_it_stands_comes_back(place: Place) -> None:
    program = place.start(place.script(NOTES % "SIGQUIT" + UVICORN % str(APPS)), SERVICE="web", target="")
    identity = ready(place, program)
    program.process.send_signal(signal.SIGQUIT)
    ready(place, program, but=identity)
    assert "noted 3\n" in program.said()
    serves(place)
