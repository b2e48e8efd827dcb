"""How the ``file`` engine reads rules: one look costs one ``stat`` while nothing changed."""

from __future__ import annotations

import time
from typing import Callable, Optional, Tuple

from ..core.problem import RuleError
from . import file_listing, files
from .base import EngineError, RulesReading
from .file_build import Build
from .file_compiled import NOTHING, Compiled
from .file_leases import Now
from .file_listing import Listing
from .file_rules import RuleStore
from .file_writer import RuleWriter
from .locks import Busy

_SCAN_SECONDS = 0.5
_WAIT = 1.0
_SHARE = 50
"""Looking through the rule files may take one part in this many of a process's time."""


class RuleReader:
    """The rules of a store as one process sees them.

    Whoever finds the rule files edited by hand, and nobody else at it, compiles them for everybody. Where the store
    cannot be written they are compiled in memory.
    """

    def __init__(self, store: RuleStore, writer: RuleWriter, now: Callable[[], Now]) -> None:
        self._store = store
        self._writer = writer
        self._now = now
        self._mark = files.ABSENT
        self._settled = False
        self._next_scan = 0.0  # ticks
        self._next_full = 0.0  # ticks
        self._folder: Tuple[files.Mark, bool] = (files.ABSENT, False)
        self._dealt: Optional[Tuple[file_listing.Stamp, ...]] = None  # the rule files whose matter is settled
        self._disk: Compiled = NOTHING
        self._shown: Compiled = NOTHING
        self._memory: Optional[Build] = None  # compiled here, because it cannot be written
        self._noted: Tuple[str, str] = ("", "")  # signature and text of the problem that everybody sees
        self._own: Optional[str] = None  # a problem of this process
        self._reading = RulesReading(0, {}, None)

    def look(self, fresh: bool) -> RulesReading:
        """The rules now, the same object while nothing changed. Raises `EngineError`.

        `fresh` waits, for a second at most, for an edit that is being made or compiled just now.
        """
        now = self._now()
        mark = files.mark(self._store.folder)
        if fresh or mark != self._mark or not self._settled:
            self._load()
            self._mark, self._settled = mark, files.settled(mark, now.wall)
        if fresh or now.ticks >= self._next_scan:
            self._next_scan = now.ticks + _SCAN_SECONDS
            self._scan(now, fresh)
        return self._publish()

    def build(self) -> Build:
        """What `look` showed, with its sources. Raises `EngineError`."""
        return self._store.state() if self._memory is None else self._memory

    def _load(self) -> None:
        compiled = self._store.load(self._shown)
        self._disk = NOTHING if compiled is None else compiled
        self._noted = self._store.problem()
        if compiled is not None and self._memory is None:
            self._shown = compiled
        self._dealt = None

    def _scan(self, now: Now, fresh: bool) -> None:
        """See whether the rule files are those that were compiled, and deal with it if not."""
        mark = files.mark(self._store.rules)
        same = (mark, True) == self._folder
        self._folder = (mark, files.settled(mark, now.wall))
        if same and now.ticks < self._next_full and not fresh:
            return
        began = time.perf_counter()
        try:
            listing = file_listing.scan(self._store.rules)
        except EngineError as error:
            self._own = None if self._disk.version else str(error)  # Others who may look will compile it.
            return
        self._next_full = now.ticks + max(_SCAN_SECONDS, _SHARE * (time.perf_counter() - began))
        if listing.stamps != self._dealt:
            # Not dealt with is none, so that an edit that is taken back at once is seen as well.
            self._dealt = listing.stamps if self._deal(listing, now, fresh) else None

    def _deal(self, listing: Listing, now: Now, fresh: bool) -> bool:
        """Bring the rule files into force; False: not now, try again at the next look."""
        signature = listing.signature()
        if signature == self._disk.signature or (not listing.stamps and self._disk is NOTHING):
            if self._memory is not None:
                self._memory, self._shown = None, self._disk
            self._own = None
            if self._noted[0]:
                self._take_back(fresh)
            return True
        if signature == self._noted[0]:
            self._own = self._noted[1] if self._memory is not None else None
            return True
        if not listing.quiet(now.wall):
            self._again()
            if not fresh or not self._rest(listing):
                return False
        return self._compile(fresh)

    def _take_back(self, fresh: bool) -> None:
        """The files are those in force again: the problem that was noted meanwhile is over, for everybody."""
        try:
            self._writer.absorb(_WAIT if fresh else 0.0)
        except RuleError:
            pass  # Another edit came in between; it is noted, and loaded below.
        except EngineError:
            self._noted = ("", "")  # It cannot be removed here or now, and is over all the same.
            return
        self._noted = self._store.problem()

    def _compile(self, fresh: bool) -> bool:
        try:
            self._writer.absorb(_WAIT if fresh else 0.0)
            self._memory = self._own = None
        except Busy:
            self._again()
            return False
        except RuleError:
            self._memory = self._own = None  # Noted for everybody, and loaded below.
        except EngineError:
            return self._compile_here()
        self._load()
        return False  # Another edit may have come in between: the next scan finds what was compiled, or more.

    def _compile_here(self) -> bool:
        """Compile in memory: the store cannot be written, or a rule file not be read. False: try again."""
        try:
            known = Build(self._shown, {}) if self._memory is None else self._memory
            build = self._store.compile(known)
        except Busy:
            self._again()
            return False
        except (RuleError, EngineError) as error:
            self._own = str(error)
            return True
        if build.compiled.digests != self._shown.digests:
            # Nobody numbers what is only here; the number has to grow all the same.
            version = max(self._shown.version, self._disk.version) + 1
            build = build._replace(compiled=build.compiled._replace(version=version))
        self._memory, self._own = build, None
        self._shown = build.compiled
        return True

    def _again(self) -> None:
        """Scan at the next look."""
        self._next_scan = self._next_full = 0.0

    def _rest(self, listing: Listing) -> bool:
        """Wait until nobody is just writing a rule file; False when that lasts."""
        deadline = time.monotonic() + _WAIT
        while not listing.quiet(self._now().wall):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
            listing = file_listing.scan(self._store.rules)
        return True

    def _publish(self) -> RulesReading:
        problem = self._own or (self._noted[1] if self._memory is None else None) or None
        before = self._reading
        if (before.version, before.problem) != (self._shown.version, problem):
            self._reading = RulesReading(self._shown.version, self._shown.documents, problem)
        return self._reading
