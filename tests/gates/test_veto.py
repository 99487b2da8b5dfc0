"""Vetoes: signals besides budgets that close a gate as a whole."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from slo.decision import Outcome, fold
from slo.errors import SpecError
from slo.gate import Gate
from slo.source.condition import evaluate_vetoes
from slo.source.protocol import SeriesSamples
from slo.source.server import Server
from slo.spec import load_files
from slo.veto import Signal, Veto, VetoFinding, finding_of
from tests.gates.worlds import AT, gate, given, override
from tests.support.prometheus import prometheus_with

FALCO = Veto(name="falco", query="falco_events > 0", when_absent="deny", reason="Falco saw something critical")


def vetoed(**changes: Any) -> Gate:
    return gate(**({"vetoes": (FALCO,)} | changes))


def found(signal: Signal, *, at: datetime = AT, message: str = "") -> VetoFinding:
    return VetoFinding(veto="falco", at=at, signal=signal, message=message)


def test_a_raised_veto_denies_for_the_gate_as_a_whole() -> None:
    made = fold(vetoed(), [given("a/b")], at=AT, vetoes=[found(Signal.RAISED)])
    assert (made.outcome, made.allowed) == (Outcome.DENY, False)
    [told] = made.reasons
    assert (told.slo, told.check, told.message) == ("", "veto", "veto 'falco': Falco saw something critical")


def test_a_quiet_veto_says_nothing() -> None:
    assert fold(vetoed(), [given("a/b")], at=AT, vetoes=[found(Signal.QUIET)]).outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    ("findings", "told"),
    [
        ([], "it was not evaluated"),
        ([found(Signal.UNKNOWN, message="nobody answers")], "nobody answers"),
        ([found(Signal.QUIET, at=AT - timedelta(seconds=301))], "it was last evaluated at 2026-10-31T23:54:59Z"),
        ([found(Signal.RAISED, at=AT - timedelta(seconds=301))], "it was last evaluated at"),
    ],
)
def test_a_veto_that_is_missing_failed_or_old_is_unknown(findings: list[VetoFinding], told: str) -> None:
    made = fold(vetoed(), [given("a/b")], at=AT, vetoes=findings)
    assert (made.outcome, made.allowed, made.reasons[0].cause) == (Outcome.UNKNOWN, False, "veto")
    assert told in made.reasons[0].message
    lenient = vetoed(on_unknown={"default": "deny", "veto": "allow"})
    assert fold(lenient, [given("a/b")], at=AT, vetoes=findings).allowed


def test_an_override_of_the_gate_lifts_a_veto() -> None:
    made = fold(vetoed(), [given("a/b")], at=AT, vetoes=[found(Signal.RAISED)], overrides=[override()])
    assert (made.outcome, made.allowed) == (Outcome.WARN, True)


def test_an_override_of_one_objective_lifts_no_veto() -> None:
    part = override(slos=("a/c",))
    assert not fold(vetoed(), [given("a/b")], at=AT, vetoes=[found(Signal.RAISED)], overrides=[part]).allowed


@each(seconds=st.floats(0, 1000))
def test_the_answer_stays_the_same_until_it_expires(seconds: float) -> None:
    findings = [found(Signal.QUIET, at=AT - timedelta(seconds=100))]
    first = fold(vetoed(), [given("a/b")], at=AT, vetoes=findings, next_cycle_at=AT + timedelta(hours=1))
    later = AT + timedelta(seconds=seconds)
    again = fold(vetoed(), [given("a/b")], at=later, vetoes=findings, next_cycle_at=AT + timedelta(hours=1))
    assert first.expires_at == AT + timedelta(seconds=201)
    assert later >= first.expires_at or again.outcome is first.outcome


@pytest.mark.parametrize(
    ("values", "when_absent", "signal"),
    [
        ([1.0], "allow", Signal.RAISED),
        ([0.0, -2.0], "allow", Signal.RAISED),
        ([math.nan], "allow", Signal.RAISED),
        ([0.0, 0.0], "deny", Signal.QUIET),
        ([], "deny", Signal.RAISED),
        ([], "allow", Signal.QUIET),
        ([], "unknown", Signal.UNKNOWN),
    ],
)
def test_any_value_that_is_not_zero_is_a_veto(values: list[float], when_absent: str, signal: Signal) -> None:
    veto = Veto(name="v", query="x", when_absent=when_absent)
    assert finding_of(veto, values, at=AT).signal is signal


def test_a_real_prometheus_is_asked_at_the_time_of_the_decision(tmp_path: Path) -> None:
    """An alert that fires from 12:00 to 12:10."""
    noon = datetime(2026, 11, 1, 12, tzinfo=UTC)
    times = np.arange(0, 601, 60) * 1000 + int(noon.timestamp() * 1000)
    labels = {"__name__": "ALERTS", "alertstate": "firing", "alertname": "NodeDown"}
    firing = Veto(name="alerts", query='ALERTS{alertstate="firing"}', when_absent="allow")
    one, text = Veto(name="one", query="1", when_absent="allow"), Veto(name="bad", query="1 +", when_absent="allow")
    with prometheus_with([SeriesSamples(labels, times, np.ones(times.size))], tmp_path) as url:
        servers = {"": Server(urls=("http://127.0.0.1:9", url))}  # the first replica is down
        during = evaluate_vetoes([firing, one, text], servers, at=noon + timedelta(minutes=5), timeout_seconds=30)
        after = evaluate_vetoes([firing], servers, at=noon + timedelta(minutes=30), timeout_seconds=30)
    assert [finding.signal for finding in during] == [Signal.RAISED, Signal.RAISED, Signal.UNKNOWN]
    assert "refused the query" in during[2].message
    assert (after[0].signal, after[0].at) == (Signal.QUIET, noon + timedelta(minutes=30))


def test_a_server_that_is_down_or_not_there_makes_a_veto_unknown() -> None:
    vetoes = [FALCO, Veto(name="other", query="x", when_absent="allow", prometheus="security")]
    down = {"": Server(urls=("http://127.0.0.1:9",))}
    unreachable, missing = evaluate_vetoes(vetoes, down, at=AT, timeout_seconds=5)
    assert (unreachable.signal, missing.signal) == (Signal.UNKNOWN, Signal.UNKNOWN)
    assert "connection refused" in unreachable.message
    assert missing.message == "it could not be evaluated: there is no server 'security' in the settings"


FILE = """\
gates:
  - name: g
    objectives: ['shop/*']
    vetoes:
      - name: falco
        query: QUERY
        when_absent: deny
