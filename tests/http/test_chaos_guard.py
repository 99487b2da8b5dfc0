"""What a guard elsewhere reads of the service: rules on chaos, the decision, and budgets as the report has them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import httpx
import pytest

from slo.chaos.rules_document import rules_document, rules_of
from slo.chaos.service_budget import ServiceBudget
from slo.cli import run
from slo.errors import SourceError, UsageError
from slo.gate_server import GateServer
from slo.governance import ChaosRules, Hours
from tests.http.shop import AT, Shop

RULES = ChaosRules(
    faults=("pod-delete",),
    namespaces=("cloudshop-prod",),
    labels=(frozenset({("app", "frontend"), ("tier", "web")}),),
    service_accounts=("litmus-admin",),
    hours=(Hours(days=(0, 1), start_minute=60, end_minute=120),),
    time_zone="Europe/Paris",
    max_duration_seconds=300,
)
ENGINE = Path(__file__).parents[2] / "deploy" / "chaos" / "pod-delete.yaml"


def test_rules_come_through_whole() -> None:
    assert rules_of(rules_document("chaos", RULES)) == RULES
    assert rules_of(rules_document("chaos", None)) is None


@pytest.mark.parametrize(
    "document", [[], {}, {"schema": "slo.chaos_rules/v1"}, {"schema": "slo.chaos_rules/v1", "rules": {"faults": 3}}]
)
def test_what_are_no_rules_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="rules on chaos"):
        rules_of(document)  # type: ignore[arg-type]


def test_the_service_tells_its_rules(client: httpx.Client) -> None:
    assert client.get("/gates/open/chaos").json() == {"schema": "slo.chaos_rules/v1", "gate": "open", "rules": None}
    assert client.get("/gates/none/chaos").status_code == 404


def test_a_reading_is_what_the_report_says(shop: Shop, client: httpx.Client) -> None:
    budget = ServiceBudget(server=GateServer(shop.url), gate="open", slos=("cloudshop/week",), now=lambda: AT)
    reading = budget.read({"run": "r1"})
    assert reading.allowed
    [entry] = client.get("/budget", params={"slo": "cloudshop/week"}).json()["objectives"]
    standing = reading.standings["cloudshop/week"]
    assert (standing.bad_events, standing.budget_events) == (
        entry["bad_events"],
        Fraction(1, 100) * entry["total_events"],
    )
    assert standing.bad_ever >= standing.bad_events
    assert standing.busiest_per_second > 0


def test_a_gate_that_is_closed_or_a_service_that_is_gone_is_no_yes(shop: Shop) -> None:
    spent = ServiceBudget(server=GateServer(shop.url), gate="spent", slos=("cloudshop/exhausted",), now=lambda: AT)
    reading = spent.read()
    assert not reading.allowed
    assert "10 % is required" in reading.message
    gone = ServiceBudget(server=GateServer("http://127.0.0.1:9"), gate="open", slos=("a/b",), now=lambda: AT)
    with pytest.raises(SourceError, match="cannot be reached"):
        gone.read()
    with pytest.raises(UsageError, match="asks about no objective"):
        ServiceBudget(server=GateServer(shop.url), gate="open", slos=("a/b",), now=lambda: AT).read()


def test_a_plan_by_the_service(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["chaos", "plan", str(ENGINE), "--server", shop.url]
    assert run([*asked, "--gate", "open", "--slo", "cloudshop/week"]) == 0
    assert "gate open: it may start" in capsys.readouterr().out
    assert run([*asked, "--gate", "spent", "--slo", "cloudshop/exhausted"]) == 1
    assert "refused: the gate 'spent' says deny" in capsys.readouterr().out
