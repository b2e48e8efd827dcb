"""``meshctl vm status``: whether a service's drop-in is there, still says what it should, and is what runs."""

from __future__ import annotations

import argparse
import glob
import os
from typing import Any, List, Mapping, NamedTuple, Optional

from ..boot import launcher
from . import output, proc, unit_files, unit_text, vm, vm_machine, vm_plan
from .arguments import Subcommand
from .errors import CODES, FINDING, OK, Failure
from .findings import Finding
from .invocation import Invocation
from .vm import Place


class Stand(NamedTuple):
    """How one unit stands. `process`: its main process, if systemd runs one; `under`: whether that has the drop-in."""

    unit: str
    enabled: bool
    drop_in: str
    options: Mapping[str, str]
    active: Optional[str]
    process: Optional[int]
    under: Optional[bool]
    findings: List[Finding]

    def shape(self) -> Mapping[str, Any]:
        """The unit for machines."""
        shown = [{"code": one.code, "what": one.what, "mend": one.mend} for one in self.findings]
        return dict(self._asdict(), options=dict(self.options), findings=shown)


def _arguments(parser: argparse.ArgumentParser) -> None:
    vm.unit_argument(parser, needed=False)
    parser.epilog = "Without a unit: every service that meshctl wrote a drop-in for."


def status(call: Invocation) -> int:
    """Say how units stand; exit status 1 if something is wrong with one."""
    names = [call.args.unit] if call.args.unit else _enabled(call)
    found = [_stand(call, name) for name in names]
    call.shape({"systemd": vm_machine.booted(vm.root(call)), "units": [one.shape() for one in found]})
    lines = [line for one in found for line in _lines(call, one)]
    call.lines(lines or ["no service has a drop-in of meshctl"])
    return FINDING if any(CODES[one.code].status for stand in found for one in stand.findings) else OK


def _enabled(call: Invocation) -> List[str]:
    """The units that have a drop-in of ours."""
    pattern = glob.escape(vm.root(call) + unit_files.HERE) + "/*.service.d/" + vm_plan.NAME
    paths = [path for path in sorted(glob.glob(pattern)) if vm_machine.ours(path)]
    return [os.path.basename(os.path.dirname(path))[: -len(".d")] for path in paths]


def _stand(call: Invocation, name: str) -> Stand:
    try:
        place = vm.find(call, name)
    except Failure as failure:
        if call.args.unit:
            raise
        mend = "meshctl vm disable " + name
        return Stand(name, True, "", {}, None, None, None, [Finding(failure.code, name, failure.what, mend)])
    unit = place.unit.name
    if not place.there:
        return Stand(unit, False, place.drop_in, {}, None, None, None, [])
    options = vm.written(place)
    findings = _of_files(call, place, options)
    active, process, under = None, None, None
    if vm_machine.booted(vm.root(call)):
        said = vm_machine.shown(unit)
        active = said.get("ActiveState")
        process = int(said.get("MainPID") or 0) or None
        under = _runs(process, options) if process is not None else None
        findings += _of_systemd(unit, said, under)
    return Stand(unit, True, place.drop_in, options, active, process, under, findings)


def _of_files(call: Invocation, place: Place, options: Mapping[str, str]) -> List[Finding]:
    """Where the drop-in differs from what it would be now."""
    unit = place.unit.name
    again = "Run `meshctl vm enable %s` again." % unit
    try:
        plan = vm.make(call, place, options)
    except Failure as failure:
        return [Finding(failure.code, unit, failure.what, failure.mend)]
    found = []
    wanted = list(unit_text.lines(plan.text(unit, vm.inside(call, place.environment))))
    if list(unit_text.lines(vm_machine.text(place.drop_in))) != wanted:
        found.append(Finding("MR8002", unit, "the unit or meshrun changed: its drop-in would be another now", again))
    elif plan.environment and unit_text.environment(vm_machine.text(place.environment)) != dict(plan.environment):
        found.append(Finding("MR8002", unit, "an environment file of the unit changed", again))
    boot = options.get("boot_folder") or launcher.boot_folder() or ""
    whole = unit_files.load(unit, unit_files.folders(call.environ, vm.root(call)), vm.root(call)).environ
    if not _opens(whole, boot) and not any(note.bad for note in plan.notes):
        what = "another drop-in or environment file takes PYTHONPATH or MESHRUN_ENABLED back"
        found.append(Finding("MR8002", unit, what, "See `systemctl cat %s`." % unit))
    if not any(os.path.isfile(root + boot + "/sitecustomize.py") for root in ("", vm.root(call))):
        found.append(Finding("MR8002", unit, "the boot folder %s is gone: it starts without meshrun" % boot, again))
    uses = any(setting.line == "SupplementaryGroups=" + vm_plan.GROUP for setting in plan.settings)
    if uses and vm_machine.group_id(vm.root(call)) is None:
        found.append(Finding("MR8002", unit, "there is no group %s: it cannot be started" % vm_plan.GROUP, again))
    found += [Finding("MR8004", unit, note.what, note.mend) for note in plan.notes if note.bad]
    return found


def _of_systemd(unit: str, said: Mapping[str, str], under: Optional[bool]) -> List[Finding]:
    if said.get("NeedDaemonReload") == "yes":
        return [Finding("MR8003", unit, "systemd has not read its files since they changed", "systemctl daemon-reload")]
    if under is False:
        mend = "It was started before: systemctl restart %s. If it was not, see `meshctl doctor --unit %s`."
        return [Finding("MR8003", unit, "its process runs without meshrun", mend % (unit, unit))]
    return []


def _runs(process: int, options: Mapping[str, str]) -> Optional[bool]:
    """Whether the environment of a process opens the door; None: it cannot be read."""
    boot = options.get("boot_folder") or launcher.boot_folder() or ""
    try:
        return _opens(proc.environ(process), boot)
    except OSError:
        return None


def _opens(environ: Mapping[str, str], boot: str) -> bool:
    """Whether an environment opens the door."""
    on = environ.get("MESHRUN_ENABLED", "").strip() in launcher.ON
    return on and boot in environ.get("PYTHONPATH", "").split(":")


def _lines(call: Invocation, stand: Stand) -> List[str]:
    if not stand.enabled:
        return ["%s: no drop-in of meshctl; it runs as its unit says" % stand.unit]
    state = "" if stand.active is None else ", " + stand.active
    runs = {True: ", process %d runs under meshrun", False: ", process %d runs without meshrun"}
    if stand.process is not None:
        state += runs[stand.under] % stand.process if stand.under is not None else ", process %d" % stand.process
    said = ", ".join("%s %s" % (name.replace("_", "-"), value) for name, value in stand.options.items())
    lines = output.paragraph("%s: %s%s" % (stand.unit, stand.drop_in, state), call.screen, "", "  ")
    lines += output.paragraph(said, call.screen, "  ") if said else []
    return lines + [line for finding in stand.findings for line in finding.lines(call.screen)]


SUBCOMMAND = Subcommand("status", "whether the drop-in is there, is as it should be, and is what runs",
                        _arguments, status)  # fmt: skip
