"""What the operators wish for the start and the stop of the own instance: the `Lifecycle` rule, else the settings."""

from __future__ import annotations

from typing import Callable, Optional

from ..core.rules import Lifecycle
from ..core.settings import Settings
from .page import Limits


class Wishes:
    """Asks the rules anew each time: they change while the program runs."""

    def __init__(self, settings: Settings, rule: Callable[[], Lifecycle]) -> None:
        self._settings = settings
        self._rule = rule

    def _or_setting(self, said: Optional[float], setting: str) -> float:
        seconds: float = self._settings.values[setting] if said is None else said
        return seconds

    @property
    def lifecycle(self) -> Lifecycle:
        """The rule, with the delay that holds where it is silent."""
        rule = self._rule()
        return rule._replace(delay=self._or_setting(rule.delay, "REGISTER_DELAY"))

    @property
    def limits(self) -> Limits:
        """How long a stop may take."""
        rule = self._rule()
        return Limits(self._or_setting(rule.drain_seconds, "DRAIN_SECONDS"), rule.drain_quiet, rule.drain_min)

    @property
    def warmup(self) -> float:
        """For how many seconds callers raise the share of the instance once it is registered."""
        return self._or_setting(self._rule().warmup_seconds, "WARMUP_SECONDS")
