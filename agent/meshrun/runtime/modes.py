"""In which mode this process runs, and why: what it lacks, kill switch, ``POST /mode``, a Policy, the setting.

Looked at four times a second by the agent thread, and by calls where there is none. A process without a thread leaves
its seams in while it is dormant, for nobody would put them back: they answer everything as untouched.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, List, Mapping, Optional, Tuple

from .. import _applied, _native
from ..core import policy
from ..core.settings import MODES, READS

if TYPE_CHECKING:
    from .process import Process

ORDERED = "POST /mode"
_ORIGINS = {"environment": "MESHRUN_MODE", "file": "meshrun.yaml"}


class Modes:
    """The mode in force. `look` changes it; threads read `mode` and `reason`."""

    def __init__(self, process: Process) -> None:
        self._process = process
        settings = process.settings
        self.setting: str = settings["MODE"]
        self.origin = _ORIGINS.get(settings.origins["MODE"], settings.origins["MODE"])
        self.mode, self.reason = self.setting, self.origin
        self._order: Optional[str] = None
        self.out = _applied.dormant is not None  # whether the seams are out
        self._settled = True
        self._switching = _native.allocate_lock()

    @property
    def kill_switch(self) -> Optional[str]:
        """The file that makes the process dormant; None: it has no state folder."""
        folder = self._process.state_dir
        return None if folder is None else folder + "/off"

    def look(self, now: float) -> None:
        """Work out the mode at `now` (epoch seconds) and bring the seams into line with it."""
        chosen = self._chosen(now)
        if chosen != (self.mode, self.reason):
            self.mode, self.reason = chosen
            self._process.set_mode(self.mode)
        self._bring()

    def order(self, mode: Optional[str], now: float) -> None:
        """An operator's word to this instance, until it is taken back (None) or the program ends."""
        self._order = mode
        self._process.server.ordered = 0 if mode is None else 1 + MODES.index(mode)
        self.look(now)

    def _chosen(self, now: float) -> Tuple[str, str]:
        if self._process.unmet is not None:
            return "dormant", self._process.unmet
        switch = self.kill_switch
        if switch is not None and os.path.lexists(switch):
            return "dormant", _applied.KILLED + switch
        shared = self._process.server.ordered
        order = self._order if shared is None else MODES[shared - 1] if shared else None
        if order is not None:
            return order, ORDERED
        policies = self._policies()
        if policies:
            chosen = policy.mode(policies, self._subject(), self.setting, now)
            if chosen.policy is not None:
                return chosen.mode, chosen.policy.identity
        return self.setting, self.origin

    def _policies(self) -> Tuple[Any, ...]:
        live = self._process.live
        return live.snapshot.rules.policies if live is not None else ()

    def _subject(self) -> policy.Subject:
        process = self._process
        name: Optional[str] = process.settings["SERVICE"] or None
        identity = process.server.instance_id or policy.identity(os.uname().nodename, name)
        return policy.Subject(process.settings["NAMESPACE"], name, process.tags, identity)

    def _bring(self) -> None:
        """Take the seams out or put them in, if they are not as the mode wants them."""
        out = self.mode not in READS
        if _applied.switch is None or (out == self.out and self._settled):
            return
        if out and not self._process.agent.running:
            return
        if self._switching.acquire(False):  # else another thread is at it
            try:
                self._settled = _applied.switch(self.reason if out else None)
                self.out = out
            finally:
                self._switching.release()

    @property
    def killed(self) -> bool:
        """Whether the kill switch is on."""
        return self.reason.startswith(_applied.KILLED)

    @property
    def deaths(self) -> int:
        """Young deaths in a row of this command before this start, as the crash guard counts them."""
        return _applied.crash.deaths if _applied.crash is not None else 0

    def after_fork(self) -> None:
        """In a forked child: the thread that may have been switching is not here."""
        self._switching = _native.allocate_lock()

    def status(self, now: float) -> Mapping[str, Any]:
        """What ``GET /status`` says of it."""
        judged = policy.judge(self._policies(), self._subject(), now)
        policies: List[Mapping[str, Any]] = [
            {"policy": one.policy.identity, "matched": one.matched, "why": one.why} for one in judged
        ]
        return {
            "mode": self.mode,
            "mode_reason": self.reason,
            "mode_setting": self.setting,
            "policies": policies,
            "kill_switch": self.kill_switch,
            "young_deaths": self.deaths,
        }