"""


def test_a_file_names_vetoes(tmp_path: Path) -> None:
    (file := tmp_path / "g.yaml").write_text(FILE.replace("QUERY", "sum(up == 0) > bool 3"), encoding="utf-8")
    [veto] = load_files([file]).gates[0].vetoes
    assert (veto.query, veto.prometheus, veto.when_absent) == ("sum(up == 0) > bool 3", "", "deny")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("'sum('", "not PromQL"),
        ("'x[5m]'", "gives no number at one time"),
        ("'(x[5m:1m])'", "gives no number at one time"),
        ("'\"text\"'", "gives no number at one time"),
        ("' '", "the query is empty"),
        (f"'{'x' * 5000}'", "at most 4096 characters"),
        (f"'{'(' * 300}x{')' * 300}'", "too many operators"),
    ],
)
def test_a_query_that_cannot_be_asked_is_told_at_load(tmp_path: Path, query: str, told: str) -> None:
    (file := tmp_path / "g.yaml").write_text(FILE.replace("QUERY", query), encoding="utf-8")
    with pytest.raises(SpecError, match=told):
        load_files([file])


def test_two_vetoes_of_one_name_are_told(tmp_path: Path) -> None:
    twice = FILE.replace("QUERY", "up") + "      - {name: falco, query: up, when_absent: allow}\n"
    (file := tmp_path / "g.yaml").write_text(twice, encoding="utf-8")
    with pytest.raises(SpecError, match="two vetoes have the same name"):
        load_files([file])
