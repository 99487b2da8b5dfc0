"""What a ledger gives out and takes in: minutes of one series with all that belongs to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from slo.errors import UsageError
from slo.ledger.source import LedgerSource
from slo.ledger.store import Epoch, Ledger, Promise
from slo.ledger.stretch import Codes, Covered, Provenance, Stretch, joined
from slo.ledger.text import labels_of
from slo.window import Interval

EVER = Interval(0, 2**31 - 1)

PROVENANCE_WORDS = {
    Provenance.NONE: "none",
    Provenance.LIVE: "live",
    Provenance.REREAD: "re-read",
    Provenance.BACKFILLED: "backfilled",
    Provenance.IMPORTED: "imported",
}

_MAX_IDS_LISTED = 20

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SeriesRows:
    """Minutes of one series, each array of shape (rows,). start: of each minute, rising; labels: the group as text.

    promises: the targets that the objective ever had, in the order of time.
    """

    epoch: Epoch
    labels: str
    promises: Sequence[Promise]
    start: Integers
    good: Integers
    bad: Integers
    covered: Covered
    provenance: Codes


def known_minutes(stretch: Stretch) -> npt.NDArray[np.bool_]:
    """Which minutes anything is known of."""
    counted = (stretch.covered > 0) | (stretch.good > 0) | (stretch.bad > 0)
    return np.asarray(counted | (stretch.provenance != Provenance.NONE))


def chosen_epochs(ledger: Ledger, globs: Sequence[str]) -> dict[str, list[Epoch]]:
    """The epochs of each objective that a glob matches, all without globs. Raises UsageError if there is none."""
    every = LedgerSource(ledger).chains()
    chosen = {slo: found for slo, found in every.items() if not globs or any(fnmatchcase(slo, glob) for glob in globs)}
    if globs and not chosen:
        more = f" and {len(every) - _MAX_IDS_LISTED} more" if len(every) > _MAX_IDS_LISTED else ""
        listed = ", ".join(list(every)[:_MAX_IDS_LISTED]) + more or "none"
        raise UsageError(f"no objectives of {ledger.name} match --slo {' or '.join(globs)}; there are: {listed}")
    return chosen


def exported(ledger: Ledger, globs: Sequence[str], interval: Interval) -> Iterator[SeriesRows]:
    """Every series of the chosen objectives, one at a time; minutes that nothing is known of are left out."""
    promises: dict[str, list[Promise]] = defaultdict(list)
    for promise in ledger.promises():
        promises[promise.slo].append(promise)
    for slo, epochs in chosen_epochs(ledger, globs).items():
        series = ledger.series([epoch.id for epoch in epochs])
        for epoch in epochs:
            for group, series_id in sorted(series[epoch.id].items()):
                blocks = [block.part(interval) for _, block in ledger.blocks([series_id], interval)]
                if blocks:
                    yield _rows(epoch, labels_of(group), promises[slo], blocks)


def _rows(epoch: Epoch, labels: str, promises: Sequence[Promise], blocks: Sequence[Stretch]) -> SeriesRows:
    kept = [known_minutes(block) for block in blocks]
    parts = list(zip(blocks, kept, strict=True))
    return SeriesRows(
        epoch,
        labels,
        promises,
        np.concatenate([block.start + np.flatnonzero(known) for block, known in parts]),
        np.concatenate([block.good[known] for block, known in parts]),
        np.concatenate([block.bad[known] for block, known in parts]),
        np.concatenate([block.covered[known] for block, known in parts]),
        np.concatenate([block.provenance[known] for block, known in parts]),
    )


def placed(rows: SeriesRows, known: Sequence[Stretch]) -> Stretch:
    """The rows laid over blocks that overlap them, from the first to the last minute of either."""
    start = min(int(rows.start[0]), *(block.start for block in known)) if known else int(rows.start[0])
    end = max(int(rows.start[-1]) + 1, *(block.end for block in known)) if known else int(rows.start[-1]) + 1
    whole = joined(known, Interval(start, end))
    at = rows.start - start
    whole.good[at], whole.bad[at] = rows.good, rows.bad
    whole.covered[at], whole.provenance[at] = rows.covered, rows.provenance
    return whole
