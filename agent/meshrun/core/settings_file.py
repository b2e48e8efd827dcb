"""Reads ``meshrun.yaml``: one mapping of settings with lower-case keys."""

from __future__ import annotations

from typing import Any, Mapping, TextIO

DEFAULT = "/etc/meshrun/meshrun.yaml"
"""The file that counts where no setting names another."""


def read(stream: TextIO) -> Mapping[str, Any]:
    """The settings in the open file; an empty one holds none.

    Raises `OSError`; `ValueError`, which says in one line what is wrong with the content; `ImportError` without PyYAML.
    """
    from .._needed import yaml  # noqa: PLC0415 -- third party and slow to load: only where there is such a file

    try:
        value = yaml.safe_load(stream)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from error
    if value is not None and not isinstance(value, dict):
        raise ValueError("expected a mapping of settings, such as `store: file:/var/lib/meshrun/store`")
    return value or {}
