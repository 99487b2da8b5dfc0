"""Corrections over HTTP: kept in the ledger, they take effect with the collector's next cycle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from slo.clock import parse_time
from slo.correction import Category, Correction, check
from slo.errors import UsageError
from slo.http.asking import flag, json_object, parameters, single
from slo.http.described import body, parameter, ref, responses
from slo.http.problem import bad_request, not_found, unavailable
from slo.http.roles import Caller, Permission
from slo.http.service import Service
from slo.http.table import Operation
from slo.ledger import corrections
from slo.ledger.store import Ledger
from slo.recurrence import Recurrence
from slo.render.corrections import correction_document, entry_document
from slo.spec.values import as_zone
from slo.units import parse_duration
from slo.window import Interval, minute_of

_FIELDS = ("slos", "from", "to", "duration", "rule", "time_zone", "category", "reason", "author", "planned", "dry_run")
Found = TypeVar("Found")
_NUMBER = {"type": "integer", "minimum": 1, "maximum": 10**9}


def operations(service: Service) -> Sequence[Operation]:
    routes = _Routes(service)
    return [
        Operation(
            method="GET",
            path="/corrections",
            needs=Permission.READ,
            handler=routes.listed,
            summary="Corrections in force, or with history=true all that ever were",
            description={
                "parameters": [parameter("history", "withdrawn ones and withdrawals too", enum=["true", "false"])],
                **responses({200: ("Corrections.", "Corrections")}),
            },
        ),
        Operation(
            method="POST",
            path="/corrections",
            needs=Permission.ADMIN,
            handler=routes.make,
            summary="Leave a time out of every figure; dry_run tells which objectives it would be for",
            description={
                **body(ref("NewCorrection")),
                **responses(
                    {200: ("A trial: nothing was stored.", "Correction"), 201: ("It is in force.", "Correction")},
                    [413, 415, 429],
                ),
            },
        ),
        Operation(
            method="DELETE",
            path="/corrections/{number}",
            needs=Permission.ADMIN,
            handler=routes.withdraw,
            summary="Let the events of a correction count again; the entry stays",
            description={
                "parameters": [
                    {"name": "number", "in": "path", "required": True, "schema": _NUMBER},
                    parameter("reason", "why, for the history", required=True, minLength=1),
                ],
                "responses": {"204": {"description": "It is withdrawn."}}
                | responses({}, [404, 413, 415, 429])["responses"],
            },
        ),
    ]


class _Routes:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def listed(self, request: Request) -> ASGIApp:
        asked = parameters(request, ("history",))
        if flag(asked, "history"):
            entries = await self._in_ledger(corrections.all_entries)
            return _json({"schema": "slo.corrections/v1", "entries": [entry_document(one) for one in entries]})
        found = await self._in_ledger(corrections.corrections_in_force)
        return _json({"schema": "slo.corrections/v1", "corrections": [correction_document(one) for one in found]})

    async def make(self, request: Request) -> ASGIApp:
        service, caller = self._service, request.scope["slo.caller"]
        parameters(request, ())
        service.writes.take(caller)
        asked = await json_object(request)
        for name in asked:
            if name not in _FIELDS:
                raise bad_request(f"there is no field {name[:100]!r}; there are: {', '.join(_FIELDS)}")
        drafted = self._drafted(asked, caller)
        check(drafted, at_minute=minute_of(service.now()), is_planned=_truth(asked, "planned"))
        concerned = [slo for slo in service.deciding.snapshot.objectives if "{" not in slo and drafted.matches(slo)]
        if not concerned:
            raise bad_request("slos: no objective matches")
        if _truth(asked, "dry_run"):
            return _json({**correction_document(drafted), "concerns": concerned})
        made = await self._in_ledger(lambda ledger: corrections.make(ledger, drafted))
        return _json({**correction_document(made), "concerns": concerned}, status=201)

    async def withdraw(self, request: Request) -> ASGIApp:
        service, caller = self._service, request.scope["slo.caller"]
        asked = parameters(request, ("reason",))
        number, reason = request.path_params["number"], (single(asked, "reason") or "").strip()
        service.writes.take(caller)
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise not_found(f"there is no correction {number[:20]!r}")
        if not reason:
            raise bad_request("why? add ?reason=TEXT")
        if int(number) not in {one.id for one in await self._in_ledger(corrections.corrections_in_force)}:
            raise not_found(f"no correction {number} is in force")
        at = service.now()
        await self._in_ledger(
            lambda ledger: corrections.withdraw(ledger, int(number), author=caller.label, reason=reason, at=at)
        )
        return Response(status_code=204)

    async def _in_ledger(self, ask: Callable[[Ledger], Found]) -> Found:
        dsn = self._service.ledger
        if dsn is None:
            raise unavailable("this service has no ledger to keep corrections in")

        def asked() -> Found:
            with Ledger(dsn) as ledger:
                return ask(ledger)

        return await asyncio.to_thread(asked)

    def _drafted(self, asked: dict[str, Any], caller: Caller) -> Correction:
        slos = asked.get("slos")
        if not isinstance(slos, list) or not all(isinstance(one, str) and 0 < len(one) <= 300 for one in slos):
            raise bad_request("slos: write a list of ids or globs")
        category = _text(asked, "category") or Category.OTHER.value
        if category not in {one.value for one in Category}:
            raise bad_request(f"category: there are {', '.join(one.value for one in Category)}")
        author = _text(asked, "author")
        return Correction(
            id=0,
            slos=tuple(slos),
            when=_when(asked),
            category=Category(category),
            reason=_text(asked, "reason"),
            author=f"{author} ({caller.label})" if author else caller.label,
            made_at=self._service.now(),
        )


def _when(asked: dict[str, Any]) -> Interval | Recurrence:
    begin = _time(asked, "from")
    if ("to" in asked) == ("duration" in asked):
        raise bad_request("where does it end? write either to or duration")
    start = minute_of(begin)
    try:
        minutes = (
            minute_of(_time(asked, "to")) - start
            if "to" in asked
            else int(parse_duration(_text(asked, "duration")) // 60)
        )
        if "rule" not in asked:
            return Interval(start, start + minutes)
        zone = as_zone(_text(asked, "time_zone") or "UTC")
        return Recurrence(rule=_text(asked, "rule"), start=begin, duration_minutes=minutes, time_zone=zone)
    except ValueError as error:
        raise bad_request(str(error)) from None


def _time(asked: dict[str, Any], name: str) -> Any:
    try:
        at = parse_time(_text(asked, name))
    except UsageError as error:
        raise bad_request(f"{name}: {error}") from None
    if at.second or at.microsecond:
        raise bad_request(f"{name}: corrections begin and end at whole minutes")
    return at


def _text(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name, "")
    if not isinstance(value, str) or len(value) > 2000 or "\0" in value:
        raise bad_request(f"{name}: write a text")
    return value.strip()


def _truth(asked: dict[str, Any], name: str) -> bool:
    value = asked.get(name, False)
    if not isinstance(value, bool):
        raise bad_request(f"{name}: write true or false")
    return value


def _json(document: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, {"Cache-Control": "no-store"}, media_type="application/json")
