"""A process that is killed, at whatever moment, leaves every entry that it had answered for."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slo.record import Record

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("SLO_KILLS", "20"))

ANSWERING = """
import asyncio, sys
from slo.record import Record
from tests.record.entries import call, change

async def ask(record, name):
    number = 0
    while True:
        caller = f"{name} {number}"
        entry = await record.asked(call(caller=caller))
        sys.stdout.write(f"{entry}\\t{caller}\\n")
        sys.stdout.flush()
        number += 1

async def decide(record, name):
    number = 0
    while True:
        gates = [f"{name} {number} {one}" for one in range(3)]
        await record.decided_async([change(gate=gate) for gate in gates])
        sys.stdout.write("".join(f"\\t{gate}\\n" for gate in gates))
        sys.stdout.flush()
        number += 1

async def main():
    with Record(sys.argv[1], create=True) as record:
        print(flush=True)
        asking = [ask(record, f"{sys.argv[2]} caller {one}") for one in range(20)]
        await asyncio.gather(*asking, decide(record, f"{sys.argv[2]} gate"))

asyncio.run(main())
"""


def answers_until_killed(dsn: str, name: str, seconds: float, out: Path) -> list[tuple[str, str]]:
    """Number and name of each entry that the process said was kept, whole lines alone."""
    with (
        out.open("wb") as answers,
        subprocess.Popen([sys.executable, "-c", ANSWERING, dsn, name], cwd=ROOT, stdout=answers) as process,
    ):
        deadline = time.monotonic() + 60
        while not out.stat().st_size:  # it has opened the record
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(seconds)
        assert process.poll() is None
        process.kill()
    whole, _, _ = out.read_text(encoding="utf-8").rpartition("\n")
    lines = [line.split("\t") for line in whole.splitlines() if "\t" in line]
    return [(number, told) for number, told in lines]


@pytest.mark.parametrize("kills", [3, pytest.param(KILLS, marks=pytest.mark.platform)])
def test_no_answered_entry_is_missing_after_kills(kills: int, dsn: str, tmp_path: Path) -> None:
    """SLO_KILLS says how often in `make test-platform`."""
    rng = random.Random(kills)
    answered: list[tuple[str, str]] = []
    for kill in range(kills):
        answered += answers_until_killed(dsn, f"run {kill}", rng.uniform(0.05, 0.8), tmp_path / "answers")
    kept = set()
    with Record(dsn) as record:
        before = None
        while page := record.query(limit=5000, before=before):
            kept |= {(str(one.id) if one.by else "", one.by or one.gate) for one in page}
            before = page[-1].id
    assert len(answered) > 20 * kills
    assert set(answered) <= kept
