"""Vetoes reach the web process with each cycle: evaluated by the collector's process, never by a request."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from slo.decision import Outcome, fold
from slo.serving.publishing import make_snapshot
from slo.serving.snapshot import Snapshot
from slo.source.protocol import Source
from slo.spec import Spec
from slo.veto import Signal, VetoFinding
from tests.serving.children import config, fill, objective_file, quick_cycles, supervised, until
from tests.serving.conftest import AT
from tests.support.prometheus import prometheus_with

GATES = """\
gates:
  - name: chaos
    objectives: ["shop/*"]
    on_unknown: allow
    vetoes:
      - {name: deploying, query: "vector(3)", when_absent: allow, reason: "a deploy is in progress"}
      - {name: quiet, query: "vector(0)", when_absent: deny}
      - {name: elsewhere, query: "1", when_absent: deny, prometheus: security}
  - {name: deploy, objectives: ["shop/*"], on_unknown: allow}
"""


def test_findings_come_through_a_snapshot_whole(spec: Spec, source: Source) -> None:
    finding = VetoFinding(veto="falco", at=AT - timedelta(seconds=3), signal=Signal.UNKNOWN, message="nobody answers")
    snapshot = Snapshot.open(make_snapshot(spec, source, at=AT, vetoes={"deploy": [finding]}))
    assert snapshot.gates["deploy"].vetoes == (finding,)
    assert snapshot.gates["cart"].vetoes == ()


def test_the_child_evaluates_vetoes_on_a_real_prometheus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    quick_cycles(monkeypatch)
    fill(dsn := str(tmp_path / "slo.db"), "a")
    (file := tmp_path / "gates.yaml").write_text(objective_file("a") + GATES, encoding="utf-8")
    (data := tmp_path / "prometheus").mkdir()

    async def run(url: str) -> Snapshot:
        async with supervised(config(tmp_path, dsn, files=(str(file),), prometheus=url)) as (supervisor, _):
            first = await supervisor.first()
            await until(
                lambda: supervisor.snapshot is not None and supervisor.snapshot.cycle > first.cycle, "another cycle"
            )
            assert supervisor.snapshot is not None
            return supervisor.snapshot

    with prometheus_with([], data) as url:
        snapshot = asyncio.run(run(url))
    state = snapshot.gates["chaos"]
    assert [(one.veto, one.signal) for one in state.vetoes] == [
        ("deploying", Signal.RAISED),
        ("quiet", Signal.QUIET),
        ("elsewhere", Signal.UNKNOWN),
    ]
    verdicts = [state.verdicts[slo] for slo in state.slos]
    made = fold(state.gate, verdicts, at=snapshot.made_at, vetoes=state.vetoes)
    assert (made.outcome, made.reasons[0].message) == (Outcome.DENY, "veto 'deploying': a deploy is in progress")
    assert snapshot.gates["deploy"].vetoes == ()
