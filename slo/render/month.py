"""The report on a month for people who decide: Markdown, and a page of its own that prints well."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from slo.correction import AppliedCorrection
from slo.incident import GroupBill, IncidentRule
from slo.monthly import BilledIncident, Month, MonthOfObjective
from slo.recurrence import Recurrence
from slo.render import figures
from slo.render.report_markdown import escaped
from slo.render.text import printable
from slo.report import ObjectiveReport, State
from slo.units import format_duration
from slo.window import datetime_of

_MOST_GROUPS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An entry of the record as it is told: a gate that began to answer otherwise, or that somebody opened."""

    at: datetime
    gate: str
    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthReport:
    """The month of several objectives; recorded: newest first."""

    month: Month
    objectives: tuple[MonthOfObjective, ...]
    simulated: bool
    recorded: tuple[Recorded, ...]
    rule: IncidentRule


def render_html(report: MonthReport, images: Sequence[tuple[bytes, bytes]]) -> str:
    """A page without anything from elsewhere; images: for each objective two PNG, of its budget and of its errors."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("slo.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    embedded = [[f"data:image/png;base64,{base64.b64encode(one).decode()}" for one in pair] for pair in images]
    return environment.get_template("month.html").render(_content(report), images=embedded) + "\n"


def render_markdown(report: MonthReport, images: Sequence[tuple[str, str]]) -> str:
    """images: for each objective the names of two files beside it; none where there are none."""
    content = _content(report)
    lines = [f"# Service level objectives: {content['title']}", ""]
    lines += [f"**{content['simulated']}.**", ""] if content["simulated"] else []
    lines += [content["summary"], "", *_table(content["columns"], content["rows"])]
    lines += ["", content["note"], ""]
    for number, section in enumerate(content["sections"]):
        lines += _section(section, images[number] if images else ())
    if content["recorded"]:
        lines += ["## Gates", "", *_table(content["recorded_columns"], content["recorded"]), ""]
    return "\n".join(lines).rstrip() + "\n"


def _section(section: dict[str, Any], images: Sequence[str]) -> list[str]:
    lines = [f"## {escaped(section['slo'])}", ""]
    lines += [escaped(section["description"]), ""] if section["description"] else []
    lines += [escaped(section["verdict"]), ""]
    lines += [f"- {escaped(note)}" for note in section["notes"]] + ([""] if section["notes"] else [])
    for name, image in zip(section["captions"], images, strict=False):
        lines += [f"![{escaped(name)}]({image})", ""]
    lines += [escaped(section["rest"]), ""] if section["rest"] else []
    for title, columns, rows in section["tables"]:
        lines += [f"### {title}", "", *_table(columns, rows), ""] if rows else []
    return lines


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    head = f"| {' | '.join(columns)} |"
    return [head, "|" + ":--|" * len(columns), *(f"| {' | '.join(map(escaped, row))} |" for row in rows)]


def _content(report: MonthReport) -> dict[str, Any]:
    """What both forms say, as plain text: neither escapes before the other does."""
    kept = sum(1 for one in report.objectives if _result(one.report) == "met")
    return {
        "title": datetime(report.month.year, report.month.number, 1).strftime("%B %Y"),  # noqa: DTZ001  a name alone
        "simulated": figures.SIMULATED_NOTE if report.simulated else "",
        "summary": f"{kept} of {len(report.objectives)} objectives were met.",
        "columns": ("objective", "result", "target", "availability", "budget spent", "minutes left", "incidents"),
        "rows": [_row(one) for one in sorted(report.objectives, key=lambda one: figures.danger(one.report))],
        "note": figures.MINUTES_NOTE,
        "sections": [_section_content(one, report) for one in report.objectives],
        "recorded_columns": ("time (UTC)", "gate", "what", "why"),
        "recorded": [
            (f"{one.at:%d %b %H:%M}", printable(one.gate), printable(one.what), printable(one.why))
            for one in report.recorded
        ],
    }


def _is_kept(report: ObjectiveReport) -> bool:
    """Exactly, from whole counts."""
    return report.counts.total > 0 and report.counts.good >= report.target_ratio * report.counts.total


def _result(report: ObjectiveReport) -> str:
    """Whether the target was met, unless too little is known to say so."""
    if report.state in (State.NO_DATA, State.NO_TRAFFIC, State.INSUFFICIENT_DATA):
        return figures.STATE_WORDS[report.state]
    return "met" if _is_kept(report) else "missed"


def _row(one: MonthOfObjective) -> tuple[str, ...]:
    report = one.report
    return (
        printable(report.slo),
        _result(report),
        figures.target_percent(report),
        figures.availability_percent(report),
        _spent(report),
        f"{figures.minutes(report.budget.remaining_minutes)} of {figures.minutes(report.budget.total_minutes)}",
        str(len(one.incidents)),
    )


def _spent(report: ObjectiveReport) -> str:
    ratio = report.budget.consumed_ratio
    return figures.UNDEFINED if ratio is None else figures.consumed_percent(ratio)


def _section_content(one: MonthOfObjective, report: MonthReport) -> dict[str, Any]:
    share = f"{float(report.rule.least_share * 100):g} %"
    return {
        "slo": printable(one.objective.id),
        "description": printable(one.objective.description),
        "verdict": _verdict(one),
        "notes": [printable(reason.message) for reason in one.report.reasons],
        "captions": (f"Budget of {printable(one.objective.id)}", f"Errors of {printable(one.objective.id)}"),
        "tables": [
            (
                f"Incidents that took at least {share} of the month's budget",
                (f"from ({one.time_zone})", "lasted", "bad events", "of the budget", "minutes", "who was hit"),
                [_incident(each, one.time_zone) for each in one.incidents],
            ),
            (
                "Left out of these figures",
                ("when", "category", "left out", "why", "who"),
                [_correction(each, one.time_zone) for each in one.report.corrections],
            ),
            ("The months until then", ("month", "availability", "budget spent", "seen"), _months(one)),
        ],
        "rest": _rest(one, share),
    }


def _verdict(one: MonthOfObjective) -> str:
    report, until = one.report, datetime_of(one.report.window.end).astimezone(ZoneInfo(one.time_zone))
    if not report.counts.total:
        return "No events were counted."
    so_far = "" if one.is_over else f" so far (until {until:%d %b %H:%M})"
    word = "met" if _is_kept(report) else "missed"
    events = f"{report.counts.bad:,} bad of {report.counts.total:,} events"
    return (
        f"The target of {figures.target_percent(report)} was {word}{so_far}: {figures.availability_percent(report)},"
        f" {events}. Of the month's error budget {_spent(report)} was spent,"
        f" {figures.minutes(report.budget.remaining_minutes)} of"
        f" {figures.minutes(report.budget.total_minutes)} minutes are left."
    )


def _rest(one: MonthOfObjective, share: str) -> str:
    if one.other_ratio is None:
        return ""
    spent = figures.consumed_percent(one.other_ratio)
    if not one.incidents:
        return f"Nothing took {share} of the budget at once; single errors took {spent} together."
    together = figures.consumed_percent(sum(each.incident.consumed_ratio for each in one.incidents))
    return f"Incidents took {together} of the budget, single errors outside of them {spent}."


def _incident(one: BilledIncident, zone: str) -> tuple[str, ...]:
    incident = one.incident
    return (
        _time(incident.interval.start, zone),
        format_duration(incident.interval.minutes * 60),
        f"{incident.bad_events:,} of {incident.total_events:,}",
        figures.consumed_percent(incident.consumed_ratio),
        f"{incident.outage_minutes:.1f}",
        printable(_who(one.groups)),
    )


def _who(groups: Sequence[GroupBill]) -> str:
    named = [f"{', '.join(value for _, value in bill.group)} {bill.share_ratio:.1%}" for bill in groups[:_MOST_GROUPS]]
    more = len(groups) - _MOST_GROUPS
    return "; ".join(named) + (f"; {more} more" if more > 0 else "")


def _correction(one: AppliedCorrection, zone: str) -> tuple[str, ...]:
    correction = one.correction
    when = correction.when
    begins = when.rule if isinstance(when, Recurrence) else _time(when.start, zone)
    return (
        printable(f"{begins}, {format_duration(one.minutes * 60)}"),
        correction.category.value,
        f"{one.bad_events:,} bad of {one.total_events:,} events",
        printable(correction.reason),
        printable(correction.author),
    )


def _months(one: MonthOfObjective) -> list[tuple[str, ...]]:
    if not one.earlier:
        return []
    rows = (*one.earlier, (one.month, one.report))
    return [
        (str(month), figures.availability_percent(each), _spent(each), figures.share_percent(each.coverage_ratio))
        for month, each in rows
    ]


def _time(minute: int, zone: str) -> str:
    return f"{datetime_of(minute).astimezone(ZoneInfo(zone)):%d %b %H:%M}"
