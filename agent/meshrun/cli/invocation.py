"""One call of ``meshctl``: its arguments, settings and streams, and the store that it works on."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any, Iterable, Mapping, Optional, TextIO, Tuple

from ..core import settings as settings_
from ..core import settings_file
from ..core.model import service_key
from ..engines.base import Engine, EngineError
from . import output
from .errors import Failure

_ORIGINS = {"flag": "--%s", "environment": "MESHRUN_%s", "file": "%s in meshrun.yaml"}


class Invocation:
    """What a command needs; everything that costs time is made on first use."""

    def __init__(
        self, args: argparse.Namespace, environ: Mapping[str, str], out: TextIO, err: TextIO, uid: Optional[int] = None
    ) -> None:
        self.args, self.environ, self.out, self.err = args, environ, out, err
        self.uid = os.getuid() if uid is None else uid
        self.json: bool = getattr(args, "output", "table") == "json"
        self.screen = output.screen(out, environ)
        self._settings: Optional[settings_.Settings] = None
        self._engine: Optional[Engine] = None

    def option(self, name: str) -> Any:
        """The value of an option, or None where it was not given."""
        return getattr(self.args, name, None)

    @property
    def settings(self) -> settings_.Settings:
        """The settings as a program started in this place would see them, below the flags of this command."""
        if self._settings is None:
            flags = {"STORE": self.option("store"), "NAMESPACE": self.option("namespace")}
            flags["STATE_DIR"] = self.option("state_dir")
            given = {name: value for name, value in flags.items() if value is not None}
            self._settings = settings_.resolve(self.environ, self._file(), given)
        return self._settings

    default_file = settings_file.DEFAULT

    @property
    def settings_file(self) -> Optional[str]:
        """The path of ``meshrun.yaml``; None: there is none."""
        path = self.option("config") or self.environ.get("MESHRUN_CONFIG", "").strip()
        if not path and not os.path.exists(self.default_file):
            return None
        return str(path or self.default_file)

    @property
    def settings_file_origin(self) -> str:
        """Where the path of ``meshrun.yaml`` comes from."""
        if self.option("config"):
            return "--config"
        return "MESHRUN_CONFIG" if self.environ.get("MESHRUN_CONFIG", "").strip() else "default"

    def _file(self) -> Mapping[str, Any]:
        """The mapping in ``meshrun.yaml``."""
        path = self.settings_file
        if path is None:
            return {}
        try:
            with open(path, encoding="utf-8") as stream:
                return settings_file.read(stream)
        except (OSError, ValueError, ImportError) as error:
            mend = "Mend the file, or name another with --config or MESHRUN_CONFIG."
            raise Failure("MR2002", "the settings in %s cannot be read" % path, reason(error), mend) from error

    @property
    def namespace(self) -> str:
        """The namespace that names without one belong to."""
        return str(self.settings.values["NAMESPACE"])

    def key(self, name: str) -> str:
        """The service key of a name as people write it: ``orders`` or ``orders.shop``."""
        service, dot, namespace = name.partition(".")
        if not service or (dot and not namespace):
            raise Failure("MR2001", "%r is not the name of a service" % name, mend="Write NAME or NAME.NAMESPACE.")
        return service_key(service, namespace if dot else self.namespace)

    def name(self, key: str) -> str:
        """The name of a service key as `key` reads it: short in the own namespace."""
        namespace, slash, service = key.partition("/")
        if not slash:
            return key
        return service if namespace == self.namespace else service + "." + namespace

    @property
    def author(self) -> str:
        """Who changes rules: ``--author``, else the login name."""
        if self.option("author"):
            return str(self.args.author)
        import pwd  # noqa: PLC0415 -- only what writes needs it

        login = self.environ.get("SUDO_USER")
        try:
            return login or pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return "uid %d" % self.uid

    @property
    def store(self) -> Tuple[str, str]:
        """The store's URL and where that setting comes from."""
        named = self.settings.values["STORE"]
        if named:
            return named, self.origin("STORE")
        from .. import engines  # noqa: PLC0415 -- not needed where a setting names the store

        url, why = engines.default_store(self.environ, self.uid)
        return url, "default: " + why

    def origin(self, name: str) -> str:
        """Where the value of a setting comes from, as a person would look for it."""
        origin = self.settings.origins[name]
        if origin == "flag":
            return "--" + name.lower().replace("_", "-")
        return _ORIGINS[origin] % (name if origin == "environment" else name.lower()) if origin in _ORIGINS else origin

    @property
    def engine(self) -> Engine:
        """The store, opened. Raises `Failure` with code MR3001."""
        if self._engine is None:
            from .. import engines  # noqa: PLC0415 -- commands that need no store do not load one

            url, _ = self.store
            try:
                self._engine = engines.open_engine(url)
            except EngineError as error:
                raise self.unreachable(error) from error
        return self._engine

    def unreachable(self, error: EngineError) -> Failure:
        """The failure that says that the store cannot be used."""
        url, origin = self.store
        why = str(error)
        mend = "Name the store with --store or MESHRUN_STORE, for example --store file:/var/lib/meshrun/store."
        return Failure("MR3001", "the store %s (%s) cannot be used" % (url, origin), why, mend)

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines for people; nothing with ``-o json``."""
        if not self.json:
            for line in lines:
                self.out.write(line + "\n")

    def shape(self, value: Any) -> None:
        """Print the one JSON document of ``-o json``."""
        if self.json:
            self.out.write(json.dumps(value, indent=2) + "\n")

    def note(self, text: str) -> None:
        """Say something beside the answer: on stderr, so that stdout stays the answer."""
        lines = output.paragraph(text, output.screen(self.err, self.environ), "meshctl: ", "  ")
        self.err.write("\n".join(lines) + "\n")

    def failed(self, failure: Failure) -> int:
        """Report a failure and answer its exit status."""
        if self.json:
            self.shape(failure.shape())
            return failure.status
        screen = output.screen(self.err, self.environ)
        text = output.paragraph(failure.what, screen, "meshctl: %s " % failure.code, "  ")
        for label, body in (("  why   ", failure.why), ("  mend  ", failure.mend)):
            text += output.paragraph(body, screen, label) if body else []
        for problem in failure.problems:
            text += output.paragraph(str(problem), screen, "  ", "    ")
        text[0] = text[0].replace("meshctl: " + failure.code, screen.style("meshctl: " + failure.code, "red"), 1)
        self.err.write("\n".join(text) + "\n")
        return failure.status

    def close(self) -> None:
        """Give back what was opened."""
        if self._engine is not None:
            self._engine.close()


def reason(error: BaseException) -> str:
    """One line of why something failed, without the file name that the sentence names anyway."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split())
