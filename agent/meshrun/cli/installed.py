"""What is installed for a Python, read from the folders on its path: nothing is imported."""

from __future__ import annotations

import os
import re
from typing import Dict, List, Optional, Sequence, Tuple

_METADATA = re.compile(r"(?P<name>.+?)-(?P<version>\d[^-]*)(-py[\d.]+)?\.(dist-info|egg-info)$")
_ENDINGS = (".py", ".pyc", "/__init__.py", "/__init__.pyc")


def folded(name: str) -> str:
    """The name of a distribution in the form in which two are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions(path: Sequence[str]) -> Dict[str, str]:
    """Distribution -> version, of those that are found first on the path."""
    found: Dict[str, str] = {}
    for folder in path:
        for name in _names(folder):
            if not name.endswith((".dist-info", ".egg-info")):
                continue
            match = _METADATA.match(name)
            if match:
                found.setdefault(folded(match.group("name")), match.group("version"))
            else:  # an egg-info folder without a version in its name
                version = _version(os.path.join(folder, name, "PKG-INFO"))
                if version:
                    found.setdefault(folded(name.rpartition(".")[0]), version)
    return found


def module(name: str, path: Sequence[str]) -> Optional[str]:
    """The file of a top module on the path; None: it is not there, or not as a file of a usual kind."""
    for folder in path:
        for ending in _ENDINGS:
            place = os.path.join(folder, name + ending)
            if os.path.isfile(place):
                return place
        for file in _names(folder):
            if file.startswith(name + ".") and file.endswith(".so"):
                return os.path.join(folder, file)
    return None


def modules(name: str, path: Sequence[str]) -> List[str]:
    """Every file that a top module could be taken from, in the order of the path."""
    found = [module(name, [folder]) for folder in dict.fromkeys(path)]
    return [place for place in found if place is not None]


def start_lines(path: Sequence[str]) -> List[Tuple[str, str]]:
    """(file, line) of each line in ``*.pth`` files of the site folders that runs code at the start of the Python."""
    found: List[Tuple[str, str]] = []
    for folder in path:
        if os.path.basename(folder) not in ("site-packages", "dist-packages"):
            continue
        for name in sorted(_names(folder)):
            if name.endswith(".pth") and not name.startswith("."):
                lines = _text(os.path.join(folder, name)).splitlines()
                found += [
                    (os.path.join(folder, name), line) for line in lines if line.startswith(("import ", "import\t"))
                ]
    return found


def _names(folder: str) -> List[str]:
    try:
        return os.listdir(folder or ".")
    except OSError:  # a zip, a folder that is missing or may not be read
        return []


def _version(path: str) -> str:
    for line in _text(path).splitlines():
        if line.lower().startswith("version:"):
            return line.partition(":")[2].strip()
    return ""


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(65536)
    except OSError:
        return ""
