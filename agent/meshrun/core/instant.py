"""Points in time as rules write them (RFC 3339) and as decisions compare them (epoch seconds)."""

from __future__ import annotations

import re
from typing import Optional

_FORM = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?[ ]?(Z|z|[-+]\d\d:\d\d))?", re.ASCII
)
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the Gregorian calendar."""
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400
    days += sum(_DAYS[: month - 1]) + (1 if month > 2 and _leap(year) else 0) + day - 1
    return days - 719162


def epoch(text: str) -> Optional[int]:
    """Epoch seconds (fractions cut) of a date, which begins in UTC, or of a time with a zone; None if it is neither."""
    found = _FORM.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    if not (year >= 1970 and 1 <= month <= 12 and hour < 24 and minute < 60 and second < 60):
        return None
    if not 1 <= day <= _DAYS[month - 1] + (1 if month == 2 and _leap(year) else 0):
        return None
    offset = 0
    zone = found.group(7)
    if zone and zone not in "Zz":
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 23 or minutes > 59:
            return None
        offset = (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)
    seconds = _days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
    return seconds if 0 <= seconds < 253_402_300_800 else None


def written(seconds: int) -> str:
    """Epoch seconds as RFC 3339 in UTC: ``2027-01-01T00:00:00Z``."""
    from datetime import datetime, timezone  # noqa: PLC0415 -- only writers of rules need it

    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
