"""A new objective with a long past does not keep the others from staying fresh."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from slo.ledger.collector import ServerCollector
from slo.ledger.memory import LedgerMemory
from slo.ledger.pace import Lag
from slo.ledger.registry import track
from slo.ledger.source import LedgerSource
from slo.objective import Objective
from slo.report import Report
from slo.reporting import make_report
from slo.source.protocol import ReportSource
from slo.window import Interval, datetime_of
from tests.ledger.ledgers import T0, collect, counts, new_ledger, reader
from tests.source.test_frame import objective

DAY = 1440
END = T0 + 4 * DAY


def test_what_is_far_behind_waits_while_the_rest_stays_fresh(tmp_path: Path) -> None:
    source = reader(Interval(T0, T0 + 5 * DAY))
    old, new = objective("old"), objective("new")
    with new_ledger(tmp_path) as ledger:
        collect(ledger, [old], source, T0 + 3 * DAY, END)
        later = END + 60
        source.now_ms = later * 60_000 + 6_000
        tracked = track(ledger, [old, new], first_minute=T0, at_minute=later)
        written: list[str] = []
        collector = ServerCollector(
            ledger,
            tracked,
            source,
            lag=Lag(0.0),
            wrote=lambda writes: written.extend(one.epoch.slo for one in writes),
        )
        result = collector.cycle(lambda share: None, is_late=lambda: True)
        assert result.is_behind
        assert set(written) == {old.id}
        assert counts(ledger, old, Interval(T0 + 3 * DAY, later)).total > 0
        fresh = counts(ledger, old, Interval(later - 10, later))
        assert fresh.covered_minutes >= 9  # the last one is complete with the next scrape
        result = collector.cycle(lambda share: None)
        assert not result.is_behind
        assert set(written) == {old.id, new.id}
        assert counts(ledger, new, Interval(T0, later)).covered_minutes > 4 * DAY


def report(source: ReportSource, every: list[Objective]) -> Report:
    return make_report(every, source, at=datetime_of(END), progress=lambda share: None)


def test_memory_answers_for_other_objectives_from_one_evaluation_to_the_next(tmp_path: Path) -> None:
    source = reader(Interval(T0, T0 + 5 * DAY))
    a, b, c = (objective(name) for name in "abc")
    with new_ledger(tmp_path) as ledger:
        collect(ledger, [a, b, c], source, T0, END)
        memory = LedgerMemory(ledger, [a, b], at_minute=END)
        stricter = replace(b, target_ratio=b.target_ratio + (1 - b.target_ratio) / 2)
        for chosen in ([a, b], [a, stricter], [stricter, c], [c], [a, b, c]):
            memory.choose(chosen, at_minute=END)
            assert report(memory, chosen) == report(LedgerSource(ledger), chosen)
        assert memory.newest_minute is not None
        assert memory.newest_minute >= END - 1
