"""The whole of meshrun in one minute, on one machine, with nothing installed but Python.

Three unmodified apps (Flask on gunicorn, FastAPI on uvicorn, aiohttp) in two versions, chained web -> orders -> stock.
Each step sends real requests and checks what it says; the exit status is 1 if any check failed.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

import picture
from fleet import DemoError, Fleet, result

LANE = "baggage:lane=gray"
checks: List[bool] = []


def check(good: bool, text: str) -> None:
    """Show a verdict and remember it."""
    checks.append(picture.verdict(good, text))


def calls(fleet: Fleet, count: int, *headers: str) -> Dict[str, Any]:
    """Send `count` requests with four threads, show the flow."""
    found = result(fleet.client(count, 4, headers))
    picture.flow(found["paths"])
    picture.failures(found["failures"])
    return found


def begin(fleet: Fleet) -> None:
    """Two baseline instances and one gray instance of each service."""
    picture.step(1, "Start", "meshrun gunicorn … web:app     meshrun uvicorn … orders:app     meshrun python stock.py")
    for service in ("web", "orders", "stock"):
        fleet.start(service)
        fleet.start(service)
        fleet.start(service, "gray")
    fleet.settled()
    check(True, "9 instances registered themselves: two baseline and one gray (MESHRUN_LANE=gray) of each service")


def plain(fleet: Fleet) -> None:
    """Uncoloured traffic stays in the baseline."""
    picture.step(2, "Plain traffic", "GET and POST http://web/ without a colour")
    found = calls(fleet, 300)
    check(not found["failures"], "300 requests, %d failed" % len(found["failures"]))
    check(picture.share(found["paths"], "gray") == 0, "0 uncoloured in gray, although gray instances are running")


def coloured(fleet: Fleet) -> None:
    """A coloured request stays in its lane through the whole chain."""
    picture.step(3, "Coloured traffic", "the same with the header  %s" % LANE.replace(":", ": "))
    found = calls(fleet, 100, LANE)
    straight = found["paths"].get("web gray > orders gray > stock gray", 0)
    check(straight == 100, "%d of 100 stayed in the lane in every hop; no app forwarded a header" % straight)


def percent(fleet: Fleet) -> None:
    """A lane takes its share of plain traffic at the entry."""
    fleet.meshctl("lane", "create", "gray", "--at", "web", "--percent", "0")
    for number, size in ((0, 200), (10, 600), (100, 200)):
        title = "meshctl lane %s gray%s" % (
            ("percent", " %d" % number) if number else ("create", " --at web --percent 0")
        )
        picture.step(4, title, "plain traffic again; web is the entry")
        if number:
            fleet.meshctl("lane", "percent", "gray", str(number))
            time.sleep(1.5)
        found = calls(fleet, size)
        seen = picture.share(found["paths"], "orders gray")
        low, high = (5, 16) if number == 10 else (number, number)
        check(
            low <= seen <= high and not found["failures"],
            "%.1f %% entered the lane, %d failed" % (seen, len(found["failures"])),
        )
    fleet.meshctl("lane", "percent", "gray", "0")
    time.sleep(1.5)


def fallback(fleet: Fleet) -> None:
    """Gray traffic falls back to the baseline where gray is gone, and comes back."""
    picture.step(5, "Stop orders gray under load", "gray traffic goes on; SIGTERM to the only gray instance of orders")
    client = fleet.client(0, 4, [LANE])
    time.sleep(1.5)
    code = fleet.stop(fleet.find("orders", "gray"))
    time.sleep(2)
    found = result(client)
    picture.flow(found["paths"])
    picture.failures(found["failures"])
    fell = found["paths"].get("web gray > orders baseline > stock gray", 0)
    check(fell > 0, "orders fell back to the baseline, and stock behind it was gray again (%s)" % picture.ended(code))
    check(not found["failures"], "%d requests, %d failed" % (sum(found["paths"].values()), len(found["failures"])))
    fleet.start("orders", "gray")
    fleet.settled()


def rolling(fleet: Fleet) -> None:
    """Restart everything, one by one, under load, without a failed request."""
    picture.step(
        6, "Restart every service under load", "the new instance registers before the old one gets its SIGTERM"
    )
    client = fleet.client(0, 6)
    restarted = 0
    for old in [i for i in fleet.running if i.version == "baseline"]:
        fleet.start(old.service)
        fleet.settled()
        code = fleet.stop(old)
        restarted += 1
        print("     restarted %-6s (%d of 6), %s" % (old.service, restarted, picture.ended(code)), flush=True)
    found = result(client)
    total = sum(found["paths"].values())
    picture.failures(found["failures"])
    check(
        not found["failures"] and total > 0,
        "%d requests during %d restarts, %d failed" % (total, restarted, len(found["failures"])),
    )


def killed(fleet: Fleet) -> None:
    """kill -9: only what is in flight at that instant can be lost."""
    picture.step(
        7,
        "kill -9 of a stock instance under load",
        "no signal handler can help: callers leave it at once by themselves",
    )
    client = fleet.client(0, 6)
    time.sleep(1.5)
    moment = fleet.kill(fleet.find("stock"))
    time.sleep(2.5)
    found = result(client)
    inflight = [f for f in found["failures"] if f[0] <= moment + 0.1 and f[1] >= moment - 0.1]
    later = [f for f in found["failures"] if f not in inflight]
    picture.failures(later)
    total = sum(found["paths"].values())
    check(
        not later,
        "%d requests: %d in flight at that instant were lost, %d failed after it" % (total, len(inflight), len(later)),
    )


def closing() -> None:
    """What to try next."""
    good = all(checks)
    print("\n" + picture.paint("%d checks, %d failed" % (len(checks), checks.count(False)), "good" if good else "bad"))
    print("""
Try it on your own program:
   export MESHRUN_STORE=file:$HOME/.meshrun-store          the same for all programs of one mesh
   .venv/bin/meshrun --service orders python your_app.py   a member of the mesh, in process
   .venv/bin/meshrun --service orders --lane gray python your_new_app.py
   .venv/bin/meshctl status                                who runs, which hosts are called and are not mesh
   .venv/bin/meshctl explain --from web --to orders --colour lane=gray
The apps of this demo are in examples/demo/apps: no line of them knows the mesh.""")


def main() -> int:
    """Run all steps; clean up whatever happens."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="meshrun-demo-"))
    fleet = Fleet(folder)
    print(picture.paint("meshrun: three unmodified apps, two versions, one machine, no server", "head"))
    try:
        for part in (begin, plain, coloured, percent, fallback, rolling, killed):
            part(fleet)
        closing()
    except KeyboardInterrupt:
        print("\ninterrupted; stopping what was started", flush=True)
        return 130
    except DemoError as error:
        print("\n%s" % error, flush=True)
        for log in sorted(folder.glob("client-*.log")):
            print(log.read_text(encoding="utf-8", errors="replace"), flush=True)
        checks.append(False)
    finally:
        fleet.close()
        shutil.rmtree(str(folder), ignore_errors=True)
    return 0 if checks and all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
