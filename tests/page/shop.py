"""A shop of known state for the page: objectives with histories that bring about each state, judged by real gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from slo.decision import Decision, Outcome, Override, fold
from slo.events import EventSeries
from slo.gate import BurnLimit, Gate, WarnLevel, matches
from slo.http.objective_page import RecentDecision
from slo.incident import find_incidents
from slo.objective import Group
from slo.report import evaluate
from slo.reporting import Evaluation
from slo.serving.rows import view_of
from slo.serving.views import CollectorStatus, FilesStatus, IncidentView, ObjectiveView, Row
from slo.spec import load_objectives
from slo.verdict import judge
from slo.window import minute_of

AT = datetime(2026, 11, 1, 2, 14, tzinfo=UTC)
NOW = AT + timedelta(seconds=31)
DAY = 1440
_DAYS = 40
_END = minute_of(AT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The history of an objective. failing: (minutes before the end, minutes, share of bad events); days: seen."""

    name: str
    target: str = "99.9%"
    window: str = "30d"
    description: str = ""
    base: float = 0.0002
    failing: tuple[tuple[int, int, float], ...] = ()
    per_minute: float = 400.0
    days: float = _DAYS
    groups: tuple[str, ...] = ()


SHOP = (
    Told(
        name="shop/availability",
        description="Requests that the shop answers without a server error",
        failing=((26 * DAY, 40, 0.3), (10 * DAY + 180, 30, 0.4), (4 * DAY, 25, 0.22)),
        groups=("cart", "checkout", "frontend"),
    ),
    Told(
        name="shop/latency",
        target="95%",
        window="28d",
        description="Requests that the shop answers within 300 ms",
        base=0.02,
        failing=((95, 95, 0.9),),
    ),
    Told(
        name="payments/authorise",
        target="99.95%",
        description="Card authorisations that end with an answer of the bank, whatever it is",
        failing=((21 * DAY, 18, 0.6), (6 * DAY + 300, 26, 0.85)),
        base=0.0001,
    ),
    Told(name="search/availability", base=0.00012),
    Told(name="catalogue/latency", target="99%", window="7d", base=0.0058),
    Told(name="accounts/login", base=0.00011, failing=((3 * DAY, 3 * DAY, 0.0034), (9 * DAY, 20, 0.5))),
    Told(
        name="billing/invoices",
        target="99.5%",
        window="{calendar: month, time_zone: Europe/Paris}",
        description="Invoices sent within an hour of the order, by the calendar month",
        base=0.0004,
    ),
    Told(name="media/thumbnails", per_minute=0.0),
    Told(name="recommendations/fresh", target="99%", days=1.5, base=0.001),
    Told(name="edge/reachable", target="99.5%", window="7d", days=0),
    Told(name="mobile/crash-free", target="99.8%", base=0.00004),
    Told(name="shipping/quotes", target="98%", window="14d", base=0.0071, failing=((5 * DAY, 120, 0.3),)),
    Told(name="notifications/delivered", target="99%", base=0.0031),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What a service holds in memory of it, in the form that the page asks for. collector: as it was at that time."""

    evaluated: tuple[Evaluation, ...]
    views: Mapping[str, ObjectiveView]
    all_rows: tuple[Row, ...]
    gates: tuple[Decision, ...] = ()
    collector: CollectorStatus | None = None
    at: datetime | None = AT
    clock: datetime = NOW
    log: tuple[RecentDecision, ...] = field(default=())

    def now(self) -> datetime:
        return self.clock

    def figures_at(self) -> datetime | None:
        return self.at

    def rows(self) -> Sequence[Row]:
        return self.all_rows

    def view(self, slo: str) -> ObjectiveView | None:
        return self.views.get(slo)

    def status(self) -> CollectorStatus | None:
        if self.collector is None or self.collector.lag_seconds is None or self.at is None:
            return self.collector
        passed_seconds = (self.clock - self.at).total_seconds()
        return replace(self.collector, lag_seconds=self.collector.lag_seconds + passed_seconds)

    def decisions(self, slo: str | None) -> Sequence[Decision]:
        return self.gates if slo is None else _decisions(self.evaluated, self.clock, only=slo)

    def recent(self, slo: str) -> Sequence[RecentDecision]:
        return self.log if slo in self.views else ()


WELL = CollectorStatus(
    lag_seconds=14.0,
    cycle_seconds=0.42,
    failures={},
    files=FilesStatus(ok=True, problems="", loaded_at=AT - timedelta(hours=9)),
    ledger_ok=True,
    ledger_message="",
)

_HALF, _QUARTER = Decimal("0.5"), Decimal("0.25")
GATES = (
    Gate(
        name="deploy-shop",
        objectives=("shop/*",),
        min_budget_remaining_ratio=Decimal(0),
        max_burn_rate=(BurnLimit(long_minutes=60, max_burn_rate=Decimal("14.4")),),
        max_data_age_seconds=300,
        on_unknown={"default": "deny"},
    ),
    Gate(
        name="chaos",
        objectives=("*",),
        min_budget_remaining_ratio=_QUARTER,
        max_burn_rate=(BurnLimit(long_minutes=60, max_burn_rate=Decimal(1)),),
        max_data_age_seconds=300,
        on_unknown={"default": "deny"},
    ),
    Gate(
        name="deploy-search",
        objectives=("search/*",),
        min_budget_remaining_ratio=Decimal(0),
        max_data_age_seconds=300,
        on_unknown={"default": "deny"},
    ),
    Gate(
        name="deploy-edge",
        objectives=("edge/*",),
        min_budget_remaining_ratio=Decimal(0),
        max_data_age_seconds=300,
        on_unknown={"default": "deny"},
    ),
    Gate(
        name="deploy-payments",
        objectives=("payments/*",),
        min_budget_remaining_ratio=Decimal(0),
        max_data_age_seconds=300,
        on_unknown={"default": "deny"},
    ),
    Gate(
        name="deploy-catalogue",
        objectives=("catalogue/*",),
        min_budget_remaining_ratio=Decimal(0),
        max_data_age_seconds=300,
        on_unknown={"default": "deny"},
        warn=WarnLevel(min_budget_remaining_ratio=_HALF),
    ),
)
OVERRIDES = (
    Override(
        id=7,
        gate="deploy-payments",
        slos=(),
        by="mira",
        reason="Roll-out of the fix for the bank's new certificate",
        start=AT - timedelta(minutes=34),
        until=AT + timedelta(minutes=86),
    ),
)


def shop(told: Sequence[Told] = SHOP, *, collector: CollectorStatus | None = WELL, clock: datetime = NOW) -> Shop:
    """What a service would hold of these objectives at AT, seen at `clock`."""
    evaluated = tuple(one for story in told for one in _evaluations(story))
    views = {one.report.slo: _view(one) for one in evaluated}
    for slo, view in views.items():
        groups = tuple(other.row for other in views.values() if other.row.group and other.row.slo.startswith(slo + "{"))
        names = tuple(gate.name for gate in GATES if matches(gate, slo, {}))
        views[slo] = replace(view, groups=groups, gates=names)
    return Shop(
        evaluated=evaluated,
        views=views,
        all_rows=tuple(view.row for view in views.values()),
        gates=_decisions(evaluated, clock),
        collector=collector,
        clock=clock,
        log=_LOG,
    )


_LOG = (
    RecentDecision(
        at=AT - timedelta(minutes=34),
        gate="deploy-shop",
        outcome=Outcome.ALLOW,
        message="overridden until 2026-11-01T03:40:00Z: roll-out of a fix",
        by="mira",
    ),
    RecentDecision(
        at=AT - timedelta(minutes=81),
        gate="deploy-shop",
        outcome=Outcome.DENY,
        message="the budget burns at 18 times the sustainable speed over 1h, 14.4 is the limit",
    ),
    RecentDecision(
        at=AT - timedelta(days=2, hours=5), gate="chaos", outcome=Outcome.ALLOW, message="every demand is met"
    ),
)


def _evaluations(told: Told) -> list[Evaluation]:
    service, _, name = told.name.partition("/")
    text = _FILE.format(
        service=service, name=name, description=told.description, target=told.target, window=told.window
    )
    (objective,) = load_objectives(text)
    parts: list[tuple[Group, EventSeries]] = [((), _events(told))]
    for number, group in enumerate(told.groups):
        apart = replace(told, per_minute=told.per_minute / len(told.groups), failing=told.failing[number:])
        parts.append(((("service", group),), _events(apart, seed=number + 1)))
    return [
        Evaluation(objective, evaluate(objective, events, at=AT, group=group), events, events)
        for group, events in parts
    ]


_FILE = """
service: {service}
labels: {{team: {service}, tier: "1"}}
objectives:
  - name: {name}
    description: {description!r}
    target: {target}
    window: {window}
    sli: {{ratio: {{bad: "errors_total", total: "requests_total"}}}}
alerting: {{policy: sre-workbook, runbook: "https://runbooks.example.com/{service}"}}
"""


def _events(told: Told, *, seed: int = 0) -> EventSeries:
    """Traffic that is ten times as busy by day as by night, with drawn bad events."""
    minutes = round(told.days * DAY)
    if not minutes:
        return EventSeries.empty()
    draw = np.random.default_rng([seed, *told.name.encode()])
    start = _END - minutes
    of_day = (np.arange(start, _END) % DAY) / DAY
    total = draw.poisson(told.per_minute * (1 - 0.82 * np.cos(2 * np.pi * (of_day - 0.12))))
    ratio = np.full(minutes, told.base)
    for before, length, share in told.failing:
        first = max(0, minutes - before)
        ratio[first : first + length] = share
    return EventSeries.from_minutes(
        start, draw.binomial(total, ratio).astype(float), total.astype(float), np.ones(minutes)
    )


def _view(evaluation: Evaluation) -> ObjectiveView:
    objective, report, events = evaluation.objective, evaluation.report, evaluation.events
    assert isinstance(events, EventSeries)
    found = find_incidents(events, objective.budget_ratio, objective.window, report.window, paid_by=report.window)
    incidents = tuple(
        IncidentView(one.interval.start, one.interval.end, one.bad_events, one.consumed_ratio) for one in found
    )
    return replace(view_of(evaluation), incidents=incidents)


def _decisions(evaluated: Sequence[Evaluation], at: datetime, *, only: str | None = None) -> tuple[Decision, ...]:
    made = []
    for gate in GATES:
        named = [one for one in evaluated if matches(gate, one.report.slo, one.objective.labels)]
        chosen = [one for one in named if only in (None, one.report.slo)]
        if chosen:
            verdicts = [judge(gate, one.objective, one.report, one.events, at=AT) for one in chosen]
            made.append(fold(gate, verdicts, at=at, overrides=OVERRIDES, cycle=1))
    return tuple(made)
