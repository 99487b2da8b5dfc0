"""What other tools' files become: the same selectors, targets, windows and alerts, and a list of what is left out."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from slo.errors import UsageError
from slo.objective import LatencySLI, Objective, ProbeSLI, RatioSLI
from slo.promql.parse import parse_selector
from slo.spec import load_objectives
from slo.spec.peers import read_peers
from slo.window import CalendarUnit, CalendarWindow, RollingWindow

SLOTH = """\
version: prometheus/v1
service: shop
labels: {owner: team-a}
slos:
  - name: errors
    objective: 99.95
    labels: {tier: "1"}
    sli:
      events:
        error_query: sum(rate(requests_total{code=~"5.."}[{{.window}}]))
        total_query: (sum(rate(requests_total[{{ .window }}])) or vector(0))
    alerting:
      labels: {area: web}
      annotations: {summary: "errors"}
      page_alert: {labels: {pager: a}}
      ticket_alert: {disable: true}
  - name: slow
    objective: 99
    sli:
      events:
        error_query: |
          sum(rate(seconds_count{verb!="WATCH"}[{{.window}}]))
          - sum(rate(seconds_bucket{le="0.4",verb!="WATCH"}[{{.window}}]))
        total_query: sum(rate(seconds_count{verb!="WATCH"}[{{.window}}]))
"""
PYRRA = """\
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: api-errors, namespace: monitoring, labels: {pyrra.dev/team: core, role: rules}}
spec:
  target: "99.9"
  window: 4w
  indicator:
    ratio:
      errors: {metric: 'requests_total{code=~"5.."}'}
      total: {metric: requests_total}
      grouping: [handler]
---
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: up, namespace: monitoring}
spec:
  target: "99"
  window: 7d
  indicator: {bool_gauge: {metric: probe_success}}
  alerting: {disabled: true}
---
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: fast, namespace: monitoring}
spec:
  target: "90"
  window: 28d
  indicator:
    latency:
      success: {metric: 'seconds_bucket{job="a",le="0.05"}'}
      total: {metric: 'seconds_count{job="a"}'}
"""
OPENSLO = """\
apiVersion: openslo/v1
kind: SLI
metadata: {name: good-answers}
spec:
  ratioMetric:
    good: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(requests_total{code!~"5.."}[5m]))'}}}
    total: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(requests_total[5m]))'}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: answers}
spec:
  service: shop
  indicatorRef: good-answers
  timeWindow: [{duration: 1M, isRolling: false, calendar: {startTime: 2026-01-01 00:00:00, timeZone: Europe/Paris}}]
  budgetingMethod: Timeslices
  objectives: [{targetPercent: 99.5, timeSliceTarget: 0.95, timeSliceWindow: 5m}]
