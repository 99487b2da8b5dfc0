"""The record of decisions, and break-glass: who let a gate's callers through, why, until when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from slo.clock import format_time, parse_time
from slo.decision import Override
from slo.errors import UsageError
from slo.http.asking import json_object, number_of, parameters, single, time_of
from slo.http.described import body, in_path, parameter, ref, responses
from slo.http.problem import bad_request, not_found
from slo.http.roles import Caller, Permission
from slo.http.service import Service
from slo.http.table import Operation
from slo.record import Kind
from slo.units import format_duration

_MOST_ENTRIES = 1000
_MOST_SLOS = 100
_LONGEST_REASON, _LONGEST_NAME = 500, 100
_FIELDS = ("reason", "until", "slos", "by")
_ID = {"type": "integer", "minimum": 1, "maximum": 10**18 - 1}


def operations(service: Service) -> Sequence[Operation]:
    routes = _Routes(service)
    override = "/gates/{gate}/override"
    number = [*in_path("gate"), {"name": "number", "in": "path", "required": True, "schema": _ID}]
    return [
        Operation(
            method="GET",
            path="/decisions",
            needs=Permission.READ,
            handler=routes.decisions,
            summary="The record, newest first: changes of decisions, recorded callers, overrides",
            description={"parameters": _QUERY, **responses({200: ("Entries.", "Record")})},
        ),
        Operation(
            method="GET",
            path=override,
            needs=Permission.READ,
            handler=routes.overrides,
            summary="The overrides of a gate that hold now",
            description={"parameters": in_path("gate"), **responses({200: ("Overrides.", "Overrides")}, [404])},
        ),
        Operation(
            method="POST",
            path=override,
            needs=Permission.OVERRIDE,
            handler=routes.override,
            summary="Break-glass: let a gate's callers through for a time",
            description={
                "parameters": in_path("gate"),
                **body(ref("NewOverride")),
                **responses({201: ("It holds.", "Override")}, [404, 413, 415, 429]),
            },
        ),
        Operation(
            method="DELETE",
            path=override + "/{number}",
            needs=Permission.OVERRIDE,
            handler=routes.revoke,
            summary="End an override before its time; another's needs the role admin",
            description={
                "parameters": [*number, parameter("reason", "why, for the record", required=True, minLength=1)],
                "responses": {"204": {"description": "It has ended."}}
                | responses({}, [404, 413, 415, 429])["responses"],
            },
        ),
    ]


_QUERY = [
    parameter("gate", "of one gate"),
    parameter("slo", "about one id"),
    parameter("kind", "of one kind; repeat it for several", many=True, enum=[kind.value for kind in Kind]),
    parameter("since", "from then on", format="date-time"),
    parameter("until", "before then", format="date-time"),
    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": _MOST_ENTRIES}},
    {"name": "before", "in": "query", "schema": _ID, "description": "entries before this one: next_before of a page"},
]


class _Routes:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def decisions(self, request: Request) -> ASGIApp:
        asked = parameters(request, ("gate", "slo", "kind", "since", "until", "limit", "before"))
        limit = number_of(asked, "limit", 100, _MOST_ENTRIES)
        entries = await asyncio.to_thread(
            self._service.record.query,
            gate=single(asked, "gate"),
            slo=single(asked, "slo"),
            kinds=_kinds(asked.get("kind", ())),
            since=time_of(asked, "since"),
            until=time_of(asked, "until"),
            limit=limit,
            before=number_of(asked, "before", 0, 10**18 - 1) or None,
        )
        further = entries[-1].id if len(entries) == limit else None
        documents = [entry.document() for entry in entries]
        return _json({"schema": "slo.record/v1", "decisions": documents, "next_before": further})

    async def overrides(self, request: Request) -> ASGIApp:
        parameters(request, ())
        gate = self._gate(request)
        return _json({"overrides": [_document(one) for one in self._active() if one.gate == gate]})

    async def override(self, request: Request) -> ASGIApp:
        service, caller = self._service, request.scope["slo.caller"]
        parameters(request, ())
        gate = self._gate(request)
        service.writes.take(caller)
        asked = await json_object(request)
        for name in asked:
            if name not in _FIELDS:
                raise bad_request(f"there is no field {name[:100]!r}; there are: {', '.join(_FIELDS)}")
        made = await service.record.override(
            gate=gate,
            slos=_slos(asked.get("slos")),
            by=_who(asked, caller),
            reason=_text(asked, "reason", _LONGEST_REASON, least=3),
            until=self._until(asked),
            start=service.now(),
        )
        await service.deciding.refresh()
        return _json(_document(made), status=201)

    async def revoke(self, request: Request) -> ASGIApp:
        service, caller = self._service, request.scope["slo.caller"]
        asked = parameters(request, ("reason",))
        gate, number = self._gate(request), request.path_params["number"]
        service.writes.take(caller)
        mine = [one for one in self._active() if one.gate == gate and str(one.id) == number]
        if not mine:
            raise not_found(f"the gate {gate!r} has no override {number[:20]!r} that holds")
        if not _is_of(mine[0], caller):
            caller.require(Permission.ADMIN)
        reason = (single(asked, "reason") or "").strip()
        if not reason:
            raise bad_request("why? add ?reason=TEXT")
        await service.record.revoke(mine[0].id, by=caller.label, reason=reason[:_LONGEST_REASON])
        await service.deciding.refresh()
        return Response(status_code=204)

    def _gate(self, request: Request) -> str:
        gate = str(request.path_params["gate"])
        if gate not in self._service.deciding.snapshot.gates:
            raise not_found(f"there is no gate {gate[:100]!r}")
        return gate

    def _active(self) -> Sequence[Override]:
        return self._service.record.overrides(self._service.now())

    def _until(self, asked: dict[str, Any]) -> Any:
        """An end that is not further off than an override may last."""
        try:
            until = parse_time(_text(asked, "until", _LONGEST_NAME, least=1))
        except UsageError as error:
            raise bad_request(f"until: {error}") from None
        now, most = self._service.now(), self._service.rules.max_override
        if not now < until <= now + most:
            longest = format_duration(int(most.total_seconds()))
            raise bad_request(f"until: write a time within the next {longest}")
        return until


def _kinds(names: Sequence[str]) -> tuple[Kind, ...]:
    try:
        return tuple(Kind(name) for name in names)
    except ValueError:
        raise bad_request(f"kind: there are {', '.join(kind.value for kind in Kind)}") from None


def _slos(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not value or len(value) > _MOST_SLOS:
        raise bad_request(f"slos: write a list of at most {_MOST_SLOS} ids or globs, or leave it out for all")
    if not all(isinstance(one, str) and 0 < len(one) <= 300 for one in value):
        raise bad_request("slos: an id has 1 to 300 characters")
    return tuple(value)


def _who(asked: dict[str, Any], caller: Caller) -> str:
    """The token's name, and the person who used it where it tells one; without a token, only the person."""
    by = _text(asked, "by", _LONGEST_NAME, least=0 if caller.name else 1) if "by" in asked or not caller.name else ""
    return f"{by} ({caller.label})" if by else caller.label


def _is_of(override: Override, caller: Caller) -> bool:
    return override.by == caller.label or override.by.endswith(f" ({caller.label})")


def _text(asked: dict[str, Any], name: str, longest: int, *, least: int) -> str:
    value = asked.get(name, "")
    if not isinstance(value, str) or not least <= len(value.strip()) <= longest:
        raise bad_request(f"{name}: write a text of {max(least, 1)} to {longest} characters")
    return value.strip()


def _document(override: Override) -> dict[str, Any]:
    return {
        "id": override.id,
        "gate": override.gate,
        "slos": list(override.slos),
        "by": override.by,
        "reason": override.reason,
        "start": format_time(override.start),
        "until": format_time(override.until),
    }


def _json(document: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, {"Cache-Control": "no-store"}, media_type="application/json")
