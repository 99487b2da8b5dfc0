"""The dashboard of four panels: current SLO, budget remaining, burn rate over a day, minutes left."""

from __future__ import annotations

from collections.abc import Sequence

from grafanalib import core

from slo.objective import Objective
from slo.render.dashboards.frame import Site, dashboard, datasource_variable, objective_variable
from slo.render.dashboards.headline import Headline
from slo.render.dashboards.queries import CHOSEN


def error_budget(site: Site, objectives: Sequence[Objective]) -> core.Dashboard:
    headline = Headline(site, objectives)
    return dashboard(
        site,
        "error-budget",
        "The error budget of an objective in four panels: may we take risks, and for how long?",
        panels=[
            headline.availability((0, 0, 12, 8)),
            headline.budget((12, 0, 12, 8)),
            headline.burn_rate((0, 8, 16, 10)),
            headline.minutes((16, 8, 8, 10)),
        ],
        variables=[datasource_variable(), objective_variable(objectives)],
        chosen=CHOSEN,
        since="24h",
    )