"""


def imported(text: str, folder: Path, *, name: str = "theirs.yaml") -> tuple[dict[str, Objective], str]:
    (folder / name).write_text(text, encoding="utf-8")
    found = read_peers([folder / name], window="30d")
    objectives = load_objectives(found.text) if found.objectives else []
    return {one.id: one for one in objectives}, "\n".join(str(one) for one in found.lost)


def slo(*arguments: str, folder: Path) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "slo", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_sloth(tmp_path: Path) -> None:
    found, lost = imported(SLOTH, tmp_path)
    errors, slow = found["shop/errors"], found["shop/slow"]
    bad, total = parse_selector('requests_total{code=~"5.."}'), parse_selector("requests_total")
    assert errors.sli == RatioSLI(bad=bad, total=total)
    assert (errors.target_ratio, errors.window) == (Decimal("0.9995"), RollingWindow(30 * 1440))
    assert dict(errors.labels) == {"owner": "team-a", "tier": "1"}
    policy = errors.alert_policy
    assert [pair.factor(30 * 1440) for pair in policy.pairs] == [14.4, 6.0, 3.0, 1.0]
    assert (dict(policy.labels), dict(policy.annotations)) == ({"area": "web"}, {"summary": "errors"})
    assert (dict(policy.page.labels), policy.page.enabled, policy.ticket.enabled) == ({"pager": "a"}, True, False)
    histogram = parse_selector('seconds{verb!="WATCH"}')
    assert slow.sli == LatencySLI(histogram=histogram, threshold=Decimal("0.4"))
    assert lost == ""


def test_sloth_on_kubernetes_says_the_same(tmp_path: Path) -> None:
    lines = SLOTH.replace("version: prometheus/v1\n", "")
    for old, new in (("error_query", "errorQuery"), ("total_query", "totalQuery"), ("_alert", "Alert")):
        lines = lines.replace(old, new)
    head = "apiVersion: sloth.slok.dev/v1\nkind: PrometheusServiceLevel\nmetadata: {name: x}\nspec:\n"
    body = "".join(f"  {line}\n" for line in lines.splitlines())
    assert imported(head + body, tmp_path)[0] == imported(SLOTH, tmp_path)[0]


def test_pyrra(tmp_path: Path) -> None:
    found, lost = imported(PYRRA, tmp_path)
    errors, up, fast = (found[f"monitoring/{name}"] for name in ("api-errors", "up", "fast"))
    assert errors.group_by == ("handler",)
    assert dict(errors.labels) == {"team": "core"}
    factors = [
        (pair.severity, pair.long_minutes, round(pair.factor(28 * 1440), 9)) for pair in errors.alert_policy.pairs
    ]
    assert factors == [("page", 60, 14), ("page", 360, 7), ("ticket", 1440, 2), ("ticket", 5760, 1)]
    assert isinstance(up.sli, ProbeSLI)
    policy = up.alert_policy
    assert [one.enabled for one in (policy.page, policy.ticket, policy.absent)] == [False, False, False]
    assert fast.sli == LatencySLI(histogram=parse_selector('seconds{job="a"}'), threshold=Decimal("0.05"))
    assert lost == (
        f"{tmp_path}/theirs.yaml:3:90: metadata.labels.role: the label 'role' is the Kubernetes object's;"
        " give it to `slo rules` by --label"
    )


def test_openslo(tmp_path: Path) -> None:
    found, lost = imported(OPENSLO, tmp_path)
    answers = found["shop/answers"]
    good, total = parse_selector('requests_total{code!~"5.."}'), parse_selector("requests_total")
    assert answers.sli == RatioSLI(good=good, total=total)
    assert answers.target_ratio == Decimal("0.995")
    assert answers.window == CalendarWindow(CalendarUnit.MONTH, "Europe/Paris")
    assert answers.time_slices
    assert (answers.time_slices.minutes, answers.time_slices.target_ratio) == (5, Decimal("0.95"))
    assert lost == ""


def test_queries_in_a_text(tmp_path: Path) -> None:
    ratio = 'sum(rate(answers_total{code!~"5..",namespace="a"}[30d])) / sum(rate(answers_total{namespace="a"}[30d]))'
    text = f"Availability\n\n```\n({ratio}) * 100\n```\n\nConsumed\n\n```\n(1 - ({ratio})) / (1 - 0.995) * 100\n```\n"
    found, lost = imported(text, tmp_path, name="queries.txt")
    one = found["a/availability"]
    total = parse_selector('answers_total{namespace="a"}')
    assert one.sli == RatioSLI(good=parse_selector('answers_total{code!~"5..",namespace="a"}'), total=total)
    assert (one.target_ratio, one.window) == (Decimal("0.995"), RollingWindow(30 * 1440))
    assert "1 other queries follow from the objective" in lost


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("sum(rate(requests_total{code", "avg(rate(requests_total{code", "the aggregation avg is no count of events"),
        ("sum(rate(requests_total{code", "sum(max_over_time(requests_total{code", "max_over_time() is no count of"),
        (
            "[{{.window}}]))\n        total",
            "[{{.window}}] offset 1h))\n        total",
            "offset is not part of a selector",
        ),
        ("objective: 99.95", "objective: 100.5", "a target of 100.5 % is not between 0 and 100"),
        ("objective: 99.95", "objective: much", "the target 'much' is no percentage"),
        ("labels: {area: web}", "labels: {severity: a, a-b: c}", "the label 'severity' is left out"),
        ("labels: {area: web}", "labels: {severity: a, a-b: c}", "the label 'a-b' is left out"),
        ("name: errors", "name: Errors!", "the name 'Errors!' becomes 'errors'"),
        ("service: shop", "service: '***'", "this document is not carried over: a name is missing"),
    ],
)
def test_what_cannot_be_carried_over_is_told(old: str, new: str, told: str, tmp_path: Path) -> None:
    assert old in SLOTH
    _, lost = imported(SLOTH.replace(old, new), tmp_path)
    assert told in lost


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: Deployment\n", "this document of kind 'Deployment' is none of Sloth's, Pyrra's or OpenSLO's"),
        ("a: &x 1\nb: *x\n", "anchors and aliases are not accepted"),
        ("[]", "this document is none of Sloth's"),
        ("version: prometheus/v1\nservice: [a]\n", "a name is missing"),
        ("version: prometheus/v1\nservice: a\nslos: [1, {name: {}}]\n", "it has no indicator with events"),
        ("apiVersion: pyrra.dev/v1\nspec: {indicator: {latencyNative: {}}}\n", "native histograms cannot be counted"),
        ("apiVersion: openslo/v1\nkind: SLO\nspec: {objectives: [{}]}\n", "it has no indicator"),
        ("apiVersion: openslo/v1\nkind: AlertPolicy\n", "a document of kind 'AlertPolicy' is not carried over"),
    ],
)
def test_hostile_and_foreign_documents_are_told_and_give_nothing(text: str, told: str, tmp_path: Path) -> None:
    found, lost = imported(text, tmp_path)
    assert not found
    assert told in lost


def test_one_bad_objective_does_not_hide_the_others(tmp_path: Path) -> None:
    found, lost = imported(SLOTH.replace("objective: 99.95", "objective: 0"), tmp_path)
    assert list(found) == ["shop/slow"]
    assert "theirs.yaml:5:5: slos[0]: this objective is not carried over" in lost


def test_two_objectives_of_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two objectives would be shop/errors"):
        imported(f"{SLOTH}---\n{SLOTH}", tmp_path)


def test_the_command_writes_lists_and_refuses(tmp_path: Path) -> None:
    (tmp_path / "theirs.yaml").write_text(SLOTH.replace("owner:", "own-er:"), encoding="utf-8")
    code, said, lost = slo("import", "theirs.yaml", "-o", "ours.yaml", folder=tmp_path)
    assert (code, said) == (0, "")
    assert "slo: 1 things are not carried over:" in lost
    assert "theirs.yaml:3:18: labels.own-er: the label 'own-er' is left out: Prometheus has no such names" in lost
    assert slo("validate", "ours.yaml", folder=tmp_path)[0] == 0
    assert slo("rules", "ours.yaml", folder=tmp_path)[0] == 0
    before = (tmp_path / "ours.yaml").read_text()
    assert slo("import", "theirs.yaml", "-o", "ours.yaml", folder=tmp_path)[0] == 2
    code, _, lost = slo("import", "theirs.yaml", "-o", "ours.yaml", "--force", "--strict", folder=tmp_path)
    assert (code, "nothing is written: --strict" in lost) == (2, True)
    assert (tmp_path / "ours.yaml").read_text() == before
    assert slo("import", "nowhere.yaml", folder=tmp_path)[0] == 2
    (tmp_path / "other.yaml").write_text("kind: Deployment\n")
    assert slo("import", "other.yaml", folder=tmp_path)[0] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.yaml", "ours.yaml", "theirs.yaml"]
