"""Readings of a gate and of budgets from a running service, and its rules on chaos; all over HTTP."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any
from urllib.parse import quote, urlencode

from slo.chaos.affordability import Standing, busiest_per_second
from slo.chaos.reading import Reading
from slo.chaos.rules_document import rules_of
from slo.clock import parse_time
from slo.errors import SourceResponseError, SourceUnreachableError, UsageError
from slo.gate_server import GateServer
from slo.governance import ChaosRules
from slo.units import parse_duration
from slo.window import minute_of

_MOST_METRICS_BYTES = 64 * 2**20
_MOST_REPORT_BYTES = 4 * 2**20
_TELLING_SECONDS = 2.0
_AT_ONCE = 10
"""Objectives that one request may name."""
_NO_REPORT = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, UsageError)
"""What reading an answer of another form raises: nothing that an answer says may end a guard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceBudget:
    """A running service asked over HTTP. slos: ids of objectives as a whole; timeout_seconds: of a whole reading."""

    server: GateServer
    gate: str
    slos: tuple[str, ...]
    now: Callable[[], datetime]
    timeout_seconds: float = 5.0

    def read(self, told: Mapping[str, Any] | None = None) -> Reading:
        """As in BudgetSource. Nobody waits longer, though a look-up of a name may take minutes."""
        try:
            return _within(self.timeout_seconds, lambda: self._read(told))
        except TimeoutError:
            waited = f"{self.timeout_seconds:g} s"
            raise SourceUnreachableError(f"{self.server.url} gave no whole answer within {waited}") from None

    def tell(self, faults: Sequence[str]) -> None:
        """As in BudgetSource. Waits little: whoever watches a run has more urgent things to do."""
        path = f"/gates/{quote(self.gate, safe='')}/chaos?{urlencode([('slo', slo) for slo in self.slos])}"
        self.server.post(path, {"faults": list(faults)}, timeout_seconds=min(self.timeout_seconds, _TELLING_SECONDS))

    def _read(self, told: Mapping[str, Any] | None) -> Reading:
        decision = self.server.ask(self.gate, self.slos, timeout_seconds=self.timeout_seconds, told=told)
        metrics = self._get("/metrics", _MOST_METRICS_BYTES)
        reports = [self._report(self.slos[place : place + _AT_ONCE]) for place in range(0, len(self.slos), _AT_ONCE)]
        try:
            totals = _bad_totals(metrics.decode("utf-8", "replace"))
            entries = {entry["slo"]: entry for report in reports for entry in json.loads(report)["objectives"]}
            return Reading(
                at=self.now(),
                allowed=decision.get("allowed") is True,
                outcome=str(decision.get("decision")),
                message=_decisive(decision),
                decision_id=str(decision.get("id")),
                standings={slo: _standing(slo, entries[slo], totals.get(slo)) for slo in self.slos},
            )
        except _NO_REPORT as error:
            named = ", ".join(self.slos)
            raise SourceResponseError(f"{self.server.url} has no report on {named}: {type(error).__name__}") from None

    def _report(self, slos: Sequence[str]) -> bytes:
        return self._get(f"/budget?{urlencode([('slo', slo) for slo in slos])}", _MOST_REPORT_BYTES)

    def _get(self, path: str, most_bytes: int) -> bytes:
        return self.server.get(path, timeout_seconds=self.timeout_seconds, most_bytes=most_bytes)


def chaos_rules(server: GateServer, gate: str, *, timeout_seconds: float = 10.0) -> ChaosRules | None:
    """What a gate of the service allows at all. Raises SLOError where that is not told, or not understood."""
    body = server.get(f"/gates/{quote(gate, safe='')}/chaos", timeout_seconds=timeout_seconds)
    try:
        return rules_of(json.loads(body))
    except (ValueError, RecursionError) as error:
        raise SourceResponseError(f"{server.url}: {error}") from None


def whole_objectives(asked: Sequence[str], where: str) -> tuple[str, ...]:
    """The ids, each once; where: who named them. Raises UsageError for what is no id of an objective as a whole."""
    for slo in asked:
        if "/" not in slo or any(mark in slo for mark in "{*?["):
            raise UsageError(f"{where}: {slo[:100]!r} is no id of an objective as a whole")
    return tuple(dict.fromkeys(asked))


def _standing(slo: str, entry: Mapping[str, Any], bad_ever: int | None) -> Standing:
    until = entry["data_until"]
    if bad_ever is None and until:
        raise LookupError(slo)  # taken for none, nothing would ever be overspent
    return Standing(
        slo=slo,
        bad_events=int(entry["bad_events"]),
        bad_ever=bad_ever or 0,
        budget_events=(1 - Fraction(str(entry["target_ratio"]))) * int(entry["total_events"]),
        busiest_per_second=busiest_per_second(
            [(int(parse_duration(one["window"])) // 60, int(one["total_events"])) for one in entry["burn_rates"]]
        ),
        data_until=minute_of(parse_time(until)) if until else None,
        state=str(entry["state"]),
    )


def _bad_totals(metrics: str) -> dict[str, int]:
    """Bad events ever, of each objective as a whole: the series of an id that has the fewest labels."""
    found: dict[str, tuple[int, int]] = {}
    for line in metrics.splitlines():
        if not line.startswith("slo_bad_events_total{"):
            continue
        labels, _, value = line.rpartition("} ")
        before, quoted, rest = labels.partition('slo="')
        if not quoted or before[-1:] not in ("{", ","):
            continue
        slo, count = rest.partition('"')[0], labels.count('="')
        if slo not in found or count < found[slo][0]:
            found[slo] = count, round(float(value.split()[0]))
    return {slo: total for slo, (_, total) in found.items()}


def _decisive(decision: Mapping[str, Any]) -> str:
    for reason in decision.get("reasons") or ():
        if isinstance(reason, dict) and reason.get("decisive") is True:
            return str(reason.get("message", ""))[:500]
    return ""


def _within(seconds: float, work: Callable[[], Reading]) -> Reading:
    """Its result, or what it raises; a TimeoutError where it takes longer, and then it is left to end by itself."""
    done: queue.Queue[Reading | Exception] = queue.Queue()

    def run() -> None:
        try:
            done.put(work())
        except Exception as error:
            done.put(error)

    threading.Thread(target=run, name="slo-budget", daemon=True).start()
    try:
        result = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(result, Exception):
        raise result
    return result
