"""What an edit means for rule files: which of them say something else then, and who edited them by hand."""

from __future__ import annotations

import os
from typing import Dict, Iterable, List, Mapping, Optional, Sequence

from .base import Edit
from .file_build import LABEL, Build


def edited(contents: Mapping[str, bytes], old: Build, edits: Sequence[Edit]) -> Dict[str, Optional[str]]:
    """The rule files that the edits change, with their new texts; None: the file goes."""
    from ..core import documents, edit  # noqa: PLC0415 -- a process that only reads does not come here

    names = {item.identity for item in edits}
    homes = {edit.file_name(identity) for identity in names}
    texts: Dict[str, str] = {}
    for name, content in contents.items():
        text = documents.decode(content, LABEL + name)
        source = old.sources.get(name)
        known = source is not None and source.text == text
        if name in homes or not known or any(span.identity in names for span in (source.spans if source else ())):
            texts[LABEL + name] = text
    changed = edit.edit(texts, edits, LABEL)
    wanted: Dict[str, Optional[str]] = {}
    for label in texts.keys() | changed.keys():
        if changed.get(label) != texts.get(label):
            wanted[label[len(LABEL) :]] = changed.get(label)
    return wanted


def overlaid(contents: Mapping[str, bytes], wanted: Mapping[str, Optional[str]]) -> Dict[str, bytes]:
    """The rule files as they are when the wanted texts take their places."""
    merged = dict(contents)
    for name, text in wanted.items():
        merged.pop(name, None)
        if text is not None:
            merged[name] = text.encode("utf-8")
    return merged


def touched(old: Build, new: Build) -> List[str]:
    """The names of files that are new or say something else."""
    return [name for name, source in new.sources.items() if old.sources.get(name) != source]


def authors(folder: str, names: Iterable[str]) -> str:
    """Who owns the files: names, or numbers where there is no name."""
    import pwd  # noqa: PLC0415 -- hand edits are rare

    found = set()
    for name in names:
        try:
            owner = os.stat("%s/%s" % (folder, name)).st_uid
        except OSError:
            continue
        try:
            found.add(pwd.getpwuid(owner).pw_name)
        except KeyError:
            found.add("uid %d" % owner)
    return ", ".join(sorted(found)) or "unknown"
