"""The pages on virtual machines, executed as they stand by a systemd that runs, with services of two users."""

from __future__ import annotations

import functools
import json
import re
import string
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

from meshrun.cli import unit_files
from tests.contract.ports import free_port
from tests.contract.running import NO_CONTROL, until
from tests.e2e import manager
from tests.e2e.installation import wheels
from tests.e2e.manager import Manager

pytestmark = [pytest.mark.slow, pytest.mark.once]
ROOT = Path(__file__).resolve().parents[2]
VENV = Path(sys.prefix)
APP = """
import os, time, urllib3
pool = urllib3.PoolManager()
def app(environ, start_response):
    path = environ["PATH_INFO"]
    time.sleep(1.5 if path == "/slow" else 0)
    if path == "/ask":
        body = pool.request("GET", "http://stock/", timeout=20, retries=False).data
    else:
        body = ("%s %s" % (os.path.basename(os.getcwd()), os.environ.get("OWN"))).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
UNIT = """[Unit]
Description=%(name)s
[Service]
User=%(name)s
WorkingDirectory=/srv/%(name)s
EnvironmentFile=-/etc/default/%(name)s
Environment=PYTHONPATH=/srv/%(name)s/more "OWN=a b%%%%"
ExecStart=/srv/%(name)s/bin/python -m gunicorn %(options)s --workers 2 --bind 127.0.0.1:%(port)d app:app
ProtectSystem=strict
PrivateTmp=%(private)s
StandardOutput=append:%(log)s
StandardError=append:%(log)s
"""


def blocks(heading: str) -> List[str]:
    """The command blocks of a section of docs/vm.md, as shell scripts."""
    text = (ROOT / "docs" / "vm.md").read_text(encoding="utf-8")
    [section] = re.findall(r"^## %s\n(.*?)(?=^## |\Z)" % re.escape(heading), text, re.DOTALL | re.MULTILINE)
    found = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
    return ["\n".join(line[2:] for line in block.splitlines() if line.startswith("$ ")) for block in found]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """A machine with two services of two users, and the wheels of meshrun."""
    with manager.running() as made:
        made.environ.update(PIP_NO_INDEX="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
        made.environ["PIP_FIND_LINKS"] = str(wheels(tmp_path_factory.mktemp("installation")))
        yield made


@pytest.fixture(scope="module")
def ports(machine: Manager) -> Dict[str, int]:
    """The services' ports; both run bare."""
    found = {"orders": free_port(), "stock": free_port()}
    for name, port in found.items():
        home = "/srv/" + name
        machine.run("useradd --system --no-create-home %s; mkdir -p %s/bin %s/more" % (name, home, home))
        machine.run("ln -s %s/pyvenv.cfg %s/lib %s; ln -s %s/bin/python %s/bin" % (VENV, VENV, home, VENV, home))
        machine.write(home + "/app.py", APP)
        words = {"name": name, "port": port, "options": " ".join(NO_CONTROL), "log": str(machine.folder / "log")}
        hidden = str(VENV).startswith(("/tmp/", "/var/tmp/"))  # a private /tmp would have no Python
        words["private"] = "no\nReadWritePaths=/tmp" if hidden else "yes"
        machine.write("/etc/systemd/system/%s.service" % name, UNIT % words)
    machine.run("systemctl daemon-reload; systemctl start orders stock")
    for name, port in found.items():
        until(functools.partial(ask, port), machine.log)
        assert ask(port) == "%s a b%%" % name
    return found


def ask(port: int, path: str = "/") -> str:
    """What a service answers; empty: nobody listens, or it fails."""
    try:
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=30) as answer:
            return str(answer.read().decode())
    except (ConnectionError, urllib.error.HTTPError):
        return ""
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionError):
            return ""
        raise


def process(machine: Manager, unit: str) -> Dict[str, str]:
    """The environment of a service's main process, without what differs from start to start."""
    pid = machine.run("systemctl show --property MainPID --value " + unit).strip()
    text = Path("/proc/%s/environ" % pid).read_text(encoding="utf-8")
    items = [item for item in text.split("\0") if not item.startswith(("INVOCATION_ID", "SYSTEMD_EXEC_PID"))]
    return dict(item.partition("=")[::2] for item in items if item)


def registered(machine: Manager, service: str) -> List[Dict[str, object]]:
    found = json.loads(machine.run("meshctl status -o json 2>/dev/null || true"))
    return [one for one in found["instances"] if one["service"] == service]


