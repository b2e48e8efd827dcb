from __future__ import annotations

import re
from pathlib import Path
from typing import Dict

from meshrun.cli.errors import ADMIN_CODES, CODES
from meshrun.core.problem import CODES as RULE_CODES

ROOT = Path(__file__).resolve().parents[3]
ROW = re.compile(r"^\| (MR\d{4}) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def page() -> Dict[str, str]:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    rows = ROW.findall(text)
    assert len(rows) == len({code for code, _, _ in rows}), "a code stands twice"
    assert all(len(mend) > 10 for _, _, mend in rows)
    return {code: title for code, title, _ in rows}


def test_the_page_explains_every_code_in_the_words_of_its_table() -> None:
    known = {code: text.rstrip(".") for code, text in RULE_CODES.items()}
    known.update({code: entry.title for code, entry in CODES.items()})
    known.update(ADMIN_CODES)
    assert page() == known


def test_no_code_has_two_meanings() -> None:
    assert not set(RULE_CODES) & set(CODES)
    assert not set(ADMIN_CODES) & (set(CODES) | set(RULE_CODES))


def test_every_code_that_the_program_says_is_on_the_page() -> None:
    said = set()
    for path in [*(ROOT / "agent").rglob("*.py"), *(ROOT / "hooks").rglob("*.py")]:
        said |= set(re.findall(r"\bMR\d{4}\b", path.read_text(encoding="utf-8")))
    assert said == set(page())
