"""Questions to the record, as statements."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Delete, Select, and_, func, or_, select

from slo.record.entries import Kind, milliseconds
from slo.record.schema import ENTRY

_CHANGES = (Kind.DECISION.value, Kind.VERDICT.value)
_OVERRIDING = (Kind.OVERRIDE.value, Kind.REVOCATION.value)


def newest_first(
    *,
    gate: str | None,
    slo: str | None,
    kinds: Collection[Kind],
    since: datetime | None,
    until: datetime | None,
    before: int | None,
    limit: int,
    dialect: str,
) -> Select[Any]:
    """Entries of [since, until) that are older than the entry `before`; slo may be a glob."""
    wanted: list[ColumnElement[bool]] = []
    if gate is not None:
        wanted.append(ENTRY.c.gate == gate)
    if slo is not None:
        wanted.append(_matches(slo, dialect))
    if kinds:
        wanted.append(ENTRY.c.kind.in_([kind.value for kind in kinds]))
    if since is not None:
        wanted.append(ENTRY.c.at >= milliseconds(since))
    if until is not None:
        wanted.append(ENTRY.c.at < milliseconds(until))
    if before is not None:
        wanted.append(ENTRY.c.id < before)
    return select(ENTRY).where(*wanted).order_by(ENTRY.c.id.desc()).limit(limit)


def last_changes() -> Select[Any]:
    """The newest change of each gate as a whole, and of each gate on each objective."""
    keys = (ENTRY.c.kind, ENTRY.c.gate, ENTRY.c.slo)
    newest = select(func.max(ENTRY.c.id)).where(ENTRY.c.kind.in_(_CHANGES)).group_by(*keys)
    return select(ENTRY.c.gate, ENTRY.c.slo, ENTRY.c.outcome).where(ENTRY.c.id.in_(newest))


def in_force(at: datetime) -> Select[Any]:
    """Overrides that have not ended, and revocations of such."""
    return select(ENTRY).where(ENTRY.c.until > milliseconds(at)).order_by(ENTRY.c.id)


def override_numbered(number: int) -> Select[Any]:
    return select(ENTRY).where(ENTRY.c.id == number, ENTRY.c.kind == Kind.OVERRIDE.value)


def prunable(before: datetime, limit: int) -> Delete:
    """Entries before a time, but for what still holds: the newest change of each, and overrides that go on."""
    cut = milliseconds(before)
    is_over = or_(ENTRY.c.until.is_(None), ENTRY.c.until < cut)
    newer = ENTRY.alias()
    same = and_(*(newer.c[name] == ENTRY.c[name] for name in ("kind", "gate", "slo")), newer.c.id > ENTRY.c.id)
    is_followed = or_(ENTRY.c.kind.not_in(_CHANGES), select(newer.c.id).where(same).exists())
    old = select(ENTRY.c.id).where(and_(ENTRY.c.at < cut, is_over, is_followed)).limit(limit)
    return ENTRY.delete().where(ENTRY.c.id.in_(old))


def _matches(slo: str, dialect: str) -> ColumnElement[bool]:
    """`*` stands for any text that has no group in it, as everywhere."""
    if "*" not in slo:
        return ENTRY.c.slo == slo
    if dialect == "sqlite":  # its LIKE takes A for a
        glob = slo.replace("[", "[[]").replace("?", "[?]")
        like: ColumnElement[bool] = ENTRY.c.slo.op("GLOB")(glob)
    else:
        escaped = slo.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
        like = ENTRY.c.slo.like(escaped, escape="\\")
    return and_(like, ENTRY.c.slo != "") if "{" in slo else and_(like, ENTRY.c.slo != "", ENTRY.c.slo.not_like("%{%"))
