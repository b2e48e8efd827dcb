"""All benchmarks, one after the other: `make bench`. Each prints its table and keeps it under `results/`."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

PARTS = (
    "start", "hook_cost", "hostile", "store", "loopback", "instructions", "keepalive", "rolling", "reloads",
    "restarts", "balancers", "scale_out",
)  # fmt: skip


def main() -> int:
    """Run what is named, or everything; the status is 1 if one of them failed."""
    folder = Path(__file__).resolve().parent
    failed = []
    for part in sys.argv[1:] or PARTS:
        began = time.monotonic()
        if subprocess.run([sys.executable, str(folder / (part + ".py"))], check=False, cwd=str(folder)).returncode:
            failed.append(part)
        sys.stdout.write("(%s took %.1f minutes)\n\n" % (part, (time.monotonic() - began) / 60))
        sys.stdout.flush()
    if failed:
        sys.stdout.write("failed: %s\n" % ", ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
