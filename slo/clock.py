"""Times as people write them and as answers show them. Only the command line and HTTP ask what time it is."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from slo.errors import UsageError

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?P<zone>[Zz]|[+-]\d\d:\d\d)?", re.ASCII)
# Calendar periods and long windows around a time must themselves be representable.
_FIRST_YEAR, _LAST_YEAR = 1971, 9000


def utc_now() -> datetime:
    """The aware time of this instant."""
    return datetime.now(UTC)


def parse_time(text: str) -> datetime:
    """The aware UTC time of an RFC 3339 text. Raises UsageError with what to write instead."""
    match = _RFC3339.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text[:60]!r} is not a time; write it like 2026-11-01T00:00:00Z")
    if match["zone"] is None:
        raise UsageError(f"the time {text.strip()!r} has no zone; write one, such as {text.strip()}Z for UTC")
    try:
        at = datetime.fromisoformat(match[0].upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text.strip()!r} is not a time: {error}") from None
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        raise UsageError(f"the time {text.strip()!r} is not between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    return at


def format_time(at: datetime) -> str:
    """RFC 3339 in UTC, whole seconds, ending in Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
