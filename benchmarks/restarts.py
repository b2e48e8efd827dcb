"""Rolling restarts of every server with its usual client: failed, executed twice, slowest, bare beside meshrun.

Three instances at a fixed rate, GET and POST in turn, every 33rd request half a second long; beside that, connections
that lie idle for about as long as the server keeps them. `surge`: the new instance is up before the old one is
signalled; `replace`: after it has ended. The signal goes to the root, or to the whole process group at once, as systemd
and supervisord may send it. A bare client holds a list of addresses and is told of a stop one second after it began;
one under meshrun has nothing but the service's name. "Executed twice": each request carries its number, and the apps
log what they execute; before anything else a client that repeats requests shows that this is seen.

Without options: each server with its usual client, and the servers of `MIXED` with every client.
"""

from __future__ import annotations

import functools
import sys
import time
from typing import Any, Callable, Dict, List, Mapping, Tuple

import instances
import parts
from instances import BARE, CLIENTS, KINDS, MESHED, RATE, Load

MODES = ("surge root", "surge group", "replace root", "replace group")
MIXED = ("gunicorn gthread", "uvicorn", "aiohttp.web")
CONTROL = "control"
REPEAT = 20


def repeated() -> Tuple[int, int]:
    """How many requests a client sent twice, and how many were seen executed twice."""
    kind, load = KINDS["gunicorn gthread"], Load("requests", repeat=REPEAT)
    with instances.under_load(kind, load, meshed=BARE) as made:
        time.sleep(3)
        calls = made.result()
        return sum(not call[0] % REPEAT for call in calls), instances.counted(calls, made.executed())["twice"]


def planned(servers: List[str], clients: List[str]) -> List[Tuple[str, str]]:
    """Servers and clients that meet; no clients named: the usual one, and for `MIXED` all."""
    if clients:
        return [(server, client) for server in servers for client in clients]
    every = [(server, client) for server in servers for client in CLIENTS]
    return [(server, client) for server, client in every if server in MIXED or KINDS[server].client == client]


def runs(server: str, client: str, chosen: Any) -> Mapping[parts.Key, Callable[[], Dict[str, Any]]]:
    """Each run of a pair."""
    kind = KINDS[server]
    load = Load(client, idle=kind.idle)
    modes = chosen.modes.split(",")
    wanted = [(mode, False) for mode in modes]
    wanted += [(mode, True) for mode in (CONTROL, modes[-1])] * chosen.bare
    return {
        (server, client, mode + ", bare" * bare): functools.partial(
            instances.restarted, kind, load, mode, chosen.restarts, meshed=BARE if bare else MESHED
        )
        for mode, bare in wanted
    }


def order(key: parts.Key) -> Tuple[int, ...]:
    """As the tables say them."""
    server, client, label = key
    mode, _, bare = label.partition(",")
    return (list(KINDS).index(server), CLIENTS.index(client), bool(bare), (CONTROL, *MODES).index(mode))


def main() -> int:
    """Every server in every mode that is asked for."""
    parser = parts.parser()
    parser.add_argument("--servers", default=",".join(KINDS))
    parser.add_argument("--clients", default="", help="each server with each of them: requests,httpx,aiohttp")
    parser.add_argument("--modes", default=",".join((CONTROL, *MODES)))
    parser.add_argument("--bare", action="store_true", help="each pair without meshrun too: control, and the last mode")
    parser.add_argument("--selftest", action="store_true", help="only show that what is executed twice is seen")
    chosen = parser.parse_args()
    sent, seen = repeated()
    sys.stdout.write("sent twice on purpose: %d, seen as executed twice: %d\n" % (sent, seen))
    sys.stdout.flush()
    if not sent or sent != seen:
        return 1
    if chosen.selftest:
        return 0
    kept = parts.Parts("restarts", fresh=chosen.fresh)
    todo: Dict[parts.Key, Callable[[], Dict[str, Any]]] = {}
    for server, client in planned(chosen.servers.split(","), [name for name in chosen.clients.split(",") if name]):
        todo.update(runs(server, client, chosen))
    ended = parts.work(kept, todo, chosen.restarts, chosen.jobs)
    note = "%d requests/s and idle connections, 3 instances; sent twice on purpose %d, seen %d;" % (RATE, sent, seen)
    kept.publish("Rolling restart of every server", ["server", "client", "run"], order, note)
    return ended


if __name__ == "__main__":
    sys.exit(main())
