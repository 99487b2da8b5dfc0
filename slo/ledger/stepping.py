"""One step of many objectives: read once, count each, say what there is to write. No state of its own."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import NamedTuple

from slo.births import Origins
from slo.errors import SourceError
from slo.ledger.checkpoint import Checkpoint
from slo.ledger.counting import Counted, Found, Late, close_step, count_step, unexplained_births
from slo.ledger.reading import ReadingPlan
from slo.ledger.stretch import Provenance
from slo.source.protocol import SampleReader
from slo.source.targets import still_scraped
from slo.units import MINUTE_MS
from slo.window import Interval


class Outcome(NamedTuple):
    """One objective after a step."""

    after: Checkpoint
    counted: Counted
    newest_ms: int
    """Of the samples that were read; 0 where there were none."""
    undefined: int
    """Samples left out because they are no numbers."""


def step(
    plan: ReadingPlan,
    before: Mapping[str, Checkpoint],
    until: int,
    provenance: Provenance,
    *,
    reader: SampleReader,
    executor: Executor,
    late: Late,
) -> dict[str, Outcome | SourceError]:
    """Count all objectives of the plan from their checkpoints, which share one horizon, until a minute."""
    interval = Interval(min(one.horizon for one in before.values()), until)
    found = plan.fetch(reader, interval, executor)
    failed: dict[str, Outcome | SourceError] = {id_: one for id_, one in found.items() if isinstance(one, SourceError)}
    readable = {id_: one for id_, one in found.items() if isinstance(one, Found)}
    born = {id_: targets for id_, one in readable.items() if (targets := unexplained_births(one, before[id_]))}
    origins = plan.origins(reader, born, interval) if born else {}
    steps = {
        id_: count_step(plan.objectives[id_], before[id_], one, origins.get(id_, Origins()), until)
        for id_, one in readable.items()
    }
    silent = {target: last for one in steps.values() for target, last in one.silent_targets.items()}
    lost = still_scraped(reader, silent, until)
    done: dict[str, Outcome | SourceError] = dict(failed)
    for id_, one in steps.items():
        after, counted = close_step(one, lost, provenance, late)
        newest = max((int(series.times[-1]) for series in readable[id_].samples if series.times.size), default=0)
        done[id_] = Outcome(after, counted, newest, readable[id_].undefined)
    return done


def scrape_interval_ms(checkpoint: Checkpoint) -> int:
    """The longest scrape interval of an objective's targets; a minute where it is not known."""
    return max((target.interval for target in checkpoint.targets.values()), default=0) or MINUTE_MS
