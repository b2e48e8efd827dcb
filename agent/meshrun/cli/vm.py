"""``meshctl vm``: a systemd service runs under meshrun by a drop-in; its own unit is not touched, nor restarted."""

from __future__ import annotations

import argparse
import os
import shlex
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ..boot import launcher
from ..engines.folders import SYSTEM_STORE
from . import arguments as arguments_
from . import kill_time, output, unit_files, vm_machine, vm_plan
from .arguments import Subcommand
from .errors import FINDING, OK, Failure
from .invocation import Invocation
from .unit_files import Unit
from .vm_machine import Step
from .vm_plan import Plan, Wish

OPTIONS = ("service", "lane", "mode", "tags", "port", "namespace", "store", "config", "state_dir")
"""What may be set in the drop-in, by the names of the options; each is a setting of the same name."""


class Place(NamedTuple):
    """A unit without our drop-in, and where that stands."""

    unit: Unit
    drop_in: str
    environment: str  # our environment file

    @property
    def there(self) -> bool:
        """Whether our drop-in is there."""
        return vm_machine.ours(self.drop_in)


def arguments(parser: argparse.ArgumentParser) -> None:
    """The commands of the group."""
    from . import vm_status  # noqa: PLC0415 -- it needs what stands here

    parser.epilog = "A service under supervisord or an init script: docs/vm.md."
    arguments_.group(parser, (*SUBCOMMANDS, vm_status.SUBCOMMAND))


def run(call: Invocation) -> int:
    """Run the chosen command."""
    return int(call.args.subcommand(call))


def unit_argument(parser: argparse.ArgumentParser, *, needed: bool = True) -> None:
    """The unit, and the tree that it lies in."""
    parser.add_argument("unit", nargs=None if needed else "?", metavar="UNIT", help="such as orders or orders.service")
    what = "a tree of files, such as an image that is being built, instead of this machine"
    parser.add_argument("--root", metavar="DIR", default="", help=what)


def _enable_arguments(parser: argparse.ArgumentParser) -> None:
    unit_argument(parser)
    add = parser.add_argument
    add("--service", metavar="NAME", help="the service that the program is (MESHRUN_SERVICE)")
    add("--lane", metavar="NAME", help="the lane that it belongs to (MESHRUN_LANE)")
    add(
        "--mode",
        metavar="MODE",
        choices=(*launcher.MODES, ""),
        help="its mode, until a Policy says otherwise (MESHRUN_MODE)",
    )
    add("--tags", metavar="K=V,...", help="its tags (MESHRUN_TAGS)")
    add("--port", metavar="PORT", help="the port to register, where it binds several (MESHRUN_PORT)")
    add("--boot-folder", metavar="DIR", help="the boot folder (default: that of this installation)")
    _dry_run(parser)
    parser.epilog = "Options that were given before still hold; an empty value, as in --lane '', takes one back."


def _disable_arguments(parser: argparse.ArgumentParser) -> None:
    unit_argument(parser)
    _dry_run(parser)


def _dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")


def enable(call: Invocation) -> int:
    """Write the drop-in, and make what it needs."""
    place = find(call, call.args.unit)
    if os.path.lexists(place.drop_in) and not place.there:
        what = "%s was not written by meshctl" % place.drop_in
        raise Failure("MR8001", what, mend="Move it away, then try again.")
    plan = make(call, place, options(call, place))
    steps = _steps(call, place, plan)
    if not call.args.dry_run:
        for step in steps:
            step.do()
    restart = "systemctl restart %s" % place.unit.name
    undo = "meshctl vm disable " + place.unit.name + (" --root " + root(call) if root(call) else "")
    call.shape(
        {
            "unit": place.unit.name,
            "dry_run": bool(call.args.dry_run),
            "drop_in": place.drop_in,
            "text": plan.text(place.unit.name, inside(call, place.environment)),
            "settings": [setting._asdict() for setting in plan.settings],
            "environment": dict(plan.environment),
            "steps": [{"what": step.what, "why": step.why} for step in steps],
            "notes": [{"what": note.what, "mend": note.mend, "bad": note.bad} for note in plan.notes],
            "restart": restart,
            "undo": undo,
        }
    )
    _say(call, place, plan, steps, [restart, undo])
    return FINDING if any(note.bad for note in plan.notes) else OK


