"""Pyrra's Kubernetes object ServiceLevelObjective."""

from __future__ import annotations

from typing import Any

from slo.promql.parse import parse_selector
from slo.promql.text import selector_text
from slo.selector import Selector
from slo.spec.peers.draft import Draft, Drafts, Reading, filled, items, mapping, percentage
from slo.spec.peers.query import latency_of

_PREFIX = "pyrra.dev/"


def is_pyrra(data: Any) -> bool:
    return str(mapping(data).get("apiVersion", "")).startswith(_PREFIX)


def read_pyrra(reading: Reading) -> Drafts:
    """The objective of one document. Its service is the namespace, which Pyrra's names are unique in."""
    top = mapping(reading.document.data)
    metadata, spec = mapping(top.get("metadata")), mapping(top.get("spec"))
    try:
        sli, groups = _sli(reading, mapping(spec.get("indicator")))
        target = percentage(spec.get("target"))
    except ValueError as error:
        reading.lose(("spec",), f"this objective is not carried over: {error}")
        return
    reading.unknown(("spec",), spec, {"target", "window", "description", "indicator", "alerting"})
    entry = {
        "name": reading.name(("metadata", "name"), metadata.get("name")),
        "description": spec.get("description"),
        "target": target,
        "window": spec.get("window"),
        "labels": _labels(reading, mapping(metadata.get("labels"))),
        "group_by": groups,
        "sli": sli,
    }
    service = reading.name(("metadata", "namespace"), metadata.get("namespace") or "default")
    yield Draft(service, filled(entry), _alerting(reading, metadata, spec))


def _sli(reading: Reading, indicator: Any) -> tuple[dict[str, Any], list[str]]:
    if ratio := mapping(indicator.get("ratio")):
        bad, total = _metric(ratio.get("errors")), _metric(ratio.get("total"))
        return {"ratio": {"bad": selector_text(bad), "total": selector_text(total)}}, items(ratio.get("grouping"))
    if latency := mapping(indicator.get("latency")):
        good, total = _metric(latency.get("success")), _metric(latency.get("total"))
        found = latency_of(good, total)
        if found:
            return {"latency": found}, items(latency.get("grouping"))
        why = "the bucket and the count have different matchers: carried over as a ratio of the two, as Pyrra counts it"
        reading.lose(("spec", "indicator", "latency"), why)
        return {"ratio": {"good": selector_text(good), "total": selector_text(total)}}, items(latency.get("grouping"))
    if probe := mapping(indicator.get("bool_gauge") or indicator.get("boolGauge")):
        series = selector_text(parse_selector(str(probe.get("metric", ""))))
        return {"probe": {"series": series, "good_when": "== 1"}}, items(probe.get("grouping"))
    if "latencyNative" in indicator:
        raise ValueError("native histograms cannot be counted yet")
    raise ValueError("it has no indicator that is known: ratio, latency or bool_gauge")


def _metric(entry: Any) -> Selector:
    return parse_selector(str(mapping(entry).get("metric", "")))


def _labels(reading: Reading, labels: Any) -> dict[str, str]:
    """Those that Pyrra puts onto series; the others choose which Prometheus takes the object."""
    own = {name: value for name, value in labels.items() if name.startswith(_PREFIX)}
    for name in labels:
        if name not in own:
            why = f"the label {name[:60]!r} is the Kubernetes object's; give it to `slo rules` by --label"
            reading.lose(("metadata", "labels", name), why)
    return reading.labels(("metadata", "labels"), {name.removeprefix(_PREFIX): value for name, value in own.items()})


def _alerting(reading: Reading, metadata: Any, spec: Any) -> dict[str, Any]:
    alerting, where = mapping(spec.get("alerting")), ("spec", "alerting")
    reading.unknown(where, alerting, {"disabled", "name", "absentName", "burnrates", "absent", "burnRate"})
    for key in ("name", "absentName"):
        if alerting.get(key):
            reading.lose((*where, key), "alerts are named ErrorBudgetBurn and SLOMetricAbsent here")
    is_off = str(alerting.get("disabled", "false")).lower() == "true"
    burns = not is_off and str(alerting.get("burnrates", "true")).lower() != "false"
    absent = not is_off and str(alerting.get("absent", "true")).lower() != "false"
    same = spec.get("window") in ("4w", "28d")
    if burns and not same:
        why = "Pyrra scales its windows by the period; here they stay, and the factors are scaled (policy sre-workbook)"
        reading.lose(("spec", "window"), why)
    annotations = {
        name.removeprefix(_PREFIX): value
        for name, value in mapping(metadata.get("annotations")).items()
        if name.startswith(_PREFIX)
    }
    return filled(
        {
            "policy": "pyrra-28d" if same else "",
            "annotations": reading.annotations(("metadata", "annotations"), annotations),
            "page": {} if burns else _off(),
            "ticket": {} if burns else _off(),
            "absent": {} if absent else _off(),
        }
    )


def _off() -> dict[str, str]:
    return {"enabled": "false"}
