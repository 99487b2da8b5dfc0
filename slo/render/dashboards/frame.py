"""What is around the panels: title and address, variables, annotations, links to the other dashboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grafanalib import core

from slo.objective import Objective
from slo.render.dashboards.panels import DATASOURCE
from slo.render.dashboards.queries import KNOWN

MADE_BY = "Made by `slo dashboard` from the objective files; what is changed here is lost when they are made again."
SCHEMA_VERSION = 36
"""Grafana 9's; newer ones migrate it."""
TAG = "error-budget"


_TITLES = {
    "error-budget": "Error budget",
    "overview": "Error budgets: overview",
    "detail": "Error budget: detail",
}


@dataclass(frozen=True, slots=True)
class Site:
    """Where the dashboards go. name: after their uids and titles, where there are several sets of them in one Grafana.

    page_url: of the service's own pages, "" where it has none that people reach.
    """

    name: str = ""
    page_url: str = ""

    def uid(self, of: str) -> str:
        return f"slo-{of}-{self.name}" if self.name else f"slo-{of}"

    def title(self, of: str) -> str:
        return f"{_TITLES[of]} ({self.name})" if self.name else _TITLES[of]

    def uids(self) -> set[str]:
        return {self.uid(of) for of in _TITLES}

    def titles(self) -> set[str]:
        return {self.title(of) for of in _TITLES}


def dashboard(
    site: Site,
    of: str,
    purpose: str,
    *,
    panels: Sequence[core.Panel],
    variables: Sequence[core.Template],
    chosen: str,
    since: str,
) -> core.Dashboard:
    """chosen: the matchers of the objectives that annotations are about. since: the time range, such as 24h."""
    return core.Dashboard(
        title=site.title(of),
        uid=site.uid(of),
        description=f"{MADE_BY} {purpose}",
        panels=list(panels),
        templating=core.Templating(list=list(variables)),
        annotations=core.Annotations(list=_annotations(chosen)),
        links=[_others()],
        tags=[TAG],
        editable=False,
        graphTooltip=1,
        schemaVersion=SCHEMA_VERSION,
        time=core.Time(f"now-{since}", "now"),
        refresh="1m",
        timezone="browser",
    )


def datasource_variable() -> core.Template:
    variable = core.Template(name="datasource", label="Data source", type="datasource", query="prometheus", regex="")
    variable._current = {"selected": False, "text": "default", "value": "default"}
    return variable


def objective_variable(objectives: Sequence[Objective]) -> core.Template:
    """The objectives, of which the first is chosen: a thousand at once would fill any panel."""
    first = [objective.id for objective in objectives[:1]]
    variable = core.Template(**_of_series("slo", "Objective", f"label_values({{{KNOWN}}}, slo)"), allValue=".+")
    variable._current = {"selected": True, "text": first, "value": first} if first else {}
    return variable


def filter_variable(name: str, label: str, title: str, *, everywhere: bool) -> core.Template:
    """A filter by a label; `everywhere` where all objectives have it, so that All need not match its absence."""
    query = f"label_values({{{KNOWN}}}, {label})"
    variable = core.Template(**_of_series(name, title, query), allValue=".+" if everywhere else ".*")
    variable._current = {"selected": True, "text": ["All"], "value": ["$__all"]}
    return variable


def period_variable() -> core.Template:
    """The rolling window of the chosen objective, for panels that show just that; empty for calendar windows."""
    return core.Template(
        name="period",
        label="Period",
        query='label_values(slo_info{slo=~"$slo"}, period)',
        dataSource=DATASOURCE,
        regex="/^([0-9]+[mhdw])$/",
        refresh=2,
        hide=2,
    )


def _of_series(name: str, title: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": title,
        "query": query,
        "dataSource": DATASOURCE,
        "regex": "",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
    }


def _annotations(chosen: str) -> list[Mapping[str, Any]]:
    own = {
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }
    alerts = f'ALERTS{{alertname="ErrorBudgetBurn",alertstate="firing",{chosen}}}'
    return [
        own,
        _annotation(
            "Alerts", alerts, "red", "{{severity}}: {{slo}}", "burning over {{long_window}} and {{short_window}}"
        ),
        _annotation(
            "Chaos runs", f"slo_chaos_run_active{{{chosen}}} == 1", "purple", "Chaos run: {{slo}}", "{{fault}}"
        ),
        _annotation("Gates denying", "max by (gate) (slo_gate_allowed) == 0", "orange", "Gate {{gate}} denies", ""),
    ]


def _annotation(name: str, expr: str, color: str, title: str, text: str) -> Mapping[str, Any]:
    return {
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "name": name,
        "expr": expr,
        "step": "60s",
        "titleFormat": title,
        "textFormat": text,
        "tagKeys": "slo,severity,gate",
        "useValueForTime": False,
    }


def _others() -> Mapping[str, Any]:
    return {
        "type": "dashboards",
        "title": "Error budgets",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": False,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "The other dashboards of error budgets",
        "url": "",
    }
