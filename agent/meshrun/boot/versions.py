"""Compares a library's version with the range that a hook supports, without the ``packaging`` library."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Tuple

_ALLOWED = {">=": (0, 1), "<=": (-1, 0), "==": (0,), "!=": (-1, 1), ">": (1,), "<": (-1,)}
"""Operator -> how the version may compare with the one behind it: lower -1, equal 0, higher 1."""


def release(version: str) -> Tuple[int, ...]:
    """The leading numbers: ``2.0.7`` and ``2.0.7rc1`` are (2, 0, 7), so a pre-release counts as its release."""
    numbers = []
    for part in version.strip().lstrip("v").split("."):
        digits = ""
        for character in part:
            if not character.isdigit():
                break
            digits += character
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    while numbers and numbers[-1] == 0:
        numbers.pop()  # 2.0 equals 2
    return tuple(numbers)


def supported(version: str, ranges: Iterable[str]) -> bool:
    """Whether `version` lies in all `ranges`, each like ``>=1.26`` (or several, comma-separated); no range: any does.

    Raises ValueError for a range that cannot be read.
    """
    have = release(version)
    for item in ",".join(ranges).replace(" ", "").split(","):
        if not item:
            continue
        sign = next((sign for sign in _ALLOWED if item.startswith(sign)), "")
        limit = item[len(sign) :]
        if not sign or not limit[:1].isdigit():
            raise ValueError("not a version range: %r" % item)
        wanted = release(limit)
        if (have > wanted) - (have < wanted) not in _ALLOWED[sign]:
            return False
    return True


def installed(package: str) -> str:
    """The release of an imported package that does not say it itself, by the folder of its metadata.

    `importlib.metadata`, which is asked where it is not installed as pip does it, costs 15 ms more.
    """
    try:
        entries = os.listdir(os.path.dirname(sys.modules[package].__path__[0]))
    except OSError:  # in an archive
        entries = []
    for entry in entries:
        name, _, release = entry.partition("-")
        if name.lower() == package and release.endswith(".dist-info"):
            return release[: -len(".dist-info")]
    from importlib import metadata  # noqa: PLC0415 - see above

    return metadata.version(package)
