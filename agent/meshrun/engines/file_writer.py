"""How the ``file`` engine writes rules: one writer at a time, whole or not at all, each change a revision."""

from __future__ import annotations

import time
from typing import Iterable, List, Mapping, Optional, Sequence

from ..core.problem import RuleError
from . import file_journal, file_listing, files
from .base import Conflict, Edit, EngineError, Revision
from .file_build import Build, build, changes
from .file_compiled import dump, dump_problem
from .file_edits import authors, edited, overlaid, touched
from .file_history import Change
from .file_listing import Listing
from .file_rules import RuleStore
from .folders import make_folder, sweep
from .locks import Lock

_APPLY_WAIT = 10.0
_QUIET_WAIT = 2.0
_TRIES = 5
BY_HAND = "edited by hand"


class RuleWriter:
    """Brings rules into force: what somebody edited by hand, and what a program asks for."""

    def __init__(self, store: RuleStore) -> None:
        self._store = store

    def absorb(self, wait: float) -> None:
        """Compile what was edited by hand. Raises `Busy` when another process does so for longer than `wait` seconds.

        Raises `RuleError` when the set is not valid, which is then noted for everybody; `EngineError` when that
        cannot be found out or written.
        """
        with self._lock(wait):
            self._finish()
            self._absorb(self._store.state())

    def apply(self, edits: Sequence[Edit], author: str, reason: str, expect: Optional[int]) -> Revision:
        """Change documents in the files where they stand. Raises `Conflict`, `RuleError`, `EngineError`."""
        with self._lock(_APPLY_WAIT):
            self._finish()
            for _ in range(_TRIES):
                revision = self._try(edits, Revision(0, time.time(), author, reason, ()), expect)
                if revision is not None:
                    return revision
        raise self._edited_now()

    def _lock(self, wait: float) -> Lock:
        make_folder(self._store.folder, self._store.root)
        return Lock(self._store.folder + "/.lock", wait)

    def _try(self, edits: Sequence[Edit], who: Revision, expect: Optional[int]) -> Optional[Revision]:
        """One try of `apply`; None when somebody changed a file by hand meanwhile."""
        listing = self._quiet()
        old = self._store.state()
        sound = True
        try:
            old = self._absorb(old)
        except RuleError:
            sound = False  # The edits may be what mends it; if not, the same error comes back below.
        version = old.compiled.version
        if expect is not None and expect != version:
            what = "the rules are at version %d by now, not %d; look at them and apply again"
            raise Conflict(what % (version, expect))
        contents = file_listing.read(self._store.rules, listing)
        wanted = edited(contents, old, edits)
        new = build(overlaid(contents, wanted), "", old)
        differ = changes(old, new)
        if not differ and sound:
            return who._replace(number=version)
        if file_listing.scan(self._store.rules).stamps != listing.stamps:
            return None
        revision = who._replace(number=version + 1 if differ else version, identities=tuple(sorted(differ)))
        self._commit(file_journal.Intent(revision, wanted), contents, listing, new, differ)
        return revision

    def _quiet(self) -> Listing:
        """The rule files, once nobody is just writing one. Raises `Conflict` when that lasts."""
        deadline = time.monotonic() + _QUIET_WAIT
        while True:
            listing = file_listing.scan(self._store.rules)
            if listing.quiet(time.time()):
                return listing
            if time.monotonic() > deadline:
                raise self._edited_now()
            time.sleep(0.05)

    def _edited_now(self) -> Conflict:
        return Conflict("somebody is editing files in %s by hand at this moment; try again" % self._store.rules)

    def _absorb(self, old: Build) -> Build:
        """Make a revision of what was edited by hand, if anything was."""
        listing = file_listing.scan(self._store.rules)
        signature = listing.signature()
        if signature == old.compiled.signature:
            files.remove(self._store.wrong)
            return old
        try:
            new = build(file_listing.read(self._store.rules, listing), signature, old)
        except RuleError as error:
            files.replace(self._store.wrong, dump_problem(signature, str(error)))
            raise
        differ = changes(old, new)
        revision = Revision(old.compiled.version, 0.0, "", "", ())
        if differ:
            author = authors(self._store.rules, touched(old, new))
            number = old.compiled.version + 1
            revision = Revision(number, time.time(), author, BY_HAND, tuple(sorted(differ)))
        return self._publish(new, revision, differ)

    def _commit(
        self,
        intent: file_journal.Intent,
        contents: Mapping[str, bytes],
        listing: Listing,
        new: Build,
        differ: Mapping[str, Change],
    ) -> None:
        """Replace the files and publish the set; a crash in between is finished by the next writer."""
        make_folder(self._store.rules, self._store.root)
        file_journal.write(self._store.journal, intent)
        done: List[str] = []
        try:
            for name, text in intent.texts.items():
                self._put(name, None if text is None else text.encode("utf-8"))
                done.append(name)
            files.sync(self._store.rules)
        except EngineError:
            self._undo(done, contents)
            raise
        signature = listing.moved(self._store.rules, intent.texts).signature()
        compiled = new.compiled._replace(signature=signature)
        self._publish(new._replace(compiled=compiled), intent.revision, differ)
        files.remove(self._store.journal)

    def _undo(self, names: Iterable[str], contents: Mapping[str, bytes]) -> None:
        """Put back what stood in these files before; what cannot be put back counts as edited by hand."""
        for name in names:
            try:
                self._put(name, contents.get(name))
            except EngineError:
                continue
        files.remove(self._store.journal)

    def _put(self, name: str, content: Optional[bytes]) -> None:
        path = "%s/%s" % (self._store.rules, name)
        if content is None:
            files.remove(path)
        else:
            files.replace(path, (content,), durable=True)

    def _publish(self, new: Build, revision: Revision, differ: Mapping[str, Change]) -> Build:
        """Bring a set into force: its revision first, the compiled form last."""
        if differ:
            make_folder(self._store.root + "/history", self._store.root)
            self._store.history.write(revision, differ)
        new = new._replace(compiled=new.compiled._replace(version=revision.number))
        files.replace(self._store.compiled, dump(new.compiled, new.sources))
        files.remove(self._store.wrong)
        sweep(self._store.folder)
        return new

    def _finish(self) -> None:
        """Finish what an earlier writer began and did not live to end."""
        if files.mark(self._store.journal) == files.ABSENT:
            return
        intent = file_journal.read(self._store.journal)
        old = self._store.state()
        listing = file_listing.scan(self._store.rules)
        contents = file_listing.read(self._store.rules, listing)
        if intent is None or intent.revision.number <= old.compiled.version or not intent.begun(contents):
            files.remove(self._store.journal)
            return
        try:
            new = build(overlaid(contents, intent.texts), "", old)
        except RuleError:  # Somebody edited the files since; what stands there counts as their edit.
            files.remove(self._store.journal)
            return
        differ = changes(old, new)
        revision = intent.revision._replace(identities=tuple(sorted(differ)))
        self._commit(intent._replace(revision=revision), contents, listing, new, differ)
