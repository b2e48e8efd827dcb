"""Changes documents inside the rule files in which they stand; whatever else the files hold stays byte for byte."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .documents import DEFAULT_NAMESPACE, parse, render
from .parsed import Parsed
from .part import leaves
from .patch import Cut, cut, patches
from .problem import Problem, RuleError

_COMMENT = re.compile(r"^[ \t]*#|[ \t]#", re.MULTILINE)
_LINE = re.compile("[^\r\n]*")
_BLANK = re.compile("(?:[ \t]*[\r\n]+)*")


def file_name(identity: str) -> str:
    """The name of the file of a new document: ``lane.gray.yaml``, ``lane.shop.gray.yaml`` outside of ``default``."""
    kind, namespace, name = identity.split("/")
    inner = name if namespace == DEFAULT_NAMESPACE else namespace + "." + name
    return "%s.%s.yaml" % (kind.lower(), inner)


def edit(
    texts: Mapping[str, str], edits: Sequence[Tuple[str, Optional[str]]], folder: str = "rules/"
) -> Dict[str, str]:
    """The texts of the rule files after the edits, each an identity with its new YAML text or None to delete it.

    A document is changed in the file where it stands; a new one goes into a file of its own under `folder`, or to the
    end of that file if it is there already. A file whose last document goes is left out of the answer; deleting what
    is not there changes nothing. Raises `RuleError` when a file does not parse, or when the text of an edit is not
    exactly the document that it is said to be. Contradictions between documents are for ``documents.check_set``.
    """
    wishes = {identity: None if text is None else _only(text, identity) for identity, text in edits}
    changed: Dict[str, str] = {}
    for file, text in texts.items():
        stand = parse(text, file)
        mine = {one.identity: wishes.pop(one.identity) for one in stand if one.identity in wishes}
        rewritten = _rewrite(text, stand, mine) if mine else text
        if rewritten is not None:
            changed[file] = rewritten
    for identity, new in wishes.items():
        if new is not None:
            _append(changed, folder + file_name(identity), new.body)
    return changed


def alone(text: str, one: Parsed) -> str:
    """The text of one document of a file as it reads in a file of its own: with its comments and its namespace."""
    piece = text[one.marker : one.limit]
    if one.document["namespace"] == DEFAULT_NAMESPACE:
        return _body(piece)
    wanted = render(one.document)
    cuts = patches(one, text, parse(wanted, "")[0], wanted) or []
    here = [Cut(each.start - one.marker, each.end - one.marker, each.text) for each in cuts]
    written = _body(cut(piece, here))
    return written if _holds(written, [one.document]) else wanted


class _New(NamedTuple):
    """The document of an edit."""

    one: Parsed
    text: str
    body: str  # with its own comments, without marker and blank lines around


def _rewrite(text: str, stand: Sequence[Parsed], wishes: Mapping[str, Optional[_New]]) -> Optional[str]:
    """A file's text with some of its documents changed or deleted; None: none is left."""
    goal = [one.document if new is None else new.one.document for one, new in _goals(stand, wishes)]
    if not goal:
        return None
    newline = "\r\n" if "\r\n" in text else "\n"
    patched = text
    for sparing in (True, False):
        cuts: List[Cut] = []
        for one in stand:
            if one.identity in wishes:
                new = wishes[one.identity]
                cuts += _deletion(text, one) if new is None else _change(text, one, new, sparing)
        patched = cut(text, [each._replace(text=each.text.replace("\n", newline)) for each in cuts])
        if _holds(patched, goal):
            break
    return patched


def _goals(stand: Sequence[Parsed], wishes: Mapping[str, Optional[_New]]) -> Iterator[Tuple[Parsed, Optional[_New]]]:
    """The documents that the file shall hold, each with its change if it has one."""
    for one in stand:
        new = wishes.get(one.identity)
        if new is not None or one.identity not in wishes:
            yield one, new


def _holds(text: str, goal: Sequence[Mapping[str, Any]]) -> bool:
    try:
        return [one.document for one in parse(text, "")] == goal
    except RuleError:
        return False


def _only(text: str, identity: str) -> _New:
    """The single document of an edit's text."""
    text = text.replace("\r\n", "\n")
    found = parse(text, "<edit>")
    if len(found) != 1 or found[0].identity != identity:
        what = "the text holds %s instead of %s" % (", ".join(one.identity for one in found) or "no document", identity)
        line = found[0].line if found else 1
        raise RuleError([Problem("<edit>", line, 1, "", what, "give exactly that document", "MR1036")])
    return _New(found[0], text, _body(text[found[0].marker : found[0].limit]))


def _body(piece: str) -> str:
    """What stands between two document markers, without the first of them and without blank lines around."""
    piece = piece[3:].lstrip(" \t") if piece.startswith(("---", "...")) else piece.lstrip("\ufeff")
    blank = _BLANK.match(piece)
    return piece[blank.end() if blank else 0 :].rstrip() + "\n"


def _commented(new: _New) -> bool:
    """Whether the text of an edit brings comments of its own."""
    signs = [found.end() - 1 for found in _COMMENT.finditer(new.text)]
    return any(not any(leaf.start <= sign < leaf.end for leaf in leaves(new.one.root)) for sign in signs)


def _change(text: str, old: Parsed, new: _New, sparing: bool) -> List[Cut]:
    """Cuts that put the new document in the old one's place: key by key if `sparing`, else as a whole."""
    if sparing and not _commented(new):
        cuts = patches(old, text, new.one, new.text)
        if cuts is not None:
            return cuts
    start, end = _content(text, old)
    if new.body.startswith("#"):
        start = _comments_above(text, start, old)
    gap = "\n" if text[:start] and text[start - 1] not in "\r\n\ufeff" else ""
    return [Cut(start, end, gap + (new.body if end == len(text) else new.body.rstrip()))]


def _content(text: str, one: Parsed) -> Tuple[int, int]:
    """Where the content stands: from the beginning of its line to the end of its last line."""
    start, end = one.start, one.end
    while start > one.marker and text[start - 1] in " \t":
        start -= 1
    while text[end - 1] in "\r\n":  # a block scalar ends behind its last line
        end -= 1
    rest = _LINE.match(text, end)
    return start, rest.end() if rest else end


def _comments_above(text: str, start: int, one: Parsed) -> int:
    """Where the comment lines begin that stand right above a content, without a blank line between."""
    lines = text[one.marker : start].splitlines(keepends=True)
    while lines and lines[-1].lstrip(" \t").startswith("#"):
        start -= len(lines.pop())
    return start


def _deletion(text: str, one: Parsed) -> List[Cut]:
    """Cuts that remove a document with its marker and with the comments right above its content."""
    start, end = _content(text, one)
    start = _comments_above(text, start, one)
    cuts = [Cut(start, _behind_break(text, end), "")]
    line = _LINE.match(text, one.marker)
    if text.startswith("---", one.marker) and line:
        cuts.append(Cut(one.marker, min(_behind_break(text, line.end()), start), ""))
    return cuts


def _behind_break(text: str, offset: int) -> int:
    if text.startswith("\r\n", offset):
        return offset + 2
    return offset + 1 if text[offset : offset + 1] in ("\n", "\r") else offset


def _append(texts: Dict[str, str], file: str, body: str) -> None:
    before = texts.get(file)
    if before is None:
        texts[file] = body
        return
    newline = "\r\n" if "\r\n" in before else "\n"
    gap = "" if not before or before.endswith("\n") else newline
    texts[file] = before + gap + ("---\n" + body).replace("\n", newline)
