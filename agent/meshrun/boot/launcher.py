"""``meshrun [options] COMMAND …``: runs a program as a member of the mesh, in the same process (``exec``)."""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, MutableMapping, NoReturn, Optional, Sequence, Tuple

USAGE = "usage: meshrun [--service NAME] [--lane NAME] [options] COMMAND [ARGUMENT ...]"
HELP = (
    USAGE
    + """

Runs COMMAND, and every Python that it starts, as a member of the mesh. The program itself is not changed: nothing is
installed into its environment, its process id and exit status are its own (uWSGI runs as a child).

  --service NAME     the service that this program is (MESHRUN_SERVICE); without one it is a client only
  --lane NAME        the lane that this instance belongs to (MESHRUN_LANE)
  --namespace NAME   the namespace of the service (MESHRUN_NAMESPACE)
  --tags K=V,...     own tags, such as version=v2,zone=a (MESHRUN_TAGS)
  --port PORT        the port to register, where the program binds several (MESHRUN_PORT)
  --mode MODE        off, dormant, observe, carry or enforce (MESHRUN_MODE)
  --config FILE      the settings file, meshrun.yaml (MESHRUN_CONFIG)
  --boot-folder      print the folder that does the same by the environment alone, where the command cannot change:
                     PYTHONPATH=$(meshrun --boot-folder) MESHRUN_ENABLED=1
  --version          print the version
  --help             print this

Examples:
  meshrun --service orders gunicorn orders:app
  meshrun --service orders --lane gray python orders.py

Operate the mesh with meshctl; see what a running program does with `meshctl status`.
"""
)
ON = ("1", "true", "yes", "on")  # as the boot file reads it
MODES = ("off", "dormant", "observe", "carry", "enforce")
NOT_EXECUTABLE, NOT_FOUND, BAD_USAGE = 126, 127, 2


class Usage(Exception):
    """The command line cannot be understood; the message says why and how to mend it."""


class Answer(Exception):
    """The command line asks for a text, on stdout, and runs nothing."""


def main() -> NoReturn:
    """The console script ``meshrun``. Never returns: becomes COMMAND, or exits with 0, 2, 126 or 127."""
    try:
        settings, command = parse(sys.argv[1:])
    except Usage as error:
        sys.stderr.write("meshrun: %s\n%s\n" % (error, USAGE))
        sys.exit(BAD_USAGE)
    except Answer as answer:
        sys.stdout.write(str(answer))
        sys.exit(0)
    port = settings.get("MESHRUN_PORT")
    if port is not None and taken(int(port)):
        sys.stderr.write(
            "meshrun: port %s is already taken: stop the program that listens on it (see `ss -ltnp`), " % port
        )
        sys.stderr.write("or give this one another port, in its own options and in --port\n")
    environ = os.environ.copy()
    undo_start(environ)
    prepare(environ, settings)
    if environ["MESHRUN_ENABLED"].strip() in ON:
        tell_what_hides(command)
        stay_with(command, environ)
    become(command, environ)


def parse(arguments: Sequence[str]) -> Tuple[Dict[str, str], List[str]]:
    """The environment variables that the options make, and the command. Raises `Usage` and `Answer`."""
    settings: Dict[str, str] = {}
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word, sign, value = rest.pop(0).partition("=")
        if word == "--":
            break
        if word in ("-h", "--help"):
            raise Answer(HELP)
        if word in ("-V", "--version"):
            from .. import __version__  # noqa: PLC0415 - only here

            raise Answer("meshrun %s\n" % __version__)
        if word == "--boot-folder":
            raise Answer((boot_folder() or "") + "\n")
        if word not in _OPTIONS:
            raise Usage("unknown option %s; options of the program stand behind its name" % word)
        if not sign:
            if not rest:
                raise Usage("%s needs a value" % word)
            value = rest.pop(0)
        settings["MESHRUN_" + word[2:].upper()] = _OPTIONS[word](word, value)
    if not rest:
        raise Usage("no command: say which program to run")
    return settings, rest


def _name(option: str, value: str) -> str:
    if 0 < len(value) <= 64 and value.isascii() and all(letter.isalnum() or letter in "._-" for letter in value):
        return value
    raise Usage("%s %r: expected 1 to 64 letters, digits, '.', '_' or '-'" % (option, value))


def _tags(option: str, value: str) -> str:
    for item in value.split(","):
        key, sign, word = item.partition("=")
        if not sign:
            raise Usage("%s %r: expected key=value pairs, comma-separated, such as version=v2,zone=a" % (option, value))
        _name(option, key.strip())
        _name(option, word.strip())
    return value


def _mode(option: str, value: str) -> str:
    if value in MODES:
        return value
    raise Usage("%s %r: expected one of %s" % (option, value, ", ".join(MODES)))


def _port(option: str, value: str) -> str:
    if len(value) <= 5 and value.isascii() and value.isdigit() and 0 < int(value) < 65536:
        return value
    raise Usage("%s %r: expected a port, 1 to 65535" % (option, value))


def _file(option: str, value: str) -> str:
    if not os.path.isfile(value):
        raise Usage("%s %r: there is no such file" % (option, value))
    if not os.access(value, os.R_OK):
        raise Usage("%s %r: cannot be read by this user" % (option, value))
    return os.path.abspath(value)  # the program may change its directory


_OPTIONS: Dict[str, Callable[[str, str], str]] = {
    "--service": _name,
    "--lane": _name,
    "--namespace": _name,
    "--tags": _tags,
    "--config": _file,
    "--mode": _mode,
    "--port": _port,
}


