"""Which notices on budgets were given, so that a process that begins does not give them again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select

from slo.ledger.schema import NOTICE
from slo.ledger.store import Ledger

Told = Mapping[tuple[str, str], int]
"""By objective and channel, the lowest level in percent that was told and still holds."""


def told(ledger: Ledger) -> Told:
    """Raises LedgerError."""
    return {(row.slo, row.channel): row.percent for row in ledger.rows(select(NOTICE))}


def remember(ledger: Ledger, slo: str, channel: str, percent: int | None, *, at: datetime) -> None:
    """That this level was told, or that none holds any more. Raises LedgerError."""
    with ledger.transaction() as connection:
        connection.execute(NOTICE.delete().where(NOTICE.c.slo == slo, NOTICE.c.channel == channel))
        if percent is not None:
            values = {"slo": slo, "channel": channel, "percent": percent, "at": int(at.timestamp())}
            connection.execute(NOTICE.insert().values(**values))
