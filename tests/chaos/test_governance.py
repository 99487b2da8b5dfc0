"""What chaos a gate allows at all: everything else is refused, with what would be allowed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from slo.errors import SpecError
from slo.governance import ChaosRules, ChaosWish, Hours, check, equal_labels
from slo.spec import load_files

MONDAY = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
FRONTEND = frozenset({("app", "frontend")})
RULES = ChaosRules(
    faults=("pod-delete",), namespaces=("cloudshop-prod",), labels=(FRONTEND,), service_accounts=("litmus-admin",)
)


def rules(**changes: Any) -> ChaosRules:
    values = {name: getattr(RULES, name) for name in ("faults", "namespaces", "labels", "service_accounts")}
    return ChaosRules(**(values | changes))


def wish(**changes: Any) -> ChaosWish:
    values: dict[str, Any] = {
        "faults": ("pod-delete",),
        "namespace": "cloudshop-prod",
        "target_namespace": "cloudshop-prod",
        "labels": FRONTEND,
        "service_account": "litmus-admin",
        "duration_seconds": 30,
    }
    return ChaosWish(**(values | changes))


def test_what_is_listed_is_allowed() -> None:
    assert check(RULES, wish(), at=MONDAY) == ()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"faults": ("pod-delete", "node-drain")}, "the fault 'node-drain' is not allowed; allowed: pod-delete"),
        ({"faults": ()}, "it names no fault"),
        ({"namespace": "default", "target_namespace": "default"}, "the namespace 'default' is not allowed"),
        ({"target_namespace": "kube-system"}, "it aims at the namespace 'kube-system' from 'cloudshop-prod'"),
        ({"labels": frozenset({("app", "cart")})}, "the target's labels are not allowed; allowed: app=frontend"),
        ({"labels": frozenset()}, "the target's labels are not allowed"),
        ({"labels": None}, "the target's labels are not allowed"),
        ({"service_account": "cluster-admin"}, "the service account 'cluster-admin' is not allowed"),
        ({"doubts": ("it names further targets",)}, "it names further targets"),
    ],
)
def test_what_is_not_listed_is_refused_and_told(changes: dict[str, Any], told: str) -> None:
    [refusal] = check(RULES, wish(**changes), at=MONDAY)
    assert refusal.startswith(told)


def test_every_refusal_is_told_at_once() -> None:
    assert len(check(RULES, wish(faults=("a", "b"), service_account="", labels=None), at=MONDAY)) == 4


def test_a_target_may_be_narrower_than_what_is_allowed() -> None:
    assert check(RULES, wish(labels=FRONTEND | {("version", "2")}), at=MONDAY) == ()


def test_a_run_may_be_too_long() -> None:
    limited = rules(max_duration_seconds=60)
    assert check(limited, wish(duration_seconds=60), at=MONDAY) == ()
    assert check(limited, wish(duration_seconds=61), at=MONDAY) == ("it lasts 1m1s, at most 1m are allowed",)


def test_hours_are_on_the_clocks_of_their_zone_also_when_these_change() -> None:
    """At 9:30 UTC it is 10:30 in Paris in winter and 11:30 in summer."""
    before_eleven = rules(hours=(Hours(days=(0,), start_minute=600, end_minute=660),), time_zone="Europe/Paris")
    assert check(before_eleven, wish(), at=MONDAY) == ()
    in_summer = datetime(2026, 7, 6, 9, 30, tzinfo=UTC)
    assert check(before_eleven, wish(), at=in_summer) == ("chaos is allowed only at mon 10:00-11:00 (Europe/Paris)",)
    on_tuesday = MONDAY.replace(day=3)
    assert check(before_eleven, wish(), at=on_tuesday)


def test_the_end_of_the_hours_is_outside() -> None:
    until_nine_thirty = rules(hours=(Hours(days=(0,), start_minute=0, end_minute=570),))
    assert check(until_nine_thirty, wish(), at=MONDAY)
    assert check(until_nine_thirty, wish(), at=MONDAY.replace(minute=29, second=59)) == ()


@pytest.mark.parametrize(
    ("selector", "labels"),
    [
        ("app=frontend", FRONTEND),
        ("app==frontend, tier = web", FRONTEND | {("tier", "web")}),
        ("app in (frontend, cart)", None),
        ("app!=frontend", None),
        ("app", None),
        ("", None),
        ("app=frontend,", None),
    ],
)
def test_only_labels_that_must_be_equal_are_told_apart(selector: str, labels: object) -> None:
    assert equal_labels(selector) == labels


BLOCK = """\
gates:
  - name: chaos
    objectives: ["shop/*"]
    chaos:
      faults: [pod-delete, pod-network-latency]
      namespaces: [cloudshop-prod]
      labels: ["app=frontend", "app=cart,tier=web"]
      service_accounts: [litmus-admin]
      hours: ["mon-thu 09:00-17:00", "fri,sat 09:00-24:00"]
      time_zone: Europe/Paris
      max_duration: 5m
      max_budget_share: 10%
      cool_down: 0
"""


def test_the_block_of_a_gate_is_read(tmp_path: Path) -> None:
    (file := tmp_path / "gates.yaml").write_text(BLOCK, encoding="utf-8")
    read = load_files([file]).gates[0].chaos
    assert read is not None
    assert read.labels == (FRONTEND, frozenset({("app", "cart"), ("tier", "web")}))
    assert [str(one) for one in read.hours] == ["mon,tue,wed,thu 09:00-17:00", "fri,sat 09:00-24:00"]
    assert (read.max_duration_seconds, str(read.max_budget_share_ratio)) == (300, "0.1")
    assert (read.cool_down_minutes, read.cool_down_after_halt_minutes) == (0, 60)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("faults: [pod-delete, pod-network-latency]", "faults: []", "at least one entry is needed here"),
        ("      namespaces: [cloudshop-prod]\n", "", "the key 'namespaces' is missing"),
        ("app=frontend", "app", "write labels and what they must be"),
        ("mon-thu 09:00-17:00", "09:00-17:00", "write days and times such as 'mon-fri 09:00-17:00'"),
        ("mon-thu 09:00-17:00", "fri-mon 09:00-17:00", "in the order of the week"),
        ("mon-thu 09:00-17:00", "mon 17:00-09:00", "write two entries for a stretch over midnight"),
        ("mon-thu 09:00-17:00", "mon 17:00-25:00", "the end comes after the start on the same day"),
        ("[litmus-admin]", "[system:admin]", "write a name as Kubernetes has it"),
    ],
)
def test_what_is_wrong_in_the_block_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in BLOCK
    (file := tmp_path / "gates.yaml").write_text(BLOCK.replace(old, new), encoding="utf-8")
    with pytest.raises(SpecError, match=told):
        load_files([file])
