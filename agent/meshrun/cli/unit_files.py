"""A systemd service as its files say: the unit, its drop-ins in order, what each setting comes to. Nothing is run."""

from __future__ import annotations

import glob
import os
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from . import unit_text
from .errors import Failure
from .invocation import reason
from .unit_text import Line

FOLDERS = (
    "/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient",
    "/run/systemd/generator.early", "/etc/systemd/system", "/etc/systemd/system.attached", "/run/systemd/system",
    "/run/systemd/system.attached", "/run/systemd/generator", "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/generator.late",
)  # fmt: skip
"""Where systemd looks for units, the most important place first (systemd.unit(5))."""
HERE = "/etc/systemd/system"
_MANAGER = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd")
_SUFFIX = ".service"
_OTHERS = (".socket", ".timer", ".target", ".path", ".mount", ".slice", ".scope", ".device", ".swap", ".automount")
_USUAL_TIMEOUT = 90.0  # DefaultTimeoutStopSec, systemd-system.conf(5)
_MOST_LINKS = 8
_NOBODY = 65534


class Variables(NamedTuple):
    """The environment that a unit gives its program. Values of `given` hold specifiers, those of `files` none."""

    given: Mapping[str, str]  # of Environment= and the manager's DefaultEnvironment=
    files: Mapping[str, str]  # of EnvironmentFile=, which win
    paths: Mapping[str, str]  # variable -> the file that it is from
    unset: Tuple[str, ...]  # words of UnsetEnvironment=
    unread: Tuple[str, ...]  # files that cannot be read now


class Unit(NamedTuple):
    """A service. `lines`: the assignments of its section ``[Service]`` in the order in which they count."""

    name: str
    fragment: str
    drop_ins: Tuple[str, ...]
    lines: Tuple[Line, ...]
    manager: Mapping[str, str]  # settings of the manager that hold for every unit
    root: str

    def last(self, *keys: str) -> Optional[str]:
        """What was said last by any of the keys; None: nothing, or an empty value took it back."""
        found = [line.value for line in self.lines if line.key in keys]
        return found[-1] or None if found else None

    def all(self, key: str) -> List[str]:
        """The values of a setting that adds up."""
        found: List[str] = []
        for line in self.lines:
            if line.key == key:
                found = [*found, line.value] if line.value else []
        return found

    def yes(self, key: str) -> bool:
        """A switch that is on."""
        return (self.last(key) or "").lower() in ("1", "yes", "y", "true", "t", "on")

    @property
    def specifiers(self) -> Dict[str, str]:
        """The specifiers whose value is known without a manager."""
        stem = self.name[: -len(_SUFFIX)]
        prefix, _, instance = stem.partition("@")
        return {
            "n": self.name, "N": stem, "p": prefix, "i": instance, "t": "/run", "S": "/var/lib", "C": "/var/cache",
            "L": "/var/log", "E": "/etc", "T": "/tmp", "V": "/var/tmp",  # noqa: S108 -- what the specifiers mean
        }  # fmt: skip

    @property
    def folder(self) -> Optional[str]:
        """The working directory; None: that of the manager, or one that is not there."""
        named = unit_text.expanded((self.last("WorkingDirectory") or "").lstrip("-"), self.specifiers)
        return named if named and os.path.isdir(named) else None

    @property
    def commands(self) -> List[List[str]]:
        """The commands of ExecStart=, without the signs that stand before them."""
        found = []
        for value in self.all("ExecStart"):
            try:
                line = unit_text.words(value.lstrip("@-:+!|"))
            except ValueError:
                continue
            resolved = [unit_text.expanded(word, self.specifiers) or word for word in line]
            found += [resolved] if resolved else []
        return found

    @property
    def variables(self) -> Variables:
        """The environment, as it would be at a start now."""
        given = _pairs([self.manager.get("DefaultEnvironment", ""), *self.all("Environment")])
        files: Dict[str, str] = {}
        paths: Dict[str, str] = {}
        unread = []
        for value in self.all("EnvironmentFile"):
            named = unit_text.expanded(value.lstrip("-"), self.specifiers)
            places = sorted(glob.glob(self.root + named)) if named is not None else []
            if not places and not value.startswith("-"):
                unread.append(value)
            for path in places:
                try:
                    found = unit_text.environment(read(path))
                except OSError:
                    unread.append(path)
                    continue
                files.update(found)
                paths.update(dict.fromkeys(found, path))
        unset = [word for value in self.all("UnsetEnvironment") for word in _words(value)]
        return Variables(given, files, paths, tuple(unset), tuple(unread))

    @property
    def environ(self) -> Dict[str, str]:
        """The variables as a program would see them, those whose specifiers are not known as they are written."""
        found = {
            name: value if (known := unit_text.expanded(value, self.specifiers)) is None else known
            for name, value in self.variables.given.items()
        }
        found.update(self.variables.files)
        for word in self.variables.unset:
            name, sign, value = word.partition("=")
            if not sign or found.get(name) == value:
                found.pop(name, None)
        return found

    @property
    def stop_seconds(self) -> float:
        """How long a stop may take before the processes are killed."""
        said = self.last("TimeoutStopSec", "TimeoutSec")
        found = unit_text.seconds(said) if said is not None else None
        if found is None:
            found = unit_text.seconds(self.manager.get("DefaultTimeoutStopSec", ""))
        found = _USUAL_TIMEOUT if found is None else found
        return found or unit_text.FOREVER  # 0 means the same, from old times


def _words(value: str) -> List[str]:
    try:
        return unit_text.words(value)
    except ValueError:
        return []  # systemd ignores such a line as well


def _pairs(values: Sequence[str]) -> Dict[str, str]:
    items = [word.partition("=") for value in values for word in _words(value)]
    return {name: value for name, sign, value in items if sign and unit_text.NAME.fullmatch(name)}


