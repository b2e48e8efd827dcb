"""The rules of a ``file`` store as they lie on the disk: what is compiled, what was found wrong, what was before."""

from __future__ import annotations

from typing import Optional, Tuple

from ..core.problem import RuleError
from . import file_listing, files
from .base import EngineError
from .file_build import EMPTY, Build, build
from .file_compiled import NOTHING, Compiled, load, load_problem, load_sources
from .file_history import History
from .locks import Busy


class RuleStore:
    """Where the parts of one store's rules lie, read without a lock and without writing anything."""

    def __init__(self, store: str) -> None:
        self.root = store
        self.rules = store + "/rules"
        self.folder = store + "/compiled"
        self.compiled = self.folder + "/rules.jsonl"
        self.wrong = self.folder + "/problem.json"
        self.journal = self.folder + "/pending.jsonl"
        self.history = History(store + "/history")

    def load(self, known: Compiled) -> Optional[Compiled]:
        """The documents in force, `known` if it is these; None when they are not compiled. Raises `EngineError`."""
        return load(self.compiled, known)

    def problem(self) -> Tuple[str, str]:
        """Signature of the rules folder that was found not valid last, and why; empty texts if none."""
        return load_problem(self.wrong)

    def compile(self, known: Build) -> Build:
        """The set that the rule files are, without writing anything. Raises `Busy`, `RuleError`, `EngineError`."""
        if files.mark(self.journal) != files.ABSENT:
            raise Busy("%s: a change of several files is under way; it will be tried again" % self.journal)
        listing = file_listing.scan(self.rules)
        return build(file_listing.read(self.rules, listing), listing.signature(), known)

    def state(self) -> Build:
        """What is in force, with its sources. Raises `EngineError`."""
        compiled = load(self.compiled, NOTHING)
        if compiled is not None:
            return Build(compiled, load_sources(self.compiled) or {})
        last = self.history.last()
        if not last:
            return EMPTY
        # The compiled form was lost: the history still says what it was, and that numbers must go on from there.
        empty = EMPTY._replace(compiled=NOTHING._replace(version=last))
        try:
            texts = {name: text.encode("utf-8") for name, text in self.history.replay(last).items()}
            return build(texts, "", empty)
        except (RuleError, EngineError):
            return empty
