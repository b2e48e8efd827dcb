"""From the texts of the rule files to the documents in force. Files that did not change are not parsed again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .base import EngineError
from .file_compiled import NOTHING, Compiled, Source, Span, digest
from .file_history import Change

if TYPE_CHECKING:
    from ..core.parsed import Parsed

LABEL = "rules/"
"""What messages write before the name of a rule file."""


class Build(NamedTuple):
    """The documents in force and the files that they were made from, by name."""

    compiled: Compiled
    sources: Mapping[str, Source]

    def texts(self) -> Dict[str, str]:
        """Identity -> YAML text, with the comments right above."""
        return {
            span.identity: source.text[span.start : span.end]
            for source in self.sources.values()
            for span in source.spans
        }


EMPTY = Build(NOTHING, {})


def build(contents: Mapping[str, bytes], signature: str, old: Build) -> Build:
    """The set that these files are, with the version of `old`.

    Raises `core.problem.RuleError` when the set is not valid, `EngineError` when YAML cannot be read here at all.
    """
    try:
        from ..core import documents  # noqa: PLC0415 -- a process that only loads compiled rules needs no YAML
    except ImportError as error:
        what = "the rule files changed, and compiling them needs PyYAML, which cannot be imported (%s); " % error
        raise EngineError(what + "install it, or run `meshctl rules lint` where it is installed") from error

    problems: List[documents.Problem] = []
    texts: Dict[str, str] = {}
    parsed: Dict[str, Sequence[Parsed]] = {}
    reused = set()
    for name, content in contents.items():
        try:
            texts[name] = documents.decode(content, LABEL + name)
            known = _known(name, texts[name], old)
            if known is not None:
                reused.add(name)
            parsed[name] = documents.parse(texts[name], LABEL + name) if known is None else known
        except documents.RuleError as error:
            problems += error.problems
    if problems:
        raise documents.RuleError(problems)
    try:
        documents.check_set([one for found in parsed.values() for one in found])
    except documents.RuleError:
        for name in reused:  # The places of what was not parsed anew are not known to the column.
            parsed[name] = documents.parse(texts[name], LABEL + name)
        documents.check_set([one for found in parsed.values() for one in found])
        raise
    return _assemble(texts, parsed, frozenset(reused), signature, old)


def _known(name: str, text: str, old: Build) -> Optional[Sequence[Parsed]]:
    """What parsing the file gave the last time, if its text is the same; places are those of the documents."""
    source = old.sources.get(name)
    if source is None or source.text != text:
        return None
    from ..core.parsed import Parsed  # noqa: PLC0415 -- as above
    from ..core.yamlnodes import Node  # noqa: PLC0415 - only a writer loads the parser

    known = []
    for span in source.spans:
        document = old.compiled.documents.get(span.identity)
        if document is None:
            return None
        root = Node("mapping", [], span.line, 1)
        known.append(Parsed(span.identity, document, span.line, span.start, span.end, LABEL + name, root, 0, 0))
    return known


def _assemble(
    texts: Mapping[str, str],
    parsed: Mapping[str, Sequence[Parsed]],
    reused: FrozenSet[str],
    signature: str,
    old: Build,
) -> Build:
    sources: Dict[str, Source] = {}
    digests: Dict[str, str] = {}
    found: Dict[str, Mapping[str, object]] = {}
    for name, all_of_it in parsed.items():
        sources[name] = old.sources[name] if name in reused else _source(texts[name], all_of_it)
        for one in all_of_it:
            known = old.compiled.digests.get(one.identity)
            sign = known if known and name in reused else digest(one.document)
            digests[one.identity] = sign
            found[one.identity] = old.compiled.documents[one.identity] if sign == known else one.document
    return Build(Compiled(old.compiled.version, signature, digests, found), sources)


def _source(text: str, parsed: Sequence[Parsed]) -> Source:
    return Source(text, tuple(Span(one.identity, one.line, *_extent(text, one)) for one in parsed))


def _extent(text: str, one: Parsed) -> Tuple[int, int]:
    """Where a document stands, with the blanks before its first key and the comments right above it."""
    start = one.start
    while start > one.marker and text[start - 1] in " \t":
        start -= 1
    lines = text[one.marker : start].splitlines(keepends=True)
    while lines and lines[-1].lstrip(" \t").startswith("#") and lines[-1][-1:] in "\r\n":
        start -= len(lines.pop())
    end = one.end
    while end > start and text[end - 1] in "\r\n":
        end -= 1
    line = text.find("\n", end, one.limit)
    rest = text[end : one.limit if line < 0 else line]
    return start, end + (len(rest.rstrip()) if rest.lstrip(" \t").startswith("#") else 0)


def changes(old: Build, new: Build) -> Dict[str, Change]:
    """What differs between two sets, by identity."""
    before, after = old.compiled.digests, new.compiled.digests
    differ = {identity for identity in before.keys() | after.keys() if before.get(identity) != after.get(identity)}
    if not differ:
        return {}
    was, becomes = old.texts(), new.texts()
    return {identity: Change(was.get(identity), becomes.get(identity)) for identity in differ}
