"""Reads the settings of this process: environment and ``meshrun.yaml``."""

from __future__ import annotations

import os
from typing import Any, List, Mapping, Tuple

from ..core import settings, settings_file


def read() -> Tuple[settings.Settings, List[Tuple[str, str]]]:
    """The settings, and (which, what) for each that is wrong. PyYAML is imported only where there is a file."""
    path = os.environ.get("MESHRUN_CONFIG")
    file: Mapping[str, Any] = {}
    problems: List[str] = []
    if path or os.path.exists(settings_file.DEFAULT):
        file, problems = _load(path or settings_file.DEFAULT)
    resolved = settings.resolve(os.environ, file)
    return resolved, [_told(problem) for problem in (*problems, *resolved.warnings)]


def _told(problem: str) -> Tuple[str, str]:
    """A warning taken apart, so that each setting is warned about once."""
    name, sign, what = problem.partition("=")
    if sign and name.isidentifier():
        return name, what
    what, _, name = problem.rpartition(" ")
    return (name, what) if what == "unknown setting" else ("settings", problem)


def _load(path: str) -> Tuple[Mapping[str, Any], List[str]]:
    try:
        with open(path, encoding="utf-8") as stream:
            return settings_file.read(stream), []
    except ImportError as error:
        return {}, ["%s is not read: %s (install pyyaml)" % (path, error)]
    except (OSError, ValueError) as error:
        return {}, ["%s is not read: %s" % (path, error)]