def _say(call: Invocation, place: Place, plan: Plan, steps: Sequence[Step], last: Sequence[str]) -> None:
    dry = call.args.dry_run
    lines: List[str] = ["%s (%s)%s" % (place.unit.name, place.unit.fragment, ": nothing is done" if dry else "")]
    for step in steps:
        lines += output.paragraph("%s: %s" % (step.what, step.why), call.screen, "  " + ("would " if dry else ""))
    if not steps:
        lines.append("  the drop-in %s is as it should be" % place.drop_in)
    lines += ["", "drop-in"]
    for setting in plan.settings:
        lines += output.paragraph(setting.line, call.screen, "  ", "    ")
        lines += output.paragraph(setting.why, call.screen, "      ")
    for name, value in plan.environment.items():
        lines += output.paragraph("%s=%s" % (name, value), call.screen, "  ", "    ")
        lines += output.paragraph("In %s, as an environment file of the unit sets it." % place.environment,
                                  call.screen, "      ")  # fmt: skip
    lines.append("")
    for note in plan.notes:
        sign = "!     " if note.bad else "note  "
        code = " (MR8004)" if note.bad else ""
        lines += output.paragraph("%s%s. %s" % (note.what, code, note.mend), call.screen, sign)
    if not vm_machine.booted(root(call)):
        lines += output.paragraph("systemd does not run here, so it was not told: it reads the drop-in when it starts.",
                                  call.screen, "note  ")  # fmt: skip
    lines += ["Takes effect at the next start, which is yours: " + last[0], "Undo: " + last[1]]
    call.lines(lines)


def disable(call: Invocation) -> int:
    """Remove what `enable` wrote for the unit."""
    name = unit_files.named(call.args.unit)
    try:
        place = find(call, name)
    except Failure:  # a unit that is gone may have left its drop-in
        place = _place(call, Unit(name, "", (), (), {}, root(call)))
    wanted = [path for path in (place.drop_in, place.environment) if vm_machine.ours(path)]
    removed = wanted if call.args.dry_run else vm_machine.remove(wanted) if wanted else []
    if removed and not call.args.dry_run and vm_machine.booted(root(call)):
        vm_machine.reload_step().do()
    restart = "systemctl restart " + place.unit.name
    left = [path for path in ("/run/" + vm_plan.state_name(place.unit), SYSTEM_STORE) if os.path.exists(path)]
    left = [] if root(call) else left
    call.shape({"unit": place.unit.name, "dry_run": bool(call.args.dry_run), "removed": removed, "left": left,
                "restart": restart})  # fmt: skip
    verb = "would remove " if call.args.dry_run else "removed "
    lines = ["%s: %s" % (place.unit.name, "the drop-in is gone" if removed else "there was no drop-in of meshctl")]
    lines += ["  " + verb + path for path in removed]
    if removed:
        lines += ["The service runs under meshrun until its next start, which is yours: " + restart]
    if removed and left:
        lines += output.paragraph("Left: %s; docs/vm.md says how to remove them." % output.listed(left), call.screen)
    call.lines(lines)
    return OK


def root(call: Invocation) -> str:
    """The tree that is worked on; empty: this machine."""
    return os.path.abspath(call.args.root).rstrip("/") if getattr(call.args, "root", "") else ""


def inside(call: Invocation, path: str) -> str:
    """A path as it is called within the tree."""
    return path[len(root(call)) :]


def find(call: Invocation, word: str) -> Place:
    """The unit of that name. Raises `Failure` with code MR8001."""
    here = root(call)
    return _place(call, unit_files.load(word, unit_files.folders(call.environ, here), here, vm_plan.NAME))


def _place(call: Invocation, unit: Unit) -> Place:
    folder = "%s%s/%s.d/" % (root(call), unit_files.HERE, unit.name)
    return Place(unit, folder + vm_plan.NAME, folder + vm_plan.ENVIRONMENT_NAME)


