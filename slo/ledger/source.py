"""The ledger as a source of events: what was counted, read through the same protocol as a Prometheus."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np

from slo.errors import SourceError
from slo.events import EventSeries
from slo.ledger.checkpoint import Notes
from slo.ledger.corrections import corrections_in_force
from slo.ledger.store import Epoch, Ledger, Promise
from slo.ledger.stretch import FULL, Stretch, joined
from slo.objective import Group, Objective
from slo.report import Reason
from slo.source.data_notes import data_notes
from slo.source.protocol import Measured, Progress
from slo.window import Interval, datetime_of


class LedgerSource:
    """Events that were counted before. Minutes before an indicator changed are those of the indicator of then."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def events(
        self, objectives: Sequence[Objective], intervals: Sequence[Interval], progress: Progress
    ) -> dict[str, Measured | SourceError]:
        """As in the protocol."""
        chains = self.chains() if objectives else {}
        current = [chain[-1].id for one in objectives if (chain := chains.get(one.id))]
        notes, promises = self._ledger.notes(current), promises_by_objective(self._ledger)
        corrections = corrections_in_force(self._ledger) if objectives else ()
        found: dict[str, Measured | SourceError] = {}
        for done, (objective, interval) in enumerate(zip(objectives, intervals, strict=True)):
            progress(done / len(objectives))
            chain = chains.get(objective.id)
            if chain is None:
                found[objective.id] = never_counted(self._ledger, objective)
            else:
                reasons = reasons_of(
                    objective, chain, promises.get(objective.id, ()), notes.get(chain[-1].id), interval
                )
                found[objective.id] = Measured(self._groups(interval, chain), reasons, corrections)
        return found

    def chains(self) -> dict[str, list[Epoch]]:
        """The epochs of each objective, oldest first."""
        chains: dict[str, list[Epoch]] = defaultdict(list)
        for epoch in self._ledger.epochs():
            chains[epoch.slo].append(epoch)
        return dict(chains)

    def _groups(self, interval: Interval, epochs: Sequence[Epoch]) -> dict[Group, EventSeries]:
        parts: dict[Group, list[Stretch]] = defaultdict(list)
        for epoch, inside in in_force(epochs, interval):
            for group, stretch in self._stretches(epoch, inside).items():
                parts[group].append(stretch)
        whole = joined(parts[()], interval)
        return {group: _events(joined(stretches, interval), whole) for group, stretches in sorted(parts.items())}

    def _stretches(self, epoch: Epoch, interval: Interval) -> dict[Group, Stretch]:
        ids = self._ledger.series([epoch.id])[epoch.id]
        blocks: Mapping[int, list[Stretch]] = defaultdict(list)
        for series_id, block in self._ledger.blocks(ids.values(), interval):
            blocks[series_id].append(block)
        return {group: joined(blocks[series_id], interval) for group, series_id in ids.items()}


def in_force(epochs: Sequence[Epoch], interval: Interval) -> list[tuple[Epoch, Interval]]:
    """The epochs of one objective, each with the part of the interval that it answers for: the newest for all since."""
    end, found = interval.end, []
    for epoch in reversed(epochs):
        inside = Interval(max(interval.start, epoch.since), end)
        if inside.minutes > 0:
            found.append((epoch, inside))
            end = inside.start
    return found[::-1]


def _events(stretch: Stretch, whole: Stretch) -> EventSeries:
    """A group is covered when its objective is."""
    zero = np.zeros(1, np.int64)
    covered = np.concatenate([zero, np.cumsum(whole.covered, dtype=np.int64)]) / FULL
    good, bad = (np.concatenate([zero, np.cumsum(counts)]) for counts in (stretch.good, stretch.bad))
    return EventSeries(stretch.start, good, bad, covered)


def never_counted(ledger: Ledger, objective: Objective) -> SourceError:
    return SourceError(
        f"{ledger.name} has never counted {objective.id}; `slo collect` and `slo serve` count what their files name"
    )


def reasons_of(
    objective: Objective,
    epochs: Sequence[Epoch],
    promises: Sequence[Promise],
    notes: Notes | None,
    interval: Interval,
) -> tuple[Reason, ...]:
    """What is to be known of an objective's counts in an interval; promises: its targets, in the order of time."""
    reasons = []
    current = epochs[-1]
    if len(epochs) > 1 and current.since > interval.start:
        message = f"until {_date(current.since)} events were counted by another indicator"
        reasons.append(
            Reason(code="indicator_changed", message=f"{message}; `slo ledger recount` counts them by today's")
        )
    for before, after in pairwise(promises):
        if after.since > interval.start and before.target != after.target:
            target = f"{(Decimal(before.target) * 100).normalize():f} %"
            message = f"until {_date(after.since)} the target was {target}; all is measured by today's here"
            reasons.append(Reason(code="target_changed", message=message))
    if notes is None:
        return tuple(reasons)
    uncertain = sum(count for day, count in notes.uncertain.items() if day >= interval.start // 1440)
    found = data_notes(objective, notes.roles_found, notes.groups, notes.groups_left_out, uncertain)
    return (*reasons, *found)


def promises_by_objective(ledger: Ledger) -> dict[str, list[Promise]]:
    """The targets of each objective, in the order of time."""
    found: dict[str, list[Promise]] = defaultdict(list)
    for promise in ledger.promises():
        found[promise.slo].append(promise)
    return found


def _date(minute: int) -> str:
    return f"{datetime_of(minute):%Y-%m-%d %H:%M} UTC"
