"""``meshctl rules lint``: every problem of rule documents, with its place."""

from __future__ import annotations

import os
from typing import Dict, List, Mapping, Optional, Tuple

from ..core import documents
from ..core.documents import Parsed, Problem, RuleError
from . import change, output
from .errors import FINDING, OK, Failure, problem_shape
from .invocation import Invocation, reason

ENDINGS = (".yaml", ".yml")


def run(call: Invocation) -> int:
    """Check documents and their set; every problem is named. Exit status 1 if there is one; advice is none."""
    # In the store a document without `namespace` is of the default one, whoever asks.
    namespace = call.namespace if call.args.file else documents.DEFAULT_NAMESPACE
    parsed, problems = read(sources(call, call.args.file), namespace)
    hints = documents.advice(parsed)
    shown = [problem_shape(problem) for problem in problems] + [problem_shape(hint, advice=True) for hint in hints]
    call.shape({"documents": len(parsed), "problems": shown})
    lines: List[str] = []
    for problem in (*problems, *hints):
        lines += output.paragraph(str(problem), call.screen, "", "    ")
    checked = output.count(len(parsed), "valid document")
    call.lines([*lines, "%s, %s" % (checked, output.count(len(problems), "problem") if problems else "no problem")])
    return FINDING if problems else OK


def read(given: Mapping[str, bytes], namespace: str) -> Tuple[List[Parsed], List[Problem]]:
    """The valid documents of some files, name -> content, and every problem of the others and of their set."""
    parsed: List[Parsed] = []
    problems: List[Problem] = []
    for name, data in given.items():
        try:
            parsed += documents.parse(data, name, namespace)
        except RuleError as error:
            problems += error.problems
    try:
        documents.check_set(parsed)
    except RuleError as error:
        problems += error.problems
    return parsed, problems


def sources(call: Invocation, where: Optional[str]) -> Dict[str, bytes]:
    """What a file, a folder or ``-`` holds, or without one the store: name -> content. Raises `Failure`: MR2003."""
    if where is None:
        # The folder itself, not what the engine made of it: a file that is not valid must be seen as it stands.
        scheme, _, place = call.engine.url.partition(":")
        if scheme != "file":
            return {identity: text.encode("utf-8") for identity, text in change.texts(call).items()}
        where = place + "/rules"
        if not os.path.isdir(where):
            return {}
    if where == change.STDIN or not os.path.isdir(where):
        return {where: change.content(where)}
    try:
        names = sorted(name for name in os.listdir(where) if name.endswith(ENDINGS) and not name.startswith("."))
    except OSError as error:
        raise Failure("MR2003", "%s cannot be read" % where, reason(error), "Name another file or folder.") from error
    return {os.path.join(where, name): change.content(os.path.join(where, name)) for name in names}
