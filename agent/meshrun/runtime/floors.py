"""Whether what meshrun needs is new enough here: the app's own release of it wins, wherever meshrun was installed.

Nothing is imported for it: most processes read rules that another has parsed, and never load PyYAML.
"""

from __future__ import annotations

import re
import sys
from _frozen_importlib_external import PathFinder
from typing import Optional

FLOOR = (5, 3)
"""The oldest PyYAML that meshrun is tested with, as in ``setup.cfg``."""
_VERSION = re.compile(r"^__version__\s*=\s*['\"]([^'\"]+)", re.MULTILINE)
_HEAD = 16384  # characters of a package's first file that are looked at


def unmet() -> Optional[str]:
    """Why rules could not be parsed in this process, or None."""
    have = _version()
    if have is None:  # the app has none: what was delivered with meshrun is used
        return None
    numbers = have.split(".")[:2]
    if all(number.isdigit() for number in numbers) and tuple(map(int, numbers)) >= FLOOR:
        return None
    return "PyYAML %s is not supported (>=%d.%d)" % (have, *FLOOR)


def _version() -> Optional[str]:
    """The release of PyYAML that an import of it gives, or would give."""
    loaded = sys.modules.get("yaml")
    if loaded is not None:
        return str(getattr(loaded, "__version__", "without a version"))
    spec = PathFinder.find_spec("yaml")
    if spec is None or spec.origin is None:
        return None
    try:
        with open(spec.origin, encoding="utf-8", errors="replace") as stream:
            found = _VERSION.search(stream.read(_HEAD))
    except OSError:
        return None
    return found.group(1) if found is not None else None
