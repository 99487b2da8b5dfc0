"""Alertmanager silences for corrections: rules in Prometheus know nothing of times that do not count."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from slo.clock import format_time
from slo.correction import Correction
from slo.window import Interval, datetime_of

_GLOB = re.compile(r"(\*)|(\?)|(\[!?[^\]]+\])|([^*?]+?)", re.DOTALL)


def silences_json(corrections: Sequence[Correction], interval: Interval) -> str:
    """A list as `amtool silence import` takes it, one silence for each exclusion that overlaps the interval.

    Source: Alertmanager API v2, postableSilence. A silence ends with its exclusion; alerts that look back on it may
    fire for as long as their short window.
    """
    silences = [
        {
            "matchers": [{"name": "slo", "value": _pattern(one.slos), "isRegex": True, "isEqual": True}],
            "startsAt": format_time(datetime_of(inside.start)),
            "endsAt": format_time(datetime_of(inside.end)),
            "createdBy": one.author,
            "comment": f"{one.reason} ({one.category.value}, correction {one.id})",
        }
        for one in corrections
        for inside in one.within(interval)
    ]
    return json.dumps(silences, indent=2) + "\n"


def _pattern(globs: Sequence[str]) -> str:
    """The globs as a regular expression of RE2, which Alertmanager anchors."""
    return "|".join("".join(_part(match) for match in _GLOB.finditer(glob)) for glob in globs)


def _part(match: re.Match[str]) -> str:
    many, one, characters, text = match.groups()
    if many:
        return ".*"
    if one:
        return "."
    return (
        "[" + re.sub(r"([\\\[^])", r"\\\1", characters[1:-1]).replace("!", "^", 1) + "]"
        if characters
        else re.escape(text)
    )