def traces(machine: Manager) -> List[str]:
    """Every path of the machine's own folders that has our name."""
    return machine.run(
        "find /etc /run /var/lib /opt -name '*meshrun*' | sort; grep -l meshrun /etc/group || true"
    ).split()


def test_the_pages_work_from_the_first_line_to_the_last(machine: Manager, ports: Dict[str, int]) -> None:
    assert traces(machine) == []
    before = process(machine, "orders")
    five, switch, look = blocks("VM in 5 minutes")
    said = machine.run(five)
    assert "process runs" not in said
    assert "runs under meshrun" in said

    under = process(machine, "orders")
    assert under["PYTHONPATH"].split(":")[1:] == [before["PYTHONPATH"]]
    assert under["MESHRUN_STATE_DIR"] == "/run/meshrun-orders"
    assert under["OWN"] == "a b%"
    until(lambda: ask(ports["orders"]), machine.log)
    until(lambda: registered(machine, "orders"), machine.log)

    machine.run("meshctl vm enable stock --service stock; systemctl restart stock")
    until(lambda: ask(ports["stock"]) and registered(machine, "stock"), machine.log)
    # The record of another user is found in the shared store, by all workers within a second.
    until(lambda: ask(ports["orders"], "/ask") == "stock a b%", machine.log)

    machine.run(switch)
    machine.run(look)
    drains(machine, ports["orders"])

    first, last = blocks("Remove it without a trace")
    machine.run(first)
    until(lambda: ask(ports["orders"]), machine.log)
    assert process(machine, "orders") == before
    machine.run("meshctl vm disable stock; systemctl restart stock; rm -r /run/meshrun-stock")
    machine.run(last)
    assert traces(machine) == []


ODD = r"""[Service]
User=nobody
Environment="A=x y" 'B=it"s' C=a\x41\101\u00e9\s  D=1=2 1E=no F-=no
Environment="G=open
Environment=H=\q
Environment=I=gone
Environment=J="x y"z K=%%n L=%t M=$HOME "N=\
# a comment
   a"
UnsetEnvironment=I  J=other
EnvironmentFile=/etc/odd.env
EnvironmentFile=-/etc/missing.env
RuntimeDirectory=odd
RuntimeDirectoryPreserve=yes
ExecStart=/bin/sh -c 'env -0 > /run/odd/out'
"""
ODD_FILE = """# A=1
; B=1
A="a\\nb\\"c\\$d" \nB=e "f" g  \nP='x\\y' z
Q=a\\\nb
export R=3
S="x"y
 T = 5 \nU=
V=a#b ;c
#W=1\\\nX=1
Y='two\nlines'
Z=$A `b`
"""


def test_what_systemd_reads_is_what_meshctl_reads(machine: Manager) -> None:
    machine.write("/etc/systemd/system/odd.service", ODD)
    machine.write("/etc/odd.env", ODD_FILE)
    machine.run("systemctl daemon-reload; systemctl start odd")
    until(lambda: machine.run("cat /run/odd/out 2>/dev/null || true"), machine.log)
    text = machine.run("cat /run/odd/out")
    given = dict(item.partition("=")[::2] for item in text.split("\0") if item)
    root = str(machine.folder)
    read = unit_files.load("odd", unit_files.folders({}, root), root).environ
    machine.run("rm -r /run/odd /etc/odd.env /etc/systemd/system/odd.service; systemctl daemon-reload")
    assert {name: given.get(name) for name in string.ascii_uppercase} == {
        name: read.get(name) for name in string.ascii_uppercase
    }


def drains(machine: Manager, port: int) -> None:
    """A stop waits for what is in flight, and the service ends as its server ends."""
    answers: List[str] = []
    asking = [threading.Thread(target=lambda: answers.append(ask(port, "/slow"))) for _ in range(2)]
    for thread in asking:
        thread.start()
    until(lambda: inflight(machine) == 2, machine.log)
    machine.run("systemctl stop orders")
    for thread in asking:
        thread.join(60)
    assert answers == ["orders a b%"] * 2
    assert machine.run("systemctl show --property Result --value orders").strip() == "success"
    machine.run("systemctl start orders")
    until(lambda: ask(port), machine.log)


def inflight(machine: Manager) -> int:
    found = json.loads(machine.run("meshctl status -o json 2>/dev/null || true"))
    return max([one["inflight"] for one in found["processes"] if one["service"] == "orders"], default=0)
