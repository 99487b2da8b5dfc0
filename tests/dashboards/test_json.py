"""The JSON itself: what strict linters ask of a dashboard, what Grafana no longer draws, and Grafana's own models."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from slo.objective import Objective
from slo.render.dashboards import Form, Site, render_dashboards
from tests.rules.objectives import every_kind
from tests.support.grafana import Grafana, targets

UNITS = {"percentunit", "short", "none"}
PANELS = {"gauge", "stat", "timeseries", "table", "state-timeline", "row"}
"""None of them is an Angular panel, which Grafana dropped with version 12."""


def rendered(objectives: list[Objective] | None = None, site: Site | None = None) -> dict[str, dict[str, Any]]:
    files = render_dashboards(every_kind() if objectives is None else objectives, site or Site(), Form())
    return {file.name.removesuffix(".json"): json.loads(file.text) for file in files}


NAMES = ("error-budget", "overview", "detail")


@pytest.fixture(params=NAMES)
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    return rendered()[request.param]


def anything_in(value: object) -> list[dict[str, Any]]:
    """Every object within."""
    if isinstance(value, dict):
        return [value, *(found for each in value.values() for found in anything_in(each))]
    return [found for each in value for found in anything_in(each)] if isinstance(value, list) else []


def test_every_panel_says_what_it_is_and_in_what_unit(dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        assert panel["type"] in PANELS
        assert panel["title"]
        if panel["type"] == "row":
            continue
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["targets"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None


def test_every_query_is_promql_and_reads_recorded_or_exact_series_alone(dashboard: dict[str, Any]) -> None:
    chosen = {"slo": ["shop/bad"], "service": ["shop"], "team": ["shop"], "period": "30d", "datasource": "x"}
    grafana = Grafana("", 0, chosen)
    for panel, target in targets(dashboard):
        expr = grafana.interpolated(target["expr"])
        promql_parser.parse(expr)
        metrics = set(re.findall(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{", expr))
        assert metrics <= {one for one in metrics if re.match(r"slo[:_]|ALERTS$", one)}, panel["title"]
        assert not re.search(r"rate\([^)]*\[(?!\$__rate_interval)", target["expr"])


def test_data_sources_are_chosen_by_the_variable(dashboard: dict[str, Any]) -> None:
    for found in anything_in([dashboard["panels"], dashboard["templating"]["list"]]):
        if "datasource" in found:
            assert found["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for _, target in targets(dashboard):
        assert "datasource" in target
    first = dashboard["templating"]["list"][0]
    assert (first["name"], first["label"], first["type"], first["query"]) == (
        *("datasource", "Data source", "datasource", "prometheus"),
    )


def test_variables_offer_all_and_follow_the_time_range(dashboard: dict[str, Any]) -> None:
    shown = [one for one in dashboard["templating"]["list"] if one["type"] == "query" and not one["hide"]]
    assert shown
    for variable in shown:
        assert (variable["multi"], variable["includeAll"], variable["allValue"], variable["refresh"]) == (
            *(True, True, ".+", 2),
        )


def test_a_filter_shows_what_lacks_the_label_too() -> None:
    first, *others = every_kind()
    variables = rendered([replace(first, labels={}), *others])["overview"]["templating"]["list"]
    assert {one["name"]: one["allValue"] for one in variables[1:]} == {"service": ".+", "team": ".*"}


def test_a_label_called_as_a_variable_has_one_of_its_own() -> None:
    objectives = [replace(one, labels={"service": "x"}) for one in every_kind() if not one.group_by]
    overview = rendered(objectives)["overview"]
    assert [one["name"] for one in overview["templating"]["list"]] == ["datasource", "service", "label_service"]
    assert "service=~`${label_service:regex}`" in overview["panels"][0]["targets"][0]["expr"]


def test_nothing_is_left_of_what_grafana_dropped(dashboard: dict[str, Any]) -> None:
    dropped = "rows style hideControls gnetId __inputs sharedCrosshair".split()
    assert not set(dropped) & set(dashboard)
    gone = set("intervalFactor step useTags tagsQuery cacheTimeout span minSpan".split())
    assert not [one for one in anything_in(dashboard["panels"]) if gone & set(one)]
    assert dashboard["editable"] is False
    assert dashboard["schemaVersion"] >= 36
    assert '"null"' not in json.dumps(dashboard)


def test_panels_have_ids_of_their_own_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    cells: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        own = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not own & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        cells |= own


def test_four_panels_in_their_order() -> None:
    panels = rendered()["error-budget"]["panels"]
    assert [panel["type"] for panel in panels] == ["gauge", "gauge", "timeseries", "stat"]
    places = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in panels]
    assert places == sorted(places)
    assert panels[2]["timeFrom"] == "24h"


def test_a_target_of_its_own_has_thresholds_of_its_own() -> None:
    gauge = rendered()["error-budget"]["panels"][0]["fieldConfig"]
    steps = {"": gauge["defaults"]["thresholds"]["steps"][1]["value"]}
    for override in gauge["overrides"]:
        for one in override["properties"]:
            if one["id"] == "thresholds":
                steps[override["matcher"]["options"]] = one["value"]["steps"][1]["value"]
    assert steps[""] == 0.999
    assert steps["(?:shop/latency)(?: .*)?"] == 0.95
    assert steps["(?:shop/full)(?: .*)?"] == 1


def test_values_lead_to_detail_runbook_and_page() -> None:
    for panel in rendered(site=Site("two", "https://slo.example.com/"))["error-budget"]["panels"]:
        urls = [link["url"] for link in panel["fieldConfig"]["defaults"]["links"]]
        assert urls == [
            "/d/slo-detail-two?${datasource:queryparam}&var-slo=${__field.labels.slo}",
            "https://slo.example.com/slo/${__field.labels.slo}",
            "https://runbooks.example.com/shop",
        ]


@pytest.mark.parametrize("name", NAMES)
def test_grafanas_own_models_read_it(name: str) -> None:
    made = rendered()[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from grafana_foundation_sdk.cog import plugins
        from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

        plugins.register_default_plugins()
        read = Dashboard.from_json(made)
    assert (read.uid, read.title, read.editable) == (made["uid"], made["title"], False)
    assert len(read.panels or []) == len(made["panels"])
    for panel, written in zip(read.panels or [], made["panels"], strict=True):
        if isinstance(panel, Panel):
            assert panel.options is not None
            assert type(panel.options).__name__ == "Options", written["type"]
            assert [type(one).__name__ for one in panel.targets or []] == ["Dataquery"] * len(written["targets"])
            queries = [one["expr"] for one in written["targets"]]
            assert [getattr(one, "expr", "") for one in panel.targets or []] == queries


def test_a_thousand_objectives_are_still_one_dashboard() -> None:
    many = [replace(one, service=f"shop{i}") for i in range(125) for one in every_kind() if one.name != "sliced"]
    assert len(json.dumps(rendered(many))) < 2_000_000


def test_a_strict_linter_is_told_which_rules_do_not_hold_and_why() -> None:
    """Those that ask for a job and an instance; the tests here stand for all its others."""
    told = yaml.safe_load((Path(__file__).parents[2] / "dashboards" / ".lint").read_text(encoding="utf-8"))
    assert set(told) == {"exclusions"}
    assert set(told["exclusions"]) == {
        f"{what}-{label}-rule" for what in ("template", "target") for label in ("job", "instance")
    }
    assert all(len(rule["reason"]) > 20 for rule in told["exclusions"].values())
