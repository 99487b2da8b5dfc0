"""From grafanalib's objects to the JSON of today's Grafana: what it dropped since goes, what it wants is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from grafanalib import core
from grafanalib._gen import DashboardEncoder

_DASHBOARD = (
    "description annotations editable graphTooltip id links panels refresh schemaVersion tags templating time timezone"
    " title uid version"
).split()
_PANEL = (
    "type title description datasource gridPos fieldConfig options targets transformations maxDataPoints timeFrom"
    " interval collapsed panels"
).split()
_DEFAULTS = "unit decimals min max thresholds mappings links noValue color custom".split()
_TARGET = "datasource expr format instant interval legendFormat refId".split()
_VARIABLE = "name label type query datasource current options regex refresh hide includeAll multi allValue sort".split()


def as_json(dashboard: core.Dashboard) -> str:
    """The text of the file, the same at every run. The description comes first: it says who made it."""
    made: dict[str, Any] = json.loads(json.dumps(dashboard.to_json_data(), cls=DashboardEncoder))
    cleaned = _kept(made, _DASHBOARD)
    cleaned["id"] = None
    cleaned["timepicker"] = {}
    cleaned["panels"] = [_panel(panel, number) for number, panel in enumerate(made["panels"], 1)]
    cleaned["templating"] = {"list": [_kept(one, _VARIABLE) for one in made["templating"]["list"]]}
    return json.dumps(cleaned, indent=2) + "\n"


def _panel(made: Mapping[str, Any], number: int) -> dict[str, Any]:
    panel = {"id": number, **_kept(made, _PANEL)}
    if made["type"] == "row":
        return {key: panel[key] for key in ("id", "type", "title", "gridPos", "collapsed", "panels")}
    config = made["fieldConfig"]
    defaults = _kept(config["defaults"], _DEFAULTS)
    if "custom" in defaults:
        defaults["custom"] = _kept(defaults["custom"], list(defaults["custom"]))
    panel["fieldConfig"] = {"defaults": defaults, "overrides": config["overrides"]}
    panel["targets"] = [_target(target) for target in made["targets"]]
    return panel


def _target(made: Mapping[str, Any]) -> dict[str, Any]:
    target = _kept(made, _TARGET)
    if not target["interval"]:
        del target["interval"]
    return {**target, "range": not target["instant"], "editorMode": "code"}


def _kept(made: Mapping[str, Any], keys: list[str]) -> dict[str, Any]:
    return {key: made[key] for key in keys if made.get(key) is not None}
