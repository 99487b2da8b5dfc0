"""The files of the dashboards, in the form that a Grafana, its sidecar or its operator reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import indent

from slo.errors import UsageError
from slo.generated import GeneratedFile
from slo.objective import Objective
from slo.render.dashboards.detail import detail
from slo.render.dashboards.error_budget import error_budget
from slo.render.dashboards.frame import MADE_BY, Site
from slo.render.dashboards.grafana_json import as_json
from slo.render.dashboards.overview import overview
from slo.window import CalendarWindow

FORMATS = ("json", "configmap", "grafana-operator")
_COMMENT = f"# {MADE_BY}\n"
SIGNS = (f'{{\n  "description": "{MADE_BY}', _COMMENT)
"""How the files begin."""

_BUILDERS = {"error-budget": error_budget, "overview": overview, "detail": detail}
_MOST_BYTES = 1_000_000
"""Of a ConfigMap; Kubernetes takes 1 MiB with all that is around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the files are written. namespace, labels, folder: of Kubernetes objects and of what is made of them."""

    format: str = "json"
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    folder: str = "SLO"


def render_dashboards(objectives: Sequence[Objective], site: Site, form: Form) -> list[GeneratedFile]:
    """A file for each dashboard. Raises UsageError where one could not hold a label's value, or grows too large."""
    _refuse_backticks(objectives)
    files = []
    for name, build in _BUILDERS.items():
        text = as_json(build(site, objectives))
        if form.format == "json":
            files.append(GeneratedFile(f"{name}.json", (text,)))
            continue
        head = _config_map(name, site, form) if form.format == "configmap" else _grafana_dashboard(name, site, form)
        if len(text.encode()) > _MOST_BYTES:
            raise UsageError(f"{name}: too large for Kubernetes ({len(text.encode())} bytes); choose fewer by --slo")
        files.append(GeneratedFile(f"{name}.yaml", (_COMMENT, head, indent(text, "    "))))
    return files


def unrecorded(objectives: Sequence[Objective]) -> list[str]:
    """A line for each objective of which rules record less than the dashboards show."""
    lines = []
    for objective in objectives:
        what = (
            "time slices have no rules"
            if objective.time_slices
            else "rules record no period of a calendar window"
            if isinstance(objective.window, CalendarWindow)
            else ""
        )
        if what:
            lines.append(f"{objective.id}: {what}; its budget is shown where Prometheus scrapes the service")
    return lines


def _refuse_backticks(objectives: Sequence[Objective]) -> None:
    for objective in objectives:
        for label, value in objective.labels.items():
            if "`" in value:
                raise UsageError(
                    f"{objective.id}: labels: {label}: Grafana cannot filter by a value with a backtick; leave it out"
                )


def _config_map(name: str, site: Site, form: Form) -> str:
    labels = {"app.kubernetes.io/managed-by": "slo", "grafana_dashboard": "1", **form.labels}
    return (
        "apiVersion: v1\nkind: ConfigMap\n"
        f"{_metadata(name, site, form, labels)}  annotations:\n    grafana_folder: {_quoted(form.folder)}\n"
        f"data:\n  {site.uid(name)}.json: |\n"
    )


def _grafana_dashboard(name: str, site: Site, form: Form) -> str:
    labels = {"app.kubernetes.io/managed-by": "slo", **form.labels}
    return (
        "apiVersion: grafana.integreatly.org/v1beta1\nkind: GrafanaDashboard\n"
        f"{_metadata(name, site, form, labels)}spec:\n  allowCrossNamespaceImport: true\n"
        f"  folder: {_quoted(form.folder)}\n  instanceSelector:\n    matchLabels:\n      dashboards: grafana\n"
        "  json: |\n"
    )


def _metadata(name: str, site: Site, form: Form, labels: Mapping[str, str]) -> str:
    namespace = f"  namespace: {_quoted(form.namespace)}\n" if form.namespace else ""
    lines = "".join(f"    {label}: {_quoted(value)}\n" for label, value in labels.items())
    return f"metadata:\n  name: {site.uid(name)}\n{namespace}  labels:\n{lines}"


def _quoted(text: str) -> str:
    """As YAML, which takes what JSON quotes."""
    from json import dumps

    return dumps(text, ensure_ascii=False)
