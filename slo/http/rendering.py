"""What both pages are rendered with: templates that escape everything, times, spans, states in words."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from urllib.parse import quote, urlencode, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from slo.clock import format_time
from slo.http.assets import version
from slo.objective import Group
from slo.render.figures import STATE_WORDS
from slo.report import State
from slo.window import datetime_of

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


@cache
def environment() -> Environment:
    """Made at the first page: neither the command line nor the start of the service waits for it."""
    made = Environment(
        loader=PackageLoader("slo.http"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(time=time_element, day=day_element, span=span, word=STATE_WORDS.__getitem__)
    made.globals.update(State=State, version=version())
    return made


def time_element(at: datetime | int, form: str = "minute") -> Markup:
    """In UTC, for a script to put into the reader's zone.

    at: an aware time, or a minute since the epoch; form: minute, or for labels of a chart, day or clock.
    """
    when = datetime_of(at) if isinstance(at, int) else at.astimezone(UTC)
    text = format_time(when)
    shown = {"day": text[:10], "clock": f"{_WEEKDAYS[when.weekday()]} {text[11:16]}"}.get(
        form, f"{text[:10]} {text[11:16]} UTC"
    )
    return Markup('<time datetime="{}" data-form="{}">{}</time>').format(text, form, shown)


def day_element(at: datetime | int) -> Markup:
    return time_element(at, "day")


def span(seconds: float) -> str:
    """A length of time in its two greatest units, rounded down: "3 h 20 min"."""
    rest = max(0, int(seconds))
    parts: list[str] = []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if part) or "0 s"


def path_of(slo: str, group: Group = ()) -> str:
    """Where the page of an objective is, seen from the overview. slo: its id, also that of a group."""
    whole = slo.partition("{")[0]
    picked = "?" + urlencode([("group", f"{label}={value}") for label, value in group]) if group else ""
    return f"slo/{quote(whole)}{picked}"


def group_text(group: Group) -> str:
    return ", ".join(f"{label}={value}" for label, value in group)


def web_address(text: str) -> str:
    """The text if a browser may follow it from here: an http or https address with a host; else nothing."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return ""
    return text.strip() if parts.scheme in ("http", "https") and parts.hostname else ""
