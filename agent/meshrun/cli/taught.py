"""What the hook files teach, read as text: no hook and no library is imported for it."""

from __future__ import annotations

import ast
import os
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ..boot import interpreter

_CONSTANTS = ("LIBRARY", "SUPPORTED", "SEAMS", "VERSION", "TRIGGERS")


class Hook(NamedTuple):
    """One hook file.

    `version`: the module and attribute that say the library's version (no attribute: only its metadata does); None: it
    is Python's own.
    """

    name: str
    triggers: Tuple[str, ...]
    library: str
    supported: Tuple[str, ...]
    seams: Tuple[str, ...]
    version: Optional[Tuple[str, Optional[str]]]
    about: str

    @property
    def module(self) -> str:
        """The top module of the library."""
        return self.triggers[0].partition(".")[0] if self.triggers else self.library


def folder() -> str:
    """The folder of the hook files: of an installed wheel or a bundle, or of a checkout."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(interpreter.__file__)))  # this file may be in an archive
    above = os.path.dirname(package)
    places = (os.path.join(above, "meshrun_hooks"), os.path.join(os.path.dirname(above), "hooks", "meshrun_hooks"))
    return next((place for place in places if os.path.isdir(place)), places[0])


def table(place: str) -> Dict[str, str]:
    """Trigger -> hook file: the table in the folder of hooks."""
    with open(os.path.join(place, "__init__.py"), encoding="utf-8") as stream:
        found = _constants(stream.read(), ("TABLE",))
    return dict(found.get("TABLE") or {})


def hooks() -> List[Hook]:
    """Every hook file by name. Raises `OSError` where the installation lacks them."""
    place = folder()
    triggers: Dict[str, List[str]] = {}
    for trigger, name in table(place).items():
        triggers.setdefault(name, []).append(trigger)
    return [read(_file(place, name), name, tuple(found)) for name, found in sorted(triggers.items())]


def read(path: str, name: str, triggers: Tuple[str, ...] = ()) -> Hook:
    """One hook file. Raises `OSError`, and `ValueError` for one that is not Python."""
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    found = _constants(text, _CONSTANTS)
    about = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    return Hook(
        name,
        triggers or tuple(found.get("TRIGGERS") or ()),
        str(found.get("LIBRARY") or name),
        tuple(found.get("SUPPORTED") or ()),
        tuple(found.get("SEAMS") or ()),
        found.get("VERSION"),
        about,
    )


def _file(place: str, name: str) -> str:
    plain = os.path.join(place, name + ".py")
    return plain if os.path.isfile(plain) else os.path.join(place, name, "__init__.py")


def _constants(text: str, names: Tuple[str, ...]) -> Dict[str, Any]:
    """The values of top-level names that are written as literals; others are left out."""
    found: Dict[str, Any] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name) and target.id in names:
                try:
                    found[target.id] = ast.literal_eval(value)
                except ValueError:
                    continue
    return found