def taken(port: int) -> bool:
    """Whether a program of this machine listens on the port. Only said: several may share one (SO_REUSEPORT)."""
    wanted = ":%04X" % port
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as rows:
                sockets = [row.split() for row in rows]
        except OSError:
            continue
        if any(row[1].endswith(wanted) and row[3] == "0A" for row in sockets[1:]):  # 0A: LISTEN
            return True
    return False


def prepare(environ: MutableMapping[str, str], settings: Dict[str, str]) -> None:
    """Open the environment door: the boot folder first on PYTHONPATH, once; all other entries as they were."""
    environ.update(settings)
    if not environ.get("MESHRUN_ENABLED", "").strip():  # a user's MESHRUN_ENABLED=0 holds
        environ["MESHRUN_ENABLED"] = "1"
    folder = boot_folder()
    if folder is None:
        sys.stderr.write("meshrun: the boot folder of this installation is missing; the program runs without meshrun\n")
        return
    before = environ.get("PYTHONPATH", "")
    # An empty entry is the working directory, so none may be lost or added; an empty variable has no entry at all.
    entries = before.split(os.pathsep) if before else []
    environ["PYTHONPATH"] = os.pathsep.join([folder, *(entry for entry in entries if not _same(entry, folder))])


def tell_what_hides(command: Sequence[str]) -> None:
    """Say in one line that the command itself keeps its program out of the mesh; it runs all the same."""
    from . import interpreter  # noqa: PLC0415 - where meshrun is off, nothing is looked at

    flag, other = interpreter.hiding_flag(command), interpreter.hiding_launcher(command)
    if not flag and not other:
        return
    from . import door  # noqa: PLC0415 - only for these commands

    environment = interpreter.environment_of(command)
    if flag == "-S":
        said = "is run with -S, which hides all start-up code: it runs without meshrun; leave the option out"
    elif environment and door.is_open(environment):
        return
    elif flag:
        said = "is run with %s, which hides PYTHONPATH: it runs without meshrun; " % flag
        said += "`meshctl venv enable` opens a door that does not need it"
    else:
        said = "runs no other start-up code: put meshrun behind it, as in `%s meshrun python app.py`" % other
    sys.stderr.write("meshrun: %s %s\n" % (other or command[0], said))


def stay_with(command: Sequence[str], environ: MutableMapping[str, str]) -> None:
    """Stay as the parent of a server in C, which nothing inside of it can hold or register.

    Comes back where this process is to become the command: always, but in that parent.
    """
    from .. import _guard  # noqa: PLC0415 - where meshrun is off, nothing is looked at
    from . import uwsgi  # noqa: PLC0415 - as above

    site = _guard.guarded(where="uwsgi")(uwsgi.site)(command, environ) if uwsgi.is_meant(command) else None
    if site is not None:
        from ..runtime import parent  # noqa: PLC0415 - only for this server

        parent.stay(environ, site.address, site.port, site.keepalive, ends=site.ends)


def _same(entry: str, folder: str) -> bool:
    return bool(entry) and (entry == folder or os.path.realpath(entry) == os.path.realpath(folder))


def boot_folder() -> Optional[str]:
    """The folder that holds ``sitecustomize.py`` and nothing else: of an installed wheel, a checkout or a bundle."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    above = os.path.dirname(os.path.dirname(package))
    for place in ((package, "sitecustomize"), (above, "sitecustomize"), (above, "boot")):
        folder = os.path.join(*place)
        if os.path.isfile(os.path.join(folder, "sitecustomize.py")) and os.pathsep not in folder:
            return folder
    return None


def undo_start(environ: MutableMapping[str, str]) -> None:
    """Take back what the start of this interpreter changed in the process that COMMAND inherits."""
    import _signal  # type: ignore[import-not-found]  # noqa: PLC0415 - built in; `signal` costs 3 ms

    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        if _signal.getsignal(number) == _signal.SIG_IGN:
            _signal.signal(number, _signal.SIG_DFL)
    # In the C locale the interpreter sets LC_CTYPE for its children (PEP 538).
    if "LC_CTYPE" in environ and not _given("LC_CTYPE"):
        del environ["LC_CTYPE"]


def _given(name: str) -> bool:
    """Whether this process was started with the variable."""
    try:
        with open("/proc/self/environ", "rb") as block:
            return any(item.startswith(os.fsencode(name) + b"=") for item in block.read().split(b"\0"))
    except OSError:
        return True


def become(command: Sequence[str], environ: MutableMapping[str, str]) -> NoReturn:
    """Replace this process by `command`; exits with 127 if there is none, 126 if it cannot be executed."""
    name = command[0]
    try:
        os.execvpe(name, list(command), environ)  # noqa: S606 - what this program is for
    except OSError as error:
        missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
        sys.stderr.write("meshrun: %s\n" % _why(name, error, missing=missing))
        sys.exit(NOT_FOUND if missing else NOT_EXECUTABLE)
    except ValueError as error:  # an empty name
        sys.stderr.write("meshrun: %r cannot be a command: %s\n" % (name, error))
        sys.exit(NOT_FOUND)


def _why(name: str, error: OSError, *, missing: bool) -> str:
    script = name.endswith(".py") and os.path.isfile(name)
    mend = "; run it as: meshrun python %s" % name if script else ""
    if missing and os.path.isfile(name) and os.sep in name:
        return "%s: the interpreter in its first line was not found%s" % (name, mend)
    if missing:
        return "%s: command not found%s" % (name, mend)
    if os.path.isdir(name):
        return "%s: is a directory" % name
    if error.errno == errno.ENOEXEC:
        return "%s: is not a program (a script needs a first line such as #!/bin/sh)%s" % (name, mend)
    return "%s: cannot be executed: %s%s" % (name, error.strerror, mend)


if __name__ == "__main__":
    main()
