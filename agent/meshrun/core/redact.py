"""Takes secrets out of texts that are shown: by the key that stands before a value, and by the shape of the value.

What an operator sees of a process (its command line, the URL of its store, the reasons of failures) goes through here.
"""

from __future__ import annotations

import re
from typing import Any, Tuple

HIDDEN = "***"
_KEY = (
    r"[\w.-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|api[_-]?key|access[_-]?key|account[_-]?key"
    r"|private[_-]?key|auth(?:orization)?|cookie|session[_-]?id|signature|dsn)"
)
_VALUE = r"""(?:"[^"]*"|'[^']*'|(?:(?:Bearer|Basic)\s+)?[^\s"'&;,]+)"""
_RULES = tuple(
    (re.compile(pattern, re.IGNORECASE), shown)
    for pattern, shown in (
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", HIDDEN),
        (r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@]*):[^\s/]*@", r"\1:%s@" % HIDDEN),  # the password of a URL
        (r"(?<![\w.-])(%s(?:\s?=\s?|[\"']\s?:\s?|:\s))%s" % (_KEY, _VALUE), r"\1" + HIDDEN),
        (r"(?<![\w.-])(--%s\s)%s" % (_KEY, _VALUE), r"\1" + HIDDEN),
        (r"\b(Bearer|Basic)\s+[\w.~+/=-]{6,}", r"\1 " + HIDDEN),
    )
)
_SHAPES = re.compile(
    r"\b(?:eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"  # a JSON Web Token
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"  # AWS
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"  # GitHub, GitLab
    r"|xox[abeoprs]-[\w-]{10,}"  # Slack
    r"|[rs]k_(?:live|test)_\w{10,}|sk-[\w-]{20,})"  # payment and API keys
)
_LONGEST = 8192  # characters looked at; what is longer is cut


def text(said: str, known: Tuple[str, ...] = ()) -> str:
    """`said` without what looks like a secret, and without the secrets that are `known`."""
    for secret in known:
        said = said.replace(secret, HIDDEN)
    said = said[:_LONGEST]
    for rule, shown in _RULES:
        said = rule.sub(shown, said)
    return _SHAPES.sub(HIDDEN, said)


def shape(value: Any, known: Tuple[str, ...] = ()) -> Any:
    """The same for every text in a structure of dictionaries, lists and tuples."""
    if isinstance(value, str):
        return text(value, known)
    if isinstance(value, dict):
        return {shape(key, known): shape(item, known) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shape(item, known) for item in value]
    return value
