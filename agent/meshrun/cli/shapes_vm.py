"""JSON Schema of what ``meshctl vm`` prints."""

from __future__ import annotations

from typing import Mapping

from .shape_forms import Shape, flag, list_, mapping, maybe, object_, text, whole

_UNIT = text("the full name of the unit")
_DRY = flag("nothing was done")
_RESTART = text("the command that lets it take effect; meshctl never runs it")

SHAPES: Mapping[str, Shape] = {
    "vm enable": object_(
        unit=_UNIT,
        dry_run=_DRY,
        drop_in=text("path of the drop-in"),
        text=text("what stands in it"),
        settings=list_(object_(line=text("a line of it"), why=text("why it is there"))),
        environment=mapping("string", "variables that stand in an environment file beside it"),
        steps=list_(object_(what=text("something that was or would be done"), why=text("why"))),
        notes=list_(
            object_(
                what=text("something in the unit that matters"),
                mend=text("what to do about it"),
                bad=flag("the program runs without meshrun because of it"),
            )
        ),
        restart=_RESTART,
        undo=text("the command that takes it back"),
    ),
    "vm disable": object_(
        unit=_UNIT,
        dry_run=_DRY,
        removed=list_(text("a file or folder that was or would be removed")),
        left=list_(text("a folder that is left: other services may use it")),
        restart=_RESTART,
    ),
    "vm status": object_(
        systemd=flag("whether systemd runs this machine"),
        units=list_(
            object_(
                unit=_UNIT,
                enabled=flag("whether it has a drop-in of meshctl"),
                drop_in=text("path of the drop-in"),
                options=mapping("string", "what it was enabled with"),
                active=maybe(text("what systemd says of it, such as active")),
                process=maybe(whole("its main process")),
                under=maybe(flag("whether that runs under meshrun; null: not known")),
                findings=list_(object_(code=text("code"), what=text("what is wrong"), mend=text("how to mend it"))),
            )
        ),
    ),
}
