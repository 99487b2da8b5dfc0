"""The report on a guarded run: what it cost against what it might have cost, how it ended, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slo.chaos.guarding import Ended
from slo.chaos.machine import Outcome, Run
from slo.chaos.run_record import RunRecord
from slo.clock import format_time
from slo.governance import ChaosRules

SCHEMA = "slo.chaos/v1"
PASS = "Pass"  # noqa: S105 - Litmus' word for a verdict
_SPENT_NOTHING = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """recovered: whether somebody else had left the run. cool_down_until: None where nothing ran."""

    record: RunRecord
    ended: Ended
    spent: Mapping[str, int]
    cool_down_until: datetime | None
    recovered: bool

    @property
    def verdict(self) -> str:
        """Pass where every fault's result says so, and nothing stopped the run; else what says otherwise."""
        if self.ended.run.outcome is not Outcome.COMPLETED:
            return "Stopped" if self.ended.run.outcome is Outcome.HALTED else "Unknown"
        verdicts = [str(result.get("verdict") or "Unknown") for result in self.ended.results.values()]
        missing = len(self.record.faults) - len(verdicts)
        return next((verdict for verdict in verdicts if verdict != PASS), "Unknown" if missing else PASS)

    @property
    def is_passed(self) -> bool:
        return self.verdict == PASS

    @property
    def halt_latency_seconds(self) -> float | None:
        """From the look that found the reason to the one that saw nothing go on."""
        run = self.ended.run
        if run.halted_at is None or run.ended_at is None or run.outcome is not Outcome.HALTED:
            return None
        return (run.ended_at - run.halted_at).total_seconds()

    @property
    def spent_ratios(self) -> dict[str, float]:
        """Of the worst case, for runs to come; nothing where it is not known in full."""
        if self.ended.run.outcome is not Outcome.COMPLETED or not self.ended.is_counted:
            return {}
        return {slo: spent / self.record.worst[slo] for slo, spent in self.spent.items() if self.record.worst[slo]}


def make_report(record: RunRecord, ended: Ended, rules: ChaosRules | None, *, recovered: bool) -> RunReport:
    after = ended.after.standings if ended.after else {}
    ran = ended.run.outcome is not Outcome.NOT_STARTED
    return RunReport(
        record=record,
        ended=ended,
        spent=record.reserved.spent(after) if ran else dict.fromkeys(record.reserved.before, _SPENT_NOTHING),
        cool_down_until=_rest(ended.run, rules) if ran else None,
        recovered=recovered,
    )


def _rest(run: Run, rules: ChaosRules | None) -> datetime | None:
    """Longer after a run that did not go as it should."""
    normal, longer = (rules.cool_down_minutes, rules.cool_down_after_halt_minutes) if rules else (10, 60)
    minutes = normal if run.outcome is Outcome.COMPLETED else longer
    return run.ended_at + timedelta(minutes=minutes) if run.ended_at else None


def report_document(report: RunReport) -> dict[str, Any]:
    """For JSON."""
    record, run = report.record, report.ended.run
    assert run.outcome is not None
    return {
        "schema": SCHEMA,
        "run": record.run,
        "gate": record.gate,
        "by": record.by,
        "recovered": report.recovered,
        "engine": {"namespace": record.namespace, "name": record.name, "faults": list(record.faults)},
        "decision_id": record.decision_id,
        "began_at": format_time(record.began_at),
        "started_at": _time(run.asked_at),
        "ended_at": _time(run.ended_at),
        "outcome": run.outcome.value,
        "verdict": report.verdict,
        "results": {fault: dict(status) for fault, status in report.ended.results.items()},
        "halt": _halt(report),
        "budgets": [_budget(report, slo) for slo in record.reserved.before],
        "cool_down_until": _time(report.cool_down_until),
    }


def report_text(report: RunReport) -> str:
    """For people."""
    record, run = report.record, report.ended.run
    assert run.outcome is not None
    found = ", left by its guard" if report.recovered else ""
    lines = [f"run {record.run} of {record.key} ({', '.join(record.faults)}){found}: {_ended(report)}"]
    if run.halt:
        lines.append(f"  reason: {run.halt}")
    for document in (_budget(report, slo) for slo in record.reserved.before):
        after = "?" if document["remaining_after"] is None else document["remaining_after"]
        lines.append(
            f"  {document['slo']}: {document['spent']} bad events, {document['estimated']} were estimated;"
            f" {document['remaining_before']} were left of the budget before, {after} after"
        )
    if run.outcome is not Outcome.NOT_STARTED and not report.ended.is_counted:
        lines.append("  not all events of the run were counted yet when this was written")
    if report.cool_down_until:
        lines.append(f"  no run before {format_time(report.cool_down_until)}")
    return "".join(f"{line}\n" for line in lines)


def _ended(report: RunReport) -> str:
    run = report.ended.run
    if run.outcome is Outcome.COMPLETED:
        return f"completed, verdict {report.verdict}"
    if run.outcome is Outcome.HALTED:
        return f"halted within {report.halt_latency_seconds:.0f} s"
    if run.outcome is Outcome.UNCONFIRMED:
        return "told to stop, and NOT seen to have stopped; look at it yourself"
    return "nothing was started" if run.outcome is Outcome.NOT_STARTED else "lost"


def _halt(report: RunReport) -> dict[str, Any] | None:
    run = report.ended.run
    if not run.halt:
        return None
    return {
        "reason": run.halt,
        "at": _time(run.halted_at),
        "ignored": run.ignored,
        "confirmed": run.outcome is Outcome.HALTED,
        "latency_seconds": report.halt_latency_seconds,
    }


def _budget(report: RunReport, slo: str) -> dict[str, Any]:
    record, after = report.record, report.ended.after
    standing = after.standings.get(slo) if after else None
    return {
        "slo": slo,
        "estimated": record.reserved.events[slo],
        "worst": record.worst[slo],
        "spent": report.spent.get(slo),
        "remaining_before": int(record.reserved.before[slo].remaining_events),
        "remaining_after": int(standing.remaining_events) if standing else None,
        "counted": report.ended.is_counted,
    }


def _time(at: datetime | None) -> str | None:
    return format_time(at) if at else None
