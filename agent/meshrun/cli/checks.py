"""One look of ``meshctl doctor`` at one thing: how it stands, and how to mend it."""

from __future__ import annotations

from typing import Any, List, Mapping, NamedTuple, Sequence

from . import output
from .output import Screen

FINE, NOTE, WRONG = "ok", "note", "wrong"
_SIGNS = {FINE: ("ok", "green"), NOTE: ("note", "yellow"), WRONG: ("!", "red")}
_NAME_WIDTH = 14


class Check(NamedTuple):
    """`state`: FINE; NOTE: worth knowing; WRONG: something of meshrun does not work because of it."""

    name: str
    state: str
    what: str
    mend: str = ""
    code: str = ""

    def shape(self) -> Mapping[str, Any]:
        """The check for machines."""
        return dict(self._asdict(), code=self.code or None)

    def lines(self, screen: Screen) -> List[str]:
        """The check for people."""
        sign, style = _SIGNS[self.state]
        first = "%s%s" % (sign.ljust(6), self.name.ljust(_NAME_WIDTH))
        what = self.what + (" (%s)" % self.code if self.code else "")
        lines = output.paragraph(what, screen, first, " " * (6 + _NAME_WIDTH))
        if self.mend:
            lines += output.paragraph(self.mend, screen, " " * (6 + _NAME_WIDTH))
        lines[0] = screen.style(sign, style) + lines[0][len(sign) :]
        return lines

    def line(self) -> str:
        """The check for logs: all of it on one line."""
        what = self.what + (" (%s)" % self.code if self.code else "")
        said = "%s%s%s" % (_SIGNS[self.state][0].ljust(6), self.name.ljust(_NAME_WIDTH), what)
        return output.clean(said + (". " + self.mend if self.mend else ""))


def wrong(checks: Sequence[Check]) -> List[Check]:
    """Those that say that something does not work."""
    return [check for check in checks if check.state == WRONG]
