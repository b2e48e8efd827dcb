"""One valid document of a rule file, with its places."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple

from .yamlnodes import Node


class Parsed(NamedTuple):
    """One valid document and where it stands."""

    identity: str  # Kind/namespace/name
    document: Mapping[str, Any]  # the normal form
    line: int  # from 1
    start: int  # character offsets of its content in the text
    end: int
    file: str
    root: Node  # its nodes, for the places of later findings
    marker: int  # offset of the document marker before it, or 0
    limit: int  # offset of the next marker, or the length of the text


def identity(document: Mapping[str, Any]) -> str:
    """The identity of a normal form: ``Kind/namespace/name``."""
    return "%s/%s/%s" % (document["kind"], document["namespace"], document["name"])
