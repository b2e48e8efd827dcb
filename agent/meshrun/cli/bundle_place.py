"""Puts a bundle into its folder: built aside, then there in one step; modes and times as they are in every build."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from typing import Iterable, Iterator, List, NamedTuple, Tuple

from .bundle_parts import FILE, Part
from .doctor_start import ours
from .errors import Failure
from .invocation import reason

FOLDER = 0o555
_OPEN = 0o700
TIME = 315532800
"""The time of every file: 1980-01-01, the oldest that archives of all kinds can hold."""


class Content(NamedTuple):
    """What a bundle comes to: `digest` is over paths, modes and contents; two bundles with the same one are equal."""

    files: int
    size: int  # bytes
    own_files: int
    own_size: int
    digest: str


class Place:
    """The folder that a bundle is to be in, and the one beside it where it grows.

    A mount point, or a folder whose parent this user may not write, is filled from within; ``boot`` comes last then,
    so that no program meets half a bundle.
    """

    def __init__(self, path: str, *, replace: bool) -> None:
        self.path = os.path.realpath(os.path.expanduser(path))
        self._old = _check(self.path, replace=replace)
        above, name = os.path.split(self.path)
        self._inside = os.path.isdir(self.path) and (os.path.ismount(self.path) or not os.access(above, os.W_OK))
        self.stage = os.path.join(*((self.path, ".new-") if self._inside else (above, ".%s.new-" % name)))
        self.stage += str(os.getpid())

    def __enter__(self) -> Place:  # noqa: PYI034 -- `Self` is not in the oldest Python, and nobody inherits
        try:
            os.makedirs(self.stage)
        except OSError as error:
            raise _unwritable(self.stage, error) from error
        return self

    def __exit__(self, *_error: object) -> None:
        _remove(self.stage)

    def write(self, parts: Iterable[Part]) -> None:
        """Write files into the growing bundle. Raises `Failure`."""
        try:
            for part in parts:
                path = os.path.join(self.stage, part.path)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as stream:
                    stream.write(part.data)
                os.chmod(path, part.mode)
        except OSError as error:
            raise _unwritable(self.stage, error) from error

    def put(self) -> Content:
        """Finish the bundle and put it where it belongs. Raises `Failure`."""
        try:
            content = _finish(self.stage)
            if self._inside:
                self._fill()
            else:
                self._exchange()
        except OSError as error:
            raise _unwritable(self.path, error) from error
        return content

    def _exchange(self) -> None:
        old = self.stage.replace(".new-", ".old-")
        if self._old:
            os.rename(self.path, old)
        try:
            os.rename(self.stage, self.path)  # an empty folder gives way
        except OSError:
            if self._old:
                os.rename(old, self.path)
            raise
        if self._old:
            _remove(old)

    def _fill(self) -> None:
        last_boot = {"boot": 1}
        os.chmod(self.stage, _OPEN)
        for name in sorted(os.listdir(self.path) if self._old else (), key=lambda one: -last_boot.get(one, 0)):
            if os.path.join(self.path, name) != self.stage:
                _remove(os.path.join(self.path, name))
        for name in sorted(os.listdir(self.stage), key=lambda one: last_boot.get(one, 0)):
            path = os.path.join(self.path, name)
            mode = stat.S_IMODE(os.stat(os.path.join(self.stage, name)).st_mode)
            os.chmod(os.path.join(self.stage, name), mode | 0o200)  # a folder that moves must be writable
            os.rename(os.path.join(self.stage, name), path)
            os.chmod(path, mode)
            os.utime(path, (TIME, TIME))


def _check(path: str, *, replace: bool) -> bool:
    """Whether a bundle is there already, which is to be replaced. Raises `Failure` with code MR2016."""
    if not os.path.lexists(path):
        return False
    try:
        there = os.listdir(path)
    except OSError as error:
        raise Failure("MR2016", "%s cannot be used" % path, reason(error), "Name a folder.") from error
    if not there:
        return False
    bundle = os.path.isdir(os.path.join(path, "lib", "meshrun")) and ours(os.path.join(path, "boot/sitecustomize.py"))
    if not bundle:
        mend = "Name an empty folder or a new one. What is not a bundle is not removed, --force or not."
        raise Failure("MR2016", "%s is not empty" % path, "it holds %s" % min(there), mend)
    if not replace:
        raise Failure("MR2016", "%s holds a bundle" % path, "it was left as it is", "Replace it with --force.")
    return True


def _finish(top: str) -> Content:
    """Set modes and times, folders last, and look at what there is."""
    hashes, own, others = hashlib.sha256(), [0, 0], [0, 0]
    for path, name in sorted(_files(top), key=lambda pair: pair[1]):
        mode = FILE | stat.S_IMODE(os.stat(path).st_mode) & 0o111
        os.chmod(path, mode)
        os.utime(path, (TIME, TIME))
        with open(path, "rb") as stream:
            data = stream.read()
        hashes.update(("%s\0%o\0%s\n" % (name, mode, hashlib.sha256(data).hexdigest())).encode())
        counted = others if _foreign(name) else own
        counted[0] += 1
        counted[1] += len(data)
    for folder, _, _ in os.walk(top, topdown=False):
        os.utime(folder, (TIME, TIME))
        os.chmod(folder, FOLDER)
    return Content(own[0] + others[0], own[1] + others[1], own[0], own[1], hashes.hexdigest())


def _foreign(name: str) -> bool:
    """Whether a file is of somebody else."""
    return name.startswith("deps/") or (name.startswith("LICENSES/") and name != "LICENSES/meshrun.txt")


def _files(top: str) -> Iterator[Tuple[str, str]]:
    """(path, path below the folder) of every file."""
    for folder, _, files in os.walk(top):
        for file in files:
            path = os.path.join(folder, file)
            yield path, os.path.relpath(path, top).replace(os.sep, "/")


def _remove(path: str) -> None:
    """Remove a file or folder of ours; folders of a bundle are writable for nobody."""
    if not os.path.isdir(path):
        if os.path.lexists(path):
            os.unlink(path)
        return
    folders: List[str] = [path]
    for folder in folders:  # grows while it is walked: a folder must be readable before its own are listed
        os.chmod(folder, _OPEN)
        folders.extend(entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    shutil.rmtree(path)


def _unwritable(path: str, error: OSError) -> Failure:
    return Failure("MR2007", "%s cannot be written" % path, reason(error), "Name a folder that this user may write.")
