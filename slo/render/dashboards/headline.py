"""The figures that say how an objective fares: the same panels on every dashboard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from grafanalib import core

from slo.objective import Objective
from slo.render.dashboards import queries
from slo.render.dashboards.frame import Site
from slo.render.dashboards.panels import GREEN, GREY, ORANGE, RED, Looks, Place, Query, gauge, graph, stat, texts
from slo.render.dashboards.thresholds import budget_steps, fitted, of_availability, of_minutes

STATES = texts({-1: ("no data", GREY), 0: ("ok", GREEN), 1: ("burning", ORANGE), 2: ("exhausted", RED)})
BURN_STEPS: Sequence[tuple[str, float | None]] = ((GREEN, None), ("yellow", 1), (ORANGE, 6), (RED, 14.4))
"""1 spends the budget just over the period; 6 and 14.4 page, at a period of 30 days (SRE Workbook, chapter 5)."""

_DETAIL = "Detail of ${__field.labels.slo}"


class Headline:
    """Builds the panels for these objectives."""

    def __init__(self, site: Site, objectives: Sequence[Objective]) -> None:
        self._site = site
        self._objectives = objectives

    def availability(self, place: Place) -> core.GaugePanel:
        """The first panel."""
        return gauge(
            "Current SLO",
            "The share of good events over the objective's period. Green from the target on. The dial begins where"
            " the error budget is spent ten times over. Below the target: stop what is risky, and look for what"
            " spends the budget in the detail dashboard.",
            Query(queries.availability(queries.CHOSEN)),
            self._fitted(Looks("percentunit", high=1), of_availability, "decimals", "low", "steps"),
            place,
        )

    def budget(self, place: Place) -> core.GaugePanel:
        """The second panel."""
        return gauge(
            "Error budget remaining",
            "What is left of the bad events that the target allows over the period; below 0 % it is overspent."
            " Under 25 %: postpone what may fail, chaos runs first. Under 0 %: only changes that mend.",
            Query(queries.budget_remaining(queries.CHOSEN)),
            self._fitted(Looks("percentunit", decimals=1, low=0, high=1, steps=budget_steps())),
            place,
        )

    def burn_rate(self, place: Place) -> core.TimeSeries:
        """The third panel."""
        return graph(
            "Burn rate, last 24 hours",
            "How fast the budget is being spent: at 1 it lasts just the period, at 14.4 a fiftieth of 30 days' budget"
            " goes in an hour. The lines are at 1, 6 and 14.4; the thresholds of shorter periods are in the detail"
            " dashboard. Over a line on both curves: somebody is being paged; see the runbook.",
            [Query(queries.burn_rate(window, queries.CHOSEN), f"{{{{slo}}}} {window}") for window in ("1h", "6h")],
            self._linked(Looks("short", decimals=2, low=0, steps=BURN_STEPS)),
            place,
            lines_at_steps=True,
            over="24h",
        )

    def minutes(self, place: Place) -> core.Stat:
        """The fourth panel."""
        return stat(
            "Downtime left (minutes)",
            "So many minutes of total outage at average traffic the rest of the budget would bear; negative when it"
            " is overspent. Compare it with how long your next change would take to roll back.",
            Query(queries.minutes_remaining(queries.CHOSEN)),
            self._fitted(Looks("none", decimals=1), of_minutes, "steps"),
            place,
            colorMode="value",
            textMode="value_and_name",
        )

    def state(self, place: Place) -> core.Stat:
        return stat(
            "State",
            "Exhausted: no budget is left. Burning: an alert fires. No data: nothing is known of the period, which is"
            " not the same as healthy; look whether the targets are scraped and the rules loaded.",
            Query(queries.state(queries.CHOSEN)),
            Looks("none", mappings=STATES),
            place,
            colorMode="background",
            textMode="value_and_name",
        )

    def coverage(self, place: Place) -> core.Stat:
        return stat(
            "Coverage of the period",
            "The share of the period of which events are known. Rules know as much as Prometheus keeps, 15 days by"
            " default. Below 90 % take the other figures for what they are: those of the part that is known.",
            Query(queries.coverage(queries.CHOSEN)),
            Looks("percentunit", decimals=1, low=0, high=1, steps=((RED, None), (ORANGE, 0.5), (GREEN, 0.9))),
            place,
            colorMode="value",
            textMode="value_and_name",
        )

    def links(self, name: str) -> list[dict[str, Any]]:
        """Of a value, to the detail dashboard and the objective's page; `name` is Grafana's for the objective's id."""
        detail = f"/d/{self._site.uid('detail')}?${{datasource:queryparam}}&var-slo={name}"
        links = [{"title": "Detail", "url": detail, "targetBlank": False}]
        if self._site.page_url:
            page = f"{self._site.page_url.rstrip('/')}/slo/{name}"
            links.append({"title": "Page of the objective", "url": page, "targetBlank": True})
        return links

    def _linked(self, looks: Looks) -> Looks:
        return self._fitted(looks)

    def _fitted(self, looks: Looks, of: Callable[[Objective], Looks] | None = None, *keys: str) -> Looks:
        """Links and runbooks too: they differ as thresholds do."""

        def each(objective: Objective) -> Looks:
            links: list[Mapping[str, Any]] = [*self.links("${__field.labels.slo}")]
            if objective.alert_policy.runbook:
                links.append({"title": "Runbook", "url": objective.alert_policy.runbook, "targetBlank": True})
            return replace(of(objective) if of else looks, links=links)

        return fitted(looks, self._objectives, each, ("links", *keys))
