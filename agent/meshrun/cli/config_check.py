"""``meshctl config check``: each setting that is not known, cannot be read, or does nothing where it stands."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from .. import engines, wire
from ..boot import selection
from ..core import settings as settings_
from ..core import yamltext
from ..core.problem import Problem, RuleError, suggest
from ..core.yamlnodes import Node, plain
from ..engines.base import EngineError
from . import change, output, taught
from .config_keys import KEYS
from .errors import FINDING, OK
from .invocation import Invocation

NO_EFFECT, NOT_READ, NOT_YAML = "MR2005", "MR2004", "MR2002"


class Remark(NamedTuple):
    """What is wrong with a setting, or only worth knowing (`advice`)."""

    where: str  # a variable, or file:line:column
    what: str
    mend: str
    code: str
    advice: bool = False

    def shape(self) -> Mapping[str, Any]:
        """The remark for machines."""
        return dict(self._asdict())

    def lines(self, call: Invocation) -> List[str]:
        """The remark for people."""
        sign = "note  " if self.advice else "!     "
        text = "%s: %s (%s)" % (self.where, self.what, self.code)
        found = output.paragraph(text, call.screen, sign)
        return found + (output.paragraph(self.mend, call.screen, "      ") if self.mend else [])


def run(call: Invocation) -> int:
    """Name every problem; exit status 1 if there is one that is more than advice."""
    path = call.args.file or call.settings_file
    found = list(_environment(call)) if not call.args.file else []
    content: Dict[str, Tuple[str, Any]] = {}  # key -> (place, value)
    if path is not None:
        found += _file(path, content)
    environ = {} if call.args.file else call.environ
    chosen = settings_.resolve(environ, {key: value for key, (_, value) in content.items()})
    found += _values(chosen, {key: place for key, (place, _) in content.items()}, alone=bool(call.args.file))
    wrong = [remark for remark in found if not remark.advice]
    call.shape({"file": path, "problems": [remark.shape() for remark in found]})
    for remark in sorted(found, key=lambda one: one.advice):
        call.lines(remark.lines(call))
    looked = [] if call.args.file else ["the environment"]
    looked += [path] if path else []
    said = output.count(len(wrong), "problem") if wrong else "no problem"
    call.lines(output.paragraph("%s in %s" % (said, output.listed(looked)), call.screen))
    return FINDING if wrong else OK


def _environment(call: Invocation) -> Iterator[Remark]:
    for variable, value in sorted(call.environ.items()):
        if not variable.startswith(settings_.PREFIX):
            continue
        name = variable[len(settings_.PREFIX) :]
        if name not in KEYS:
            near = suggest(name, KEYS)
            mend = _sentence(near.replace("did you mean ", "did you mean " + settings_.PREFIX))
            mend = mend if near.startswith("did") else "See `meshctl config show`."
            yield Remark(variable, "no such setting; it does nothing", mend, NOT_READ)
        elif not KEYS[name].used and value.strip():
            yield Remark(variable, "this version does not use it", "", NO_EFFECT, advice=True)
        else:
            counts = "meshrun.yaml or the default" if not KEYS[name].early else "the default"
            yield from _unread(variable, settings_.resolve({variable: value}, {}), counts)


def _unread(where: str, alone: settings_.Settings, counts: str) -> Iterator[Remark]:
    """What `settings.resolve` says of one setting by itself."""
    for warning in alone.warnings:
        head, _, why = warning.partition("): ")
        value = head.partition("=")[2].rpartition(" (")[0]
        mend = "%s Until then %s counts." % (_sentence(why), counts)
        yield Remark(where, "%s cannot be read" % value, mend, NOT_READ)


def _file(path: str, content: Dict[str, Tuple[str, Any]]) -> List[Remark]:
    """The remarks on a file. What it holds is put into `content`."""
    problems: List[Problem] = []
    try:
        text = yamltext.decode(change.content(path), path)
    except RuleError as error:
        return [_of_problem(problem) for problem in error.problems]
    roots = list(yamltext.read(text, path, problems))
    found = [_of_problem(problem) for problem in problems]
    if len(roots) > 1:
        where = "%s:%d:%d" % (path, roots[1].root.line, roots[1].root.column)
        found.append(Remark(where, "a second document", "Keep one: the whole file is not read otherwise.", NOT_YAML))
    for root in roots[:1]:
        if root.root.kind == "mapping":
            found += [one for key, value in root.root.value for one in _entry(path, key, value, content)]
        elif root.root.kind != "nothing":
            where = "%s:%d:%d" % (path, root.root.line, root.root.column)
            mend = "Write lines such as `store: file:/var/lib/meshrun/store`."
            found.append(Remark(where, "the file is not a mapping; it is not read", mend, NOT_YAML))
    return found


def _of_problem(problem: Problem) -> Remark:
    where = "%s:%d:%d" % (problem.file, problem.line, problem.column)
    # A program reads the file by another parser, to which a key that stands twice is no error: the last one counts.
    what = problem.what + ("; the file is not read" if problem.code == "MR1002" else "")
    return Remark(where, what, _sentence(problem.mend), NOT_YAML)


def _entry(path: str, key: Node, value: Node, content: Dict[str, Tuple[str, Any]]) -> Iterator[Remark]:
    """One key of the file."""
    where = "%s:%d:%d" % (path, key.line, key.column)
    word = str(key.value)
    name = word.upper()
    if word != word.lower() or name not in KEYS:
        known = [one.lower() for one in KEYS]
        bare = word.lower()[len(settings_.PREFIX) :] if name.startswith(settings_.PREFIX) else word.lower()
        mend = "did you mean %s?" % bare if bare in known else suggest(bare, known)
        yield Remark(where, "there is no setting %r" % word[:64], _sentence(mend), NOT_READ)
        return
    given = plain(value)
    content[word] = (where, given)
    if KEYS[name].early:
        mend = "It is read before any file is: set %s%s in the environment." % (settings_.PREFIX, name)
        yield Remark(where, "%r has no effect in the file" % word, mend, NO_EFFECT)
    elif not KEYS[name].used:
        yield Remark(where, "this version does not use %r" % word, "", NO_EFFECT, advice=True)
    else:
        yield from _unread(where, settings_.resolve({}, {word: given}), "the default")


def _values(chosen: settings_.Settings, places: Mapping[str, str], *, alone: bool) -> Iterator[Remark]:
    """What is wrong with values that can be read. `alone`: the environment, which may add to them, is not known."""
    values = chosen.values

    def remark(name: str, what: str, mend: str, *, advice: bool = False) -> Remark:
        given = chosen.origins[name] == "file"
        where = places.get(name.lower(), "meshrun.yaml") if given else settings_.PREFIX + name
        return Remark(where, what, mend, NOT_READ, advice)

    if values["STORE"]:
        problem = _store(values["STORE"])
        if problem:
            yield remark("STORE", problem, "Write file:DIR.")
    networks = _networks(values["TRUST"])
    if networks:
        yield remark("TRUST", networks, "Until then nobody's colour counts. Write all, none, or networks.")
    for name in ("WIRE_READ", "WIRE_WRITE"):
        unknown = wire.chosen(values[name])[1]
        if unknown:
            mend = "There are %s." % ", ".join(wire.DIALECTS)
            yield remark(name, "unknown dialect: " + ", ".join(unknown), mend)
    table = taught.table(taught.folder())
    for word in selection.select(",".join(values["HOOKS"]), table).unknown:
        mend = _sentence(suggest(word, set(table.values())))
        yield remark("HOOKS", "there is no hook %r" % word, mend)
    if values["ENTRY"] and (values["TRUST"] or "").strip() == "all":
        what = "everybody's colour counts although this is the entry of the mesh"
        yield remark("TRUST", what, "Name the networks whose colour counts.", advice=True)
    if values["ADMIN"] and not values["ADMIN_TOKEN"]:
        mend = "Set MESHRUN_ADMIN_TOKEN, in the environment rather than in a file that others read."
        yield remark("ADMIN", "it is not opened without a token", mend, advice=alone)


def _store(url: str) -> Optional[str]:
    try:
        engines.open_engine(url).close()
    except EngineError as error:
        return str(error)
    return None


def _networks(setting: Optional[str]) -> Optional[str]:
    for word in (setting or "all").split(","):
        if word.strip().lower() in ("all", "none", ""):
            continue
        try:
            ip_network(word.strip(), strict=False)
        except ValueError as error:
            return str(error)
    return None


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(("?", ".")) else ".")