def options(call: Invocation, place: Place) -> Dict[str, str]:
    """The options of the drop-in: those that it has, then those of this command."""
    found = written(place)
    for name in (*OPTIONS, "boot_folder"):
        value = call.option(name)
        if value is not None:
            found[name] = os.path.abspath(value) if name in ("config", "boot_folder") and value else str(value)
    _check({name: value for name, value in found.items() if value})
    return {name: value for name, value in found.items() if value}


def _check(chosen: Mapping[str, str]) -> None:
    """Raise `Failure` with code MR2001 where the launcher would refuse an option, too."""
    for name, value in chosen.items():
        if not value.isprintable():
            raise Failure("MR2001", "--%s %r: a value cannot hold such characters" % (name.replace("_", "-"), value))
        if name in ("service", "lane", "tags", "port", "namespace"):
            try:
                launcher.parse(["--%s=%s" % (name, value), "x"])
            except launcher.Usage as error:
                raise Failure("MR2001", str(error)) from error


def written(place: Place) -> Dict[str, str]:
    """The options that stand in our drop-in."""
    text = vm_machine.text(place.drop_in) if place.there else ""
    line = next((line for line in text.splitlines() if line.startswith(vm_plan.OPTIONS)), "")
    words = [word.partition("=") for word in shlex.split(line[len(vm_plan.OPTIONS) :])]
    return {name[2:].replace("-", "_"): value for name, _, value in words}


def make(call: Invocation, place: Place, chosen: Mapping[str, str]) -> Plan:
    """What the unit needs. Raises `Failure`."""
    boot = chosen.get("boot_folder") or launcher.boot_folder()
    if boot is None:
        raise Failure("MR8001", "the boot folder of this installation is missing", mend="Install meshrun again.")
    variables = {"MESHRUN_" + name.upper(): chosen[name] for name in OPTIONS if name in chosen}
    words = " ".join(shlex.quote("--%s=%s" % (name.replace("_", "-"), value)) for name, value in chosen.items())
    here = seen_by(call, place.unit, variables)
    try:
        url, _ = here.store
        drain = kill_time.drain(here).seconds
    finally:
        here.close()
    scheme, _, folder = url.partition(":")
    store: Optional[str] = folder if scheme == "file" else None
    return vm_plan.make(place.unit, Wish(variables, words, boot, drain, store, store == SYSTEM_STORE))


def seen_by(call: Invocation, unit: Unit, variables: Mapping[str, str]) -> Invocation:
    """The settings as the program of a unit reads them; the store of the machine is taken as made."""
    environ: Dict[str, Any] = {**unit.environ, **variables}
    plain = argparse.Namespace(output=getattr(call.args, "output", "table"))
    here = Invocation(plain, environ, call.out, call.err, uid=0)
    here.default_file = root(call) + here.default_file
    return here


def _steps(call: Invocation, place: Place, plan: Plan) -> List[Step]:
    """What has to be done, in the order in which nothing refers to what is not there yet."""
    steps: List[Step] = []
    if any(setting.line == "SupplementaryGroups=" + vm_plan.GROUP for setting in plan.settings):
        steps += vm_machine.store_steps(SYSTEM_STORE, root(call))
    text = plan.text(place.unit.name, inside(call, place.environment))
    files = [(place.drop_in, text, "the unit itself stays as it is")]
    if plan.environment:
        why = "variables that an environment file of the unit sets"
        files.insert(0, (place.environment, plan.environment_text, why))
    fresh = [one for one in files if vm_machine.text(one[0]) != one[1]]
    steps += [vm_machine.write_step(*one) for one in fresh]
    if not plan.environment and vm_machine.ours(place.environment):
        steps.append(
            vm_machine.remove_step(place.environment, "no environment file of the unit sets our variables now")
        )
    if fresh and vm_machine.booted(root(call)):
        steps.append(vm_machine.reload_step())
    return steps


SUBCOMMANDS = (
    Subcommand("enable", "let a systemd service run under meshrun from its next start on", _enable_arguments, enable),
    Subcommand("disable", "take that back", _disable_arguments, disable),
)
