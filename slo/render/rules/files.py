"""Rule files: one for each service, in the form that a Prometheus, its operator or another ruler reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from slo.errors import UsageError
from slo.generated import GeneratedFile
from slo.objective import Objective
from slo.render.rules.groups import GroupWriter
from slo.render.rules.rule import labels_text, scalar

FORMATS = ("prometheusrule", "prometheus", "mimir", "thanos", "victoriametrics")
MADE_BY = "# Made by `slo rules` from the objective files; what is changed here is lost when they are made again.\n"
INHIBITION_FILE = "alertmanager/inhibit.yaml"
"""In a folder of its own: no ruler reads it, and `*.yaml` is what rulers are told to read."""

_RULES_IN_GROUP = {"mimir": 20}
"""Where a ruler limits them by default: Mimir's -ruler.max-rules-per-rule-group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How rule files are written.

    rules_in_group: None for the ruler's usual limit. delay: evaluate so much in the past, as a duration, where series
    reach the ruler late. namespace, labels: of PrometheusRule objects. tenant: of VictoriaMetrics.
    """

    format: str = "prometheusrule"
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    rules_in_group: int | None = None
    delay: str = ""
    tenant: str = ""


def render_rules(objectives: Sequence[Objective], layout: Layout) -> tuple[list[GeneratedFile], list[str]]:
    """The files, in the order of services, and what they leave out. Raises UsageError where names would clash."""
    _refuse_clashes(objectives)
    writer = GroupWriter(rules_in_group=layout.rules_in_group or _RULES_IN_GROUP.get(layout.format), head=_head(layout))
    files = []
    ordered = sorted(objectives, key=lambda one: one.service)
    for service, run in groupby(ordered, key=lambda one: one.service):
        groups = [writer.groups(objective) for objective in run]
        if not any("  - name:" in text for text in groups):
            groups.append("  []\n")
        files.append(GeneratedFile(f"{service}.yaml", (f"{_beginning(service, layout)}groups:\n", *groups)))
    left_out = [f"{objective.id}: {notice}" for objective in objectives for notice in writer.notices(objective)]
    return files, left_out


def render_inhibition(objectives: Sequence[Objective]) -> GeneratedFile:
    """The Alertmanager configuration by which a page silences the tickets on the same budget."""
    equal = ["slo", *sorted({label for objective in objectives for label in objective.group_by})]
    text = f"""\
{MADE_BY}# Belongs into the configuration of Alertmanager.
inhibit_rules:
  - source_matchers: ['alertname = "ErrorBudgetBurn"', 'severity = "page"']
    target_matchers: ['alertname = "ErrorBudgetBurn"', 'severity = "ticket"']
    equal: [{", ".join(equal)}]
"""
    return GeneratedFile(INHIBITION_FILE, (text,))


def object_name(service: str) -> str:
    """The name of a service's PrometheusRule, by the rules for names in Kubernetes."""
    return f"slo-{service.replace('_', '-')}"


def _beginning(service: str, layout: Layout) -> str:
    if layout.format == "mimir":
        return f"{MADE_BY}namespace: {scalar(object_name(service))}\n"
    if layout.format != "prometheusrule":
        return MADE_BY
    labels = {"app.kubernetes.io/managed-by": "slo", **layout.labels}
    namespace = f"  namespace: {scalar(layout.namespace)}\n" if layout.namespace else ""
    return (
        f"{MADE_BY}apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n"
        f"  name: {object_name(service)}\n{namespace}  labels:\n"
        f"{labels_text(labels).replace('          ', '    ')}spec:\n  "
    )


def _head(layout: Layout) -> str:
    """Lines of each group that only some rulers know."""
    lines = ""
    if layout.delay:
        name = "eval_delay" if layout.format == "victoriametrics" else "query_offset"
        lines += f"    {name}: {layout.delay}\n"
    if layout.tenant and layout.format == "victoriametrics":
        lines += f"    tenant: {scalar(layout.tenant)}\n"
    return lines


def _refuse_clashes(objectives: Sequence[Objective]) -> None:
    """Services that differ in _ and - alone would share one object."""
    first: dict[str, str] = {}
    for service in dict.fromkeys(objective.service for objective in objectives):
        other = first.setdefault(object_name(service), service)
        if other != service:
            raise UsageError(
                f"the services {other} and {service} would both be the PrometheusRule {object_name(service)};"
                " rename one of them"
            )
