"""How far one objective has been counted, whole enough to go on from after any interruption."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson

from slo.coverage import Coverage
from slo.errors import LedgerError
from slo.ledger.totals import Totals
from slo.objective import Group
from slo.samples import Cursors, SeriesCursor, SeriesKey, Target, TargetCursor, TargetCursors, Values
from slo.source.query_plan import Role
from slo.units import MINUTE_MS

REACH_MINUTES = 10
"""Reading begins this much before the first minute, for the samples that its first increases are measured from."""

_FORM = 1


@dataclass(frozen=True, slots=True)
class Notes:
    """What a report says of the count beside the figures: series found, and those of unknown start by day; groups."""

    roles_found: frozenset[Role] = frozenset()
    uncertain: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    groups: int = 0
    groups_left_out: int = 0

    def to_text(self) -> str:
        roles = sorted(role.value for role in self.roles_found)
        return orjson.dumps([roles, list(self.uncertain.items()), self.groups, self.groups_left_out]).decode()

    @classmethod
    def from_text(cls, text: str) -> Notes:
        roles, uncertain, groups, left_out = orjson.loads(text)
        return cls(frozenset(map(Role, roles)), dict(uncertain), groups, left_out)


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Samples up to `horizon` are counted, minutes up to `edge` are complete (both in minutes since the epoch).

    cursors: of the samples; targets: of coverage. open: events of each minute of (edge, horizon] so far, by role and
    group; open_coverage likewise. totals: by group, since the beginning. Notes: roles with any series at all, series
    left out for want of a known start (by day), groups over the limit.
    """

    horizon: int
    edge: int
    cursors: Cursors
    targets: TargetCursors = field(default_factory=lambda: MappingProxyType({}))
    open: Mapping[tuple[Role, Group], Values] = field(default_factory=lambda: MappingProxyType({}))
    open_coverage: Coverage = field(default_factory=lambda: Coverage(np.zeros(0), np.zeros(0)))
    totals: Mapping[Group, Totals] = field(default_factory=lambda: MappingProxyType({}))
    roles_found: frozenset[Role] = frozenset()
    uncertain: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    groups_left_out: int = 0

    @classmethod
    def at_start(cls, minute: int) -> Checkpoint:
        """Nothing counted yet; events after this minute will be."""
        return cls(minute - REACH_MINUTES, minute, Cursors(since=minute * MINUTE_MS))

    @property
    def notes(self) -> Notes:
        return Notes(self.roles_found, self.uncertain, len(self.totals.keys() - {()}), self.groups_left_out)

    def to_bytes(self) -> bytes:
        """For the store; `from_bytes` restores it to the last bit."""
        document = {
            "form": _FORM,
            "horizon": self.horizon,
            "edge": self.edge,
            "since": self.cursors.since,
            "first_seen": self.cursors.first_seen,
            "series": [[key, *cursor] for key, cursor in self.cursors.series.items()],
            "cursor_targets": [[_place(target), *cursor] for target, cursor in self.cursors.targets.items()],
            "restarts": [[_place(target), at] for target, at in self.cursors.restarts.items()],
            "targets": [[_place(target), *cursor] for target, cursor in self.targets.items()],
            "open": [[role.value, group, minutes.tolist()] for (role, group), minutes in self.open.items()],
            "seen": self.open_coverage.seen.tolist(),
            "expected": self.open_coverage.expected.tolist(),
            "totals": [[group, *totals] for group, totals in self.totals.items()],
            "roles_found": sorted(role.value for role in self.roles_found),
            "uncertain": list(self.uncertain.items()),
            "groups_left_out": self.groups_left_out,
        }
        return zlib.compress(orjson.dumps(document), 1)

    @classmethod
    def from_bytes(cls, data: bytes) -> Checkpoint:
        """Raises LedgerError for what `to_bytes` did not write."""
        try:
            read = orjson.loads(zlib.decompress(data))
            if read["form"] != _FORM:
                raise LedgerError(f"a checkpoint has the form {read['form']}, which this version does not know")
            return cls(
                read["horizon"],
                read["edge"],
                Cursors(
                    read["since"],
                    {_pairs(key): SeriesCursor(*cursor) for key, *cursor in read["series"]},
                    {_from_place(place): TargetCursor(*cursor) for place, *cursor in read["cursor_targets"]},
                    read["first_seen"],
                    {_from_place(place): at for place, at in read["restarts"]},
                ),
                {_from_place(place): TargetCursor(*cursor) for place, *cursor in read["targets"]},
                {(Role(role), _pairs(group)): np.array(minutes) for role, group, minutes in read["open"]},
                Coverage(np.array(read["seen"], np.float64), np.array(read["expected"], np.float64)),
                {_pairs(group): Totals(*totals) for group, *totals in read["totals"]},
                frozenset(map(Role, read["roles_found"])),
                dict(read["uncertain"]),
                read["groups_left_out"],
            )
        except (zlib.error, ValueError, KeyError, TypeError) as error:
            raise LedgerError(f"a checkpoint is damaged: {error}") from error


def _pairs(pairs: Any) -> SeriesKey:
    return tuple((label, value) for label, value in pairs)


def _place(target: Target | SeriesKey) -> Any:
    return {"job": target.job, "instance": target.instance} if isinstance(target, Target) else target


def _from_place(place: Any) -> Target | SeriesKey:
    return Target(place["job"], place["instance"]) if isinstance(place, dict) else _pairs(place)
