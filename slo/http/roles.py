"""Who asks, and what each role may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from slo.http.problem import ProblemError


class Permission(Enum):
    """What a route needs of its caller."""

    NOTHING = "nothing"
    ASK = "ask"
    """a gate's decision, which leaves no trace but a count"""
    READ = "read"
    """reports, the page, metrics, the record"""
    DECIDE = "decide"
    """decisions that are recorded with their caller"""
    GUARD = "guard"
    """to tell of chaos that goes on"""
    OVERRIDE = "override"
    """break-glass"""
    ADMIN = "admin"
    """break-glass of others"""


_READ = frozenset({Permission.NOTHING, Permission.ASK, Permission.READ})
_DECIDE = frozenset({Permission.NOTHING, Permission.ASK, Permission.DECIDE})

ROLES = MappingProxyType(
    {
        "none": frozenset({Permission.NOTHING}),
        "read": _READ,
        "decide": _DECIDE,
        "guard": _READ | _DECIDE | {Permission.GUARD},
        "override": _READ | _DECIDE | {Permission.OVERRIDE},
        "admin": frozenset(Permission),
    }
)
"""By name; `none` is of callers without a token, never of a token; `guard` watches what it was allowed."""

_CHALLENGE = 'Bearer realm="slo", Basic realm="slo", charset="UTF-8"'


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asks: the name of the token, the certificate's subject, or "" for a caller without either."""

    name: str
    role: str
    address: str = ""

    @property
    def label(self) -> str:
        """What the record and the log call them."""
        return self.name or f"anonymous@{self.address}"

    def require(self, permission: Permission) -> None:
        """Raises the 401 of a caller who may not: on gates, 403 is a decision and nothing else."""
        if permission in ROLES[self.role]:
            return
        if not self.name:
            raise ProblemError(401, "this needs a token: Authorization: Bearer ...", {"WWW-Authenticate": _CHALLENGE})
        raise ProblemError(
            401, f"the role {self.role!r} of {self.name!r} may not do this", {"WWW-Authenticate": _CHALLENGE}
        )


def refused(detail: str) -> ProblemError:
    """The answer to a token that is missing, none, or of too small a role."""
    return ProblemError(401, detail, {"WWW-Authenticate": _CHALLENGE})
