"""Reads the settings of this process: environment and ``meshrun.yaml``."""

from __future__ import annotations

import os
from typing import Any, List, Mapping, Tuple

from ..core import settings

DEFAULT_FILE = "/etc/meshrun/meshrun.yaml"


def read() -> Tuple[settings.Settings, List[str]]:
    """The settings and the warnings about them. PyYAML is imported only where there is a file."""
    path = os.environ.get("MESHRUN_CONFIG")
    file: Mapping[str, Any] = {}
    problems: List[str] = []
    if path or os.path.exists(DEFAULT_FILE):
        file, problems = _load(path or DEFAULT_FILE)
    resolved = settings.resolve(os.environ, file)
    return resolved, problems + list(resolved.warnings)


def _load(path: str) -> Tuple[Mapping[str, Any], List[str]]:
    try:
        import yaml  # noqa: PLC0415 -- third party: only where a file asks for it
    except ImportError as error:
        return {}, ["%s is not read: %s (install pyyaml)" % (path, error)]
    try:
        with open(path, encoding="utf-8") as stream:
            document = yaml.safe_load(stream)
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        return {}, ["%s is not read: %s" % (path, " ".join(str(error).split()))]
    if document is None:
        return {}, []
    if not isinstance(document, dict):
        return {}, ["%s is not read: expected a mapping of settings" % path]
    return document, []
