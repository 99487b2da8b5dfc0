"""`slo incidents`: the bills of a file of known truth."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from slo.chaos_calls import run_told
from slo.clock import format_time
from slo.decision import Outcome, fold
from slo.gate import Gate
from slo.record import CallerEntry, DecisionChange, Record
from slo.window import datetime_of
from tests.analysis.commands import answered, called, write_events, write_objectives
from tests.analysis.histories import MONTH, START, history


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Two outages: one of the cart alone, one of both, a smaller third."""
    parts = {
        "cart": history(MONTH, (1000, 10, 1.0), (20_000, 10, 0.3), total=100.0),
        "frontend": history(MONTH, (20_000, 10, 0.9), (30_000, 1, 0.9), total=400.0),
    }
    return write_objectives(tmp_path), write_events(tmp_path, parts)


def time(minute: int) -> str:
    return format_time(datetime_of(START + minute))


def test_incidents_come_with_their_bills_and_groups(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    document = answered(capsys, "incidents", files[0], "--data", files[1])
    assert document["schema"] == "slo.incidents/v1"
    first, second = document["incidents"]
    assert (first["slo"], first["start"], first["end"]) == ("shop/availability", time(20_000), time(20_010))
    assert (first["bad_events"], first["total_events"], first["minutes"]) == (3900, 5000, 10)
    assert first["consumed_ratio"] == pytest.approx(3900 / (0.001 * 500 * MONTH))
    assert first["outage_minutes"] == pytest.approx(7.8)
    assert [(one["slo"], one["bad_events"]) for one in first["groups"]] == [
        ('shop/availability{service="frontend"}', 3600),
        ('shop/availability{service="cart"}', 300),
    ]
    assert [one["share_ratio"] for one in second["groups"]] == [1.0]


def test_the_table_says_who_was_hit_and_what_it_cost(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = called(capsys, "incidents", files[0], "--data", files[1])
    assert (code, err) == (0, "")
    assert "frontend (92.3 %)" in out
    assert "18.1 %" in out
    assert len([line for line in out.splitlines() if line.startswith("shop/availability")]) == 2


def test_share_gap_and_times_are_chosen(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    document = answered(capsys, "incidents", files[0], "--data", files[1], "--incident-share", "1%")
    assert len(document["incidents"]) == 3
    part = ["--from", time(25_000), "--to", time(40_000), "--incident-share", "1%"]
    (only,) = answered(capsys, "incidents", files[0], "--data", files[1], *part)["incidents"]
    assert only["start"] == time(30_000)
    joined = answered(capsys, "incidents", files[0], "--data", files[1], "--gap", "60d")["incidents"]
    assert len(joined) <= 2


def test_nothing_found_is_said(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = called(capsys, "incidents", files[0], "--data", files[1], "--incident-share", "90%")
    assert code == 0
    assert "nothing cost at least 90 % of a period's budget" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--incident-share", "0%"], "--incident-share is over 0 and at most 100%"),
        (["--incident-share", "much"], "--incident-share: 'much' is not a ratio"),
        (["--gap", "30s"], "--gap is a number of whole minutes"),
        (["--gap", "x"], "--gap: 'x' is not a duration"),
        (["--from", "2026-01-01T00:00:00"], "--from: the time '2026-01-01T00:00:00' has no zone"),
        (["--from", "2030-01-01T00:00:00Z"], "--from is not before --to"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    code, out, err = called(capsys, "incidents", files[0], "--data", files[1], *options)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_time_without_data_fails_as_a_source(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    span = ["--from", "2001-01-01T00:00:00Z", "--to", "2001-02-01T00:00:00Z"]
    code, _, err = called(capsys, "incidents", files[0], "--data", files[1], *span)
    assert code == 3
    assert err == "slo: shop/availability: there are no data of that time\n"


def test_what_was_decided_at_the_time_is_told_from_the_record(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Verdicts on the objective and decisions of the gate that names it; none of others, none of another day."""
    dsn = str(tmp_path / "record.db")
    with Record(dsn, create=True) as record:
        record.decided(
            [
                DecisionChange(gate=gate, slo=slo, at=datetime_of(START + minute), outcome=outcome, allowed=None)
                for gate, slo, minute, outcome in (
                    ("deploy", "shop/availability", 19_970, Outcome.ALLOW),
                    ("deploy", "", 20_002, Outcome.DENY),
                    ("deploy", "bank/availability", 20_003, Outcome.DENY),
                    ("other", "", 20_004, Outcome.DENY),
                    ("deploy", "", 22_000, Outcome.ALLOW),
                )
            ]
        )
    document = answered(capsys, "incidents", files[0], "--data", files[1], "--record", dsn)
    told = [(one["at"], one["kind"], one["decision"]) for one in document["incidents"][0]["recorded"]]
    assert told == [(time(19_970), "verdict", "allow"), (time(20_002), "decision", "deny")]
    assert document["incidents"][1]["recorded"] == []
    _, out, _ = called(capsys, "incidents", files[0], "--data", files[1], "--record", dsn)
    assert "decision of gate deploy: deny" in out


def call(minute: int, body: str, slos: tuple[str, ...] = ("shop/availability",)) -> CallerEntry:
    """Somebody asks the gate, and is let through."""
    at = datetime_of(START + minute)
    gate = Gate(name="deploy", objectives=("shop/*",), max_data_age_seconds=300, on_unknown={"default": "allow"})
    return CallerEntry(at=at, caller="ada", route="post", decision=fold(gate, [], at=at), body=body, slos=slos)


def test_chaos_at_the_time_of_an_incident_is_told(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By what its guard told the gate; others who called are no chaos, whatever they say."""
    dsn = str(tmp_path / "record.db")
    bodies = (
        json.dumps(run_told("20260101-000000-abcd", "cloudshop-prod/frontend-chaos", "ada")),
        json.dumps({"caller": "chaostoolkit", "experiment": "a pod\x1b[2J dies"}),
        '{"commit": "abc", "caller": ["slo chaos run"]}',
        "",
        "[" * 1000,
    )
    with Record(dsn, create=True) as record:
        for minute, body in enumerate(bodies, start=20_000):
            asyncio.run(record.asked(call(minute, body)))
        asyncio.run(record.asked(call(20_010, bodies[0], ("bank/availability",))))
    recorded = answered(capsys, "incidents", files[0], "--data", files[1], "--record", dsn)["incidents"][0]["recorded"]
    assert [(one["kind"], one["by"], one.get("chaos")) for one in recorded] == [
        ("call", "ada", "run 20260101-000000-abcd of cloudshop-prod/frontend-chaos"),
        ("call", "ada", "experiment a pod\x1b[2J dies"),
        *[("call", "ada", None)] * 3,
    ]
    _, out, _ = called(capsys, "incidents", files[0], "--data", files[1], "--record", dsn)
    assert "chaos run 20260101-000000-abcd of cloudshop-prod/frontend-chaos: call of gate deploy by ada" in out
    assert "\x1b" not in out
