"""Sloth's files: prometheus/v1, and its Kubernetes object PrometheusServiceLevel."""

from __future__ import annotations

from typing import Any

from slo.spec.peers.draft import Draft, Drafts, Reading, filled, items, mapping, percentage
from slo.spec.peers.query import Share, ratio_of, read_events, read_query
from slo.spec.places import Path


def is_sloth(data: Any) -> bool:
    top = mapping(data)
    return top.get("version") == "prometheus/v1" or str(top.get("apiVersion", "")).startswith("sloth.slok.dev/")


def read_sloth(reading: Reading, window: str) -> Drafts:
    """The objectives of one document; window: Sloth's period, which stands outside of its files."""
    top = mapping(reading.document.data)
    root: Path = ("spec",) if "spec" in top else ()
    spec = mapping(top["spec"]) if root else top
    reading.unknown(root, spec, {"version", "service", "labels", "slos", "sloPlugins"})
    if spec.get("sloPlugins"):
        reading.lose((*root, "sloPlugins"), "Sloth's plugins have no counterpart")
    service = reading.name((*root, "service"), spec.get("service"))
    labels = reading.labels((*root, "labels"), spec.get("labels"))
    for index, slo in enumerate(items(spec.get("slos"))):
        where: Path = (*root, "slos", index)
        try:
            yield _objective(reading, where, mapping(slo), service, labels, window)
        except ValueError as error:
            reading.lose(where, f"this objective is not carried over: {error}")


def _objective(reading: Reading, where: Path, slo: Any, service: str, labels: dict[str, str], window: str) -> Draft:
    known = {"name", "objective", "description", "labels", "sli", "alerting", "plugins", "infoLabels"}
    reading.unknown(where, slo, known)
    for key in ("plugins", "infoLabels"):
        if slo.get(key):
            reading.lose((*where, key), f"{key} has no counterpart")
    sli, groups = _sli(mapping(slo.get("sli")))
    entry = {
        "name": reading.name((*where, "name"), slo.get("name")),
        "description": slo.get("description"),
        "target": percentage(slo.get("objective")),
        "window": window,
        "labels": {**labels, **reading.labels((*where, "labels"), slo.get("labels"))},
        "group_by": list(groups),
        "sli": sli,
    }
    return Draft(service, filled(entry), _alerting(reading, (*where, "alerting"), mapping(slo.get("alerting"))))


def _sli(sli: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    if events := mapping(sli.get("events")):
        error = events.get("error_query") or events.get("errorQuery") or ""
        total = events.get("total_query") or events.get("totalQuery") or ""
        return ratio_of(read_query(error), read_events(total), is_bad=True)
    if raw := mapping(sli.get("raw")):
        query = read_query(raw.get("error_ratio_query") or raw.get("errorRatioQuery") or "")
        if not isinstance(query, Share):
            raise ValueError("the error ratio is no ratio of two counts")
        return ratio_of(query.part, query.whole, is_bad=not query.is_complement)
    if sli.get("plugin"):
        raise ValueError("its indicator is a plugin of Sloth's: write the queries that it stands for")
    raise ValueError("it has no indicator with events")


def _alerting(reading: Reading, where: Path, alerting: Any) -> dict[str, Any]:
    keys = {"name", "labels", "annotations", "page_alert", "ticket_alert", "pageAlert", "ticketAlert"}
    reading.unknown(where, alerting, keys)
    if alerting.get("name"):
        reading.lose((*where, "name"), f"the alert {str(alerting['name'])[:60]!r} is named ErrorBudgetBurn here")
    page = _severity(reading, where, alerting, "page_alert", "pageAlert")
    ticket = _severity(reading, where, alerting, "ticket_alert", "ticketAlert")
    is_off = "enabled" in page and "enabled" in ticket
    return filled(
        {
            "labels": reading.labels((*where, "labels"), alerting.get("labels")),
            "annotations": reading.annotations((*where, "annotations"), alerting.get("annotations")),
            "page": page,
            "ticket": ticket,
            "absent": {"enabled": "false"} if is_off else {},
        }
    )


def _severity(reading: Reading, where: Path, alerting: Any, *names: str) -> dict[str, Any]:
    name = next((one for one in names if one in alerting), names[0])
    entry = mapping(alerting.get(name))
    return filled(
        {
            "enabled": "false" if str(entry.get("disable", "false")).lower() == "true" else "",
            "labels": reading.labels((*where, name, "labels"), entry.get("labels")),
            "annotations": reading.annotations((*where, name, "annotations"), entry.get("annotations")),
        }
    )
