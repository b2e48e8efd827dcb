"""The rules folder: which files stand there, whether somebody is just writing one, and their texts."""

from __future__ import annotations

import os
from hashlib import blake2b
from typing import Dict, Iterable, NamedTuple, Tuple

from . import files
from .base import EngineError
from .file_pieces import encode
from .folders import entries
from .trouble import trouble

SUFFIX = ".yaml"
LIMIT = 1 << 25
_QUIET = 0.2

Stamp = Tuple[str, int, int, int, int]  # name, mtime_ns, ctime_ns, size, inode


class Listing(NamedTuple):
    """The rule files at one look."""

    stamps: Tuple[Stamp, ...]
    odd: str  # why a file cannot be told, or ""

    def quiet(self, now: float) -> bool:
        """Whether nobody wrote a rule file in the last 0.2 s, so that none is half-written; `now` in epoch seconds."""
        return all(abs(now - ctime / 1e9) > _QUIET for _, _, ctime, _, _ in self.stamps)

    def signature(self) -> str:
        """A short text that is another one for other files."""
        if not self.stamps:
            return "empty"
        total = blake2b(digest_size=16)
        for stamp in self.stamps:
            total.update(encode(stamp))
        return total.hexdigest()

    def moved(self, folder: str, names: Iterable[str]) -> Listing:
        """This listing with fresh stamps of the files that we wrote ourselves."""
        fresh = {stamp[0]: stamp for stamp in scan(folder).stamps}
        own = set(names)
        stamps = [stamp for stamp in self.stamps if stamp[0] not in own]
        return Listing(tuple(sorted(stamps + [fresh[name] for name in own if name in fresh])), self.odd)


def scan(folder: str) -> Listing:
    """The rule files of a folder. Raises `EngineError` when it cannot be read."""
    stamps = []
    odd = ""
    for entry in entries(folder):
        if not entry.name.endswith(SUFFIX):
            continue
        try:
            seen = entry.stat()
            if entry.is_symlink():
                odd = _foreign(entry, seen) or odd
        except OSError as error:
            odd = str(trouble("read", entry.path, error))
            stamps.append((entry.name, 0, 0, -1, 0))
            continue
        stamps.append((entry.name, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino))
    return Listing(tuple(sorted(stamps)), odd)


def _foreign(entry: os.DirEntry[str], seen: os.stat_result) -> str:
    """Why a symbolic link is not to be followed: whoever made it shows us a file that is not theirs to show."""
    owner = entry.stat(follow_symlinks=False).st_uid
    if owner in (0, os.geteuid(), seen.st_uid):
        return ""
    what = "%s is a symbolic link of uid %d to a file of uid %d" % (entry.path, owner, seen.st_uid)
    return "cannot read %s; put the file itself in its place" % what


def read(folder: str, listing: Listing) -> Dict[str, bytes]:
    """The content of each file. Raises `EngineError`."""
    if listing.odd:
        raise EngineError(listing.odd)
    contents: Dict[str, bytes] = {}
    for stamp in listing.stamps:
        content = files.read("%s/%s" % (folder, stamp[0]), LIMIT, follow=True)
        if content is None:
            raise EngineError("%s/%s vanished while it was read; it will be tried again" % (folder, stamp[0]))
        contents[stamp[0]] = content
    return contents