def folders(environ: Mapping[str, str], root: str) -> List[str]:
    """The folders of units in order. ``SYSTEMD_UNIT_PATH`` is read as systemd's own tools read it."""
    usual = [root + folder for folder in FOLDERS]
    named = environ.get("SYSTEMD_UNIT_PATH", "")
    if not named or root:
        return usual
    entries = named.split(":")
    return [entry for entry in entries if entry] + ([] if entries[-1] else usual)


def named(word: str) -> str:
    """The full name of the service that a word names. Raises `Failure` with code MR8001."""
    name = word if word.endswith(_SUFFIX) else word + _SUFFIX
    if "/" in name or name.startswith((".", "@")) or word.endswith(_OTHERS):
        mend = "Name a service, such as orders or orders.service."
        raise Failure("MR8001", "%s is no name of a service" % word, mend=mend)
    return name


def uid(unit: Unit) -> int:
    """The number of the user that the service runs as; that of nobody where it is not known before the start."""
    import pwd  # noqa: PLC0415 -- also asks LDAP and the like, where the machine does

    user = unit_text.expanded(unit.last("User") or "root", unit.specifiers) or ""
    if unit.yes("DynamicUser"):
        return _NOBODY
    try:
        return int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid
    except KeyError:
        return _NOBODY


def load(word: str, places: Sequence[str], root: str, without: str = "") -> Unit:
    """The unit that a word such as ``orders`` or ``orders@1.service`` names. Raises `Failure` with code MR8001.

    `without`: the name of a drop-in that is left out.
    """
    name, fragment, target = _resolved(named(word), places, root)
    if target == os.devnull or (os.path.isfile(target) and not os.path.getsize(target)):
        raise Failure("MR8001", "%s is masked: it cannot be started" % name, mend="systemctl unmask %s" % name)
    drop_ins = _drop_ins(name, places, without)
    try:
        found = [line for path in (target, *drop_ins) for line in unit_text.lines(read(path))]
        manager = _manager(root)
    except OSError as error:
        raise Failure("MR8001", "%s cannot be read" % (error.filename or target), reason(error)) from error
    service = tuple(line for line in found if line.section == "Service")
    return Unit(name, fragment, tuple(drop_ins), service, manager, root)


def _resolved(name: str, places: Sequence[str], root: str) -> Tuple[str, str, str]:
    """The unit behind aliases, the path of its file, and the file behind links."""
    for _ in range(_MOST_LINKS):
        fragment = _fragment(name, places)
        if fragment is None:
            break
        target, alias = _followed(fragment, name, root)
        if alias == name:
            return name, fragment, target
        name = alias
    mend = "See `systemctl list-unit-files --type=service`. Init scripts: docs/vm.md."
    raise Failure("MR8001", "there is no unit %s" % name, "looked in " + ", ".join(places), mend)


def read(path: str) -> str:
    """The text of a file. Raises `OSError`."""
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        return stream.read()


def _fragment(name: str, places: Sequence[str]) -> Optional[str]:
    for candidate in (name, template(name)):
        for folder in places:
            path = os.path.join(folder, candidate)
            if os.path.lexists(path) and not os.path.isdir(path):
                return path
    return None


def template(name: str) -> str:
    """``orders@.service`` of ``orders@1.service``; the name itself where there is none."""
    prefix, sign, _ = name.partition("@")
    return prefix + sign + _SUFFIX if sign else name


def _followed(fragment: str, name: str, root: str) -> Tuple[str, str]:
    """The file behind links, and the name of the unit that it is of: a link of another name makes an alias."""
    path = fragment
    for _ in range(_MOST_LINKS):
        if not os.path.islink(path):
            break
        said = os.readlink(path)
        if said == os.devnull:
            return said, name
        path = root + said if said.startswith("/") else os.path.join(os.path.dirname(path), said)
    other = os.path.basename(path)
    if not other.endswith(_SUFFIX) or other in (name, template(name)):
        return path, name
    instance = name[: -len(_SUFFIX)].partition("@")[2]
    return path, other.replace("@.", "@%s." % instance, 1) if instance else other


def _drop_ins(name: str, places: Sequence[str], without: str) -> List[str]:
    """The drop-ins in the order in which they count: by name, whatever their folder; of equal names the nearest."""
    stem = name[: -len(_SUFFIX)].partition("@")[0]
    dashes = [place + 1 for place, letter in enumerate(stem) if letter == "-"]
    owners = [name, template(name), *(stem[:end] + _SUFFIX for end in reversed(dashes)), "service"]
    found: Dict[str, str] = {}
    for owner in dict.fromkeys(owners):
        for folder in places:
            here = os.path.join(folder, owner + ".d")
            for file in sorted(os.listdir(here)) if os.path.isdir(here) else ():
                if file.endswith(".conf") and not file.startswith("."):
                    found.setdefault(file, os.path.join(here, file))
    return [found[file] for file in sorted(found) if file != without and os.path.realpath(found[file]) != os.devnull]


def _manager(root: str) -> Dict[str, str]:
    """The settings of the manager. Files of folders beside its main file win, by name."""
    found: Dict[str, str] = {}
    for folder in reversed(_MANAGER):
        found.update({os.path.basename(path): path for path in glob.glob(root + folder + "/system.conf.d/*.conf")})
    main = [path for path in (root + folder + "/system.conf" for folder in _MANAGER) if os.path.isfile(path)][:1]
    settings: Dict[str, str] = {}
    for path in [*main, *(found[name] for name in sorted(found))]:
        settings.update({line.key: line.value for line in unit_text.lines(read(path)) if line.section == "Manager"})
    return settings
