"""What a bundle holds of meshrun itself: found in this installation, be it a checkout, a wheel or another bundle."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from typing import Iterable, Iterator, List, NamedTuple, Optional

from .. import __version__
from ..boot import launcher
from . import taught
from .errors import Failure
from .invocation import reason

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(launcher.__file__)))
"""Our package as a folder; this file may be in the archive of a bundle."""
ARCHIVE = "lib/meshctl.zip"
"""What of meshrun only operators run, `meshctl`: one file in place of many, for whoever copies bundles."""
FILE, COMMAND = 0o444, 0o555
"""Modes: for whatever user a program runs as, and writable for none."""
_OPERATORS = "lib/meshrun/cli/"
_INSTALLED_BOOT = "sitecustomize"
"""The boot folder inside an installed package; in a bundle it has a place of its own."""
_COMMANDS = (("meshctl", "meshrun.cli.main"), ("meshrun", "meshrun.boot.launcher"))
_COMMAND = '''\
#!/usr/bin/env python3
"""The command %(name)s of this bundle: needs neither its folders on a path nor anything installed."""
import os
import sys

if sys.version_info < (3, 8):
    sys.exit("%(name)s: needs CPython 3.8 or newer, %%s is %%s" %% (sys.executable, sys.version.split()[0]))
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:] = [entry for entry in sys.path if entry != HERE]

import _frozen_importlib
import _frozen_importlib_external

BOOT = os.path.join(os.path.dirname(HERE), "boot", "sitecustomize.py")
boot = _frozen_importlib._load(_frozen_importlib_external.spec_from_file_location("_meshrun_bundle", BOOT))
sys.meta_path.insert(0, boot.OwnFinder())

from %(module)s import main

sys.exit(main())
'''


class Part(NamedTuple):
    """One file of a bundle; `path` with ``/``, below the bundle's folder."""

    path: str
    data: bytes
    mode: int = FILE


def parts() -> List[Part]:
    """Everything of meshrun, by path. Raises `Failure` where the installation is not whole."""
    folder = launcher.boot_folder()
    if folder is None:
        raise incomplete("the boot folder is missing")
    licence = _licence()
    if licence is None:
        raise incomplete("the file LICENSE is missing")
    found = [
        _part("boot/sitecustomize.py", os.path.join(folder, "sitecustomize.py")),
        _part("LICENSES/meshrun.txt", licence),
        Part("VERSION", (__version__ + "\n").encode()),
        Part(ARCHIVE, _archive(_operators())),
        *(part for part in _package("meshrun", PACKAGE) if not part.path.startswith(_OPERATORS)),
        *_package("meshrun_hooks", taught.folder()),
        *(Part("bin/" + name, (_COMMAND % {"name": name, "module": m}).encode(), COMMAND) for name, m in _COMMANDS),
    ]
    return sorted(found)


def incomplete(why: str) -> Failure:
    """The failure of an installation that cannot be handed on."""
    return Failure("MR2015", "the bundle cannot be built from this installation", why, "Install meshrun again.")


def _package(name: str, source: str) -> Iterator[Part]:
    """The Python files of a package, and its marker of types."""
    for folder, below, files in os.walk(source):
        below[:] = sorted(one for one in below if one not in ("__pycache__", _INSTALLED_BOOT))
        inside = os.path.relpath(folder, source).replace(os.sep, "/")
        place = "lib/%s/" % name + ("" if inside == "." else inside + "/")
        for file in sorted(files):
            if file.endswith(".py") or file == "py.typed":
                yield _part(place + file, os.path.join(folder, file))


def _operators() -> List[Part]:
    """The modules of ``meshctl``, from the folder or from the archive of the bundle that this is."""
    if os.path.isdir(os.path.join(PACKAGE, "cli")):
        return [part for part in _package("meshrun", PACKAGE) if part.path.startswith(_OPERATORS)]
    with zipfile.ZipFile(os.path.join(os.path.dirname(PACKAGE), os.path.basename(ARCHIVE))) as archive:
        return [Part("lib/" + name, archive.read(name)) for name in archive.namelist()]


def _archive(parts_: Iterable[Part]) -> bytes:
    """A zip of them, below ``lib``; nothing is packed, since packing differs between machines."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for part in sorted(parts_):
            entry = zipfile.ZipInfo(part.path[len("lib/") :])  # of 1980, as everything in a bundle
            entry.create_system, entry.external_attr = 3, (stat.S_IFREG | FILE) << 16
            archive.writestr(entry, part.data)
    return stream.getvalue()


def _licence() -> Optional[str]:
    """The file of our licence: beside the packages of a checkout, in the metadata of a wheel, or in a bundle."""
    above = os.path.dirname(PACKAGE)
    metadata = os.path.join(above, "meshrun-%s.dist-info" % __version__)
    places = (
        os.path.join(os.path.dirname(above), "LICENSE"),
        os.path.join(os.path.dirname(above), "LICENSES", "meshrun.txt"),
        os.path.join(metadata, "licenses", "LICENSE"),
        os.path.join(metadata, "LICENSE"),
    )
    checkout = os.path.isdir(os.path.join(os.path.dirname(above), "sitecustomize"))
    return next((place for place in places[0 if checkout else 1 :] if os.path.isfile(place)), None)


def _part(path: str, source: str) -> Part:
    try:
        with open(source, "rb") as stream:
            return Part(path, stream.read())
    except OSError as error:
        raise incomplete("%s: %s" % (source, reason(error))) from error
