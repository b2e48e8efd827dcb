"""JSON Schema of what the commands print that look at one machine: ``doctor``, ``hooks``, ``config``, ``venv``."""

from __future__ import annotations

from typing import Mapping

from .shape_forms import Shape, flag, list_, mapping, maybe, object_, text, whole

_PATH = text("folder of the environment")
_DOOR = object_(
    path=_PATH,
    enabled=flag("whether the door is open now"),
    written=list_(text("a file that was written")),
    removed=list_(text("a file that was removed")),
)
_HOOKS = mapping("string", "hook -> applied, waiting, or off:REASON")

SHAPES: Mapping[str, Shape] = {
    "doctor": object_(
        pid=maybe(whole("the live process that was looked at; null: a command")),
        python=maybe(
            object_(
                executable=text("the interpreter"),
                prefix=text("its environment"),
                version=text("such as 3.11.7"),
                implementation=text("such as cpython"),
            )
        ),
        checks=list_(
            object_(
                name=text("what was looked at"),
                state=text("ok; note: worth knowing; wrong: something does not work because of it"),
                what=text("how it stands"),
                mend=text("how to mend it, or empty"),
                code=maybe(text("code that docs/errors.md explains")),
            )
        ),
        libraries=list_(
            object_(
                name=text("a library that hooks are made for"),
                version=maybe(text("installed version; empty: not written anywhere; null: not installed")),
                supported=list_(text("a version range such as >=1.26")),
                hooks=list_(text("a hook for it")),
                state=text("supported, off, or not installed"),
                why=text("why it is off, or empty"),
            )
        ),
        agents=mapping("string", "other agents that are installed: distribution -> version"),
        hooks={"anyOf": [_HOOKS, {"type": "null"}], "description": "of a live process that answers"},
        early=list_(text("a module that a live process imported before meshrun started")),
    ),
    "hooks": object_(
        hooks=list_(
            object_(
                name=text("the hook"),
                library=text("the library that it patches"),
                supported=list_(text("a version range such as >=1.26")),
                triggers=list_(text("the module after whose import it is applied")),
                about=text("what it does"),
            )
        ),
        processes=list_(
            object_(
                pid=whole("process id"),
                service=maybe(text("its service")),
                hooks={"anyOf": [_HOOKS, {"type": "null"}], "description": "null: the process did not answer"},
                early=list_(text("a module that was imported before meshrun started")),
            )
        ),
    ),
    "config show": object_(
        file=maybe(text("path of meshrun.yaml; null: there is none")),
        settings=list_(
            object_(
                variable=text("the variable in the environment"),
                key=text("the key in meshrun.yaml"),
                value={"description": "the value as it is read; null: none, or a secret"},
                origin=text("flag, environment, file or default"),
                source=text("the same for people"),
                used=flag("whether this version uses it"),
            )
        ),
        warnings=list_(text("a setting that is not known or cannot be read")),
    ),
    "config check": object_(
        file=maybe(text("path of meshrun.yaml; null: there is none")),
        problems=list_(
            object_(
                where=text("a variable, or FILE:LINE:COLUMN"),
                what=text("what is wrong"),
                mend=text("how to mend it, or empty"),
                code=text("code that docs/errors.md explains"),
                advice=flag("true: nothing is wrong, this is worth knowing"),
            )
        ),
    ),
    "config init": object_(
        path=maybe(text("the file that was written; null: standard output")),
        text=text("a commented meshrun.yaml"),
    ),
    "venv enable": _DOOR,
    "venv disable": _DOOR,
    "venv show": object_(
        path=_PATH,
        enabled=flag("whether the door is open"),
        files=list_(text("a file of the door")),
        target=maybe(text("the boot file that it starts")),
        reason=maybe(text("what is wrong with it")),
    ),
    "bundle": object_(
        path=text("the folder of the bundle"),
        boot=text("the folder in it for PYTHONPATH"),
        version=text("version of meshrun"),
        files=whole("all files"),
        bytes=whole("their size together"),
        own_files=whole("files of meshrun itself"),
        own_bytes=whole("their size together"),
        digest=text("SHA-256 over paths, modes and contents: equal bundles have the same"),
        compiled=list_(text("a Python that it holds compiled code for, such as 3.11")),
        dependencies=list_(
            object_(
                name=text("a library"),
                version=text("its version"),
                sha256=text("of the wheel that it was taken from"),
            )
        ),
    ),
}
