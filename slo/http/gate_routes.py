"""Gates: the status form, the JSON form, and the forms that are recorded with their caller."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from slo.chaos.rules_document import rules_document
from slo.http.asking import flag, json_object, parameters, single
from slo.http.chaos_runs import MOST_FAULTS, faults_of
from slo.http.described import SLO, body, in_path, parameter, responses
from slo.http.given import Given, Reply
from slo.http.problem import bad_request, not_found
from slo.http.roles import Permission
from slo.http.service import Service
from slo.http.table import Operation
from slo.record import CallerEntry

_TOLD = {
    "type": "object",
    "required": ["faults"],
    "properties": {"faults": {"type": "array", "minItems": 1, "maxItems": MOST_FAULTS, "items": {"type": "string"}}},
}


def operations(service: Service) -> Sequence[Operation]:
    return [
        Operation(
            method="GET",
            path="/budget/check",
            needs=Permission.ASK,
            handler=_Check(service),
            summary="May I? 200 for yes, 403 for no: for curl -f and probes",
            description={
                "parameters": [parameter("gate", "the gate's name", required=True), SLO],
                **responses({200: ("Allowed.", "Decision"), 403: ("Not allowed.", "Decision")}, [404]),
            },
        ),
        Operation(
            method="GET",
            path="/gates/{gate}",
            needs=Permission.ASK,
            handler=_Gate(service),
            summary="A gate's decision, 200 whatever it is",
            description={
                "parameters": [*in_path("gate"), SLO],
                **responses({200: ("The decision.", "Decision")}, [404]),
            },
        ),
        Operation(
            method="GET",
            path="/gates/{gate}/chaos",
            needs=Permission.ASK,
            handler=_Chaos(service),
            summary="Which chaos a gate allows at all, for guards elsewhere",
            description={
                "parameters": in_path("gate"),
                **responses({200: ("Its rules, null without any.", "ChaosRules")}, [404]),
            },
        ),
        Operation(
            method="POST",
            path="/gates/{gate}/chaos",
            needs=Permission.GUARD,
            handler=_Tell(service),
            summary="A chaos run goes on; slo_chaos_run_active is 1 for a minute, unless it is told again",
            description={
                "parameters": [*in_path("gate"), SLO],
                **body(_TOLD),
                **responses({204: ("It is told.", "")}, [404, 413, 415, 429]),
            },
        ),
        Operation(
            method="POST",
            path="/gates/{gate}",
            needs=Permission.DECIDE,
            handler=_Post(service),
            summary="A decision that is recorded with its caller before it is answered: 200 or 403",
            description={
                "parameters": [
                    *in_path("gate"),
                    SLO,
                    parameter("invert", "ask whether to roll back instead", enum=["true", "false"]),
                ],
                **body({"type": "object"}, required=False),
                **responses({200: ("Go on.", "Decision"), 403: ("Do not.", "Decision")}, [404, 413, 415, 429]),
            },
        ),
        Operation(
            method="GET",
            path="/gates",
            needs=Permission.ASK,
            handler=_Gates(service),
            summary="Every gate's decision",
            description=responses({200: ("The decisions.", "Gates")}),
        ),
    ]


class _Check:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, request: Request) -> ASGIApp:
        asked = parameters(request, ("gate", "slo"))
        gate = single(asked, "gate")
        if not gate:
            raise bad_request("which gate? add ?gate=NAME")
        given = await self._service.deciding.answer(gate, asked.get("slo", ()))
        return given.by_status


class _Gate:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, request: Request) -> ASGIApp:
        asked = parameters(request, ("slo",))
        given = await self._service.deciding.answer(request.path_params["gate"], asked.get("slo", ()))
        return given.always_ok


class _Gates:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, request: Request) -> ASGIApp:
        parameters(request, ())
        decisions = [given.document for given in await self._service.deciding.every()]
        return Response(orjson.dumps({"schema": "slo.gates/v1", "gates": decisions}), media_type="application/json")


class _Chaos:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, request: Request) -> ASGIApp:
        parameters(request, ())
        name, gates = request.path_params["gate"], self._service.deciding.snapshot.gates
        if name not in gates:
            raise not_found(f"there is no gate {name[:100]!r}")
        document = rules_document(name, gates[name].gate.chaos)
        return Response(orjson.dumps(document), media_type="application/json", headers={"Cache-Control": "no-store"})


class _Tell:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, request: Request) -> ASGIApp:
        service = self._service
        slos = parameters(request, ("slo",)).get("slo", ())
        service.writes.take(request.scope["slo.caller"])
        faults = faults_of(await json_object(request))
        name, gates = request.path_params["gate"], service.deciding.snapshot.gates
        if name not in gates:
            raise not_found(f"there is no gate {name[:100]!r}")
        known = gates[name].verdicts
        if unknown := [slo for slo in slos if slo not in known]:
            raise not_found(f"the gate {name!r} asks about no objective {unknown[0][:200]!r}")
        if not slos:
            raise bad_request("whose budget is spent? add ?slo=ID")
        service.chaos_runs.tell(slos, faults)
        return Response(status_code=204)


class _Post:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, request: Request) -> ASGIApp:
        service, caller = self._service, request.scope["slo.caller"]
        asked = parameters(request, ("slo", "invert"))
        inverted, patterns = flag(asked, "invert"), asked.get("slo", ())
        service.writes.take(caller)
        await json_object(request)
        given = await service.deciding.answer(request.path_params["gate"], patterns)
        answered = given.asks_to_roll_back if inverted else given.decision.allowed
        await service.record.asked(
            CallerEntry(
                at=service.now(),
                caller=caller.label,
                route="post inverted" if inverted else "post",
                decision=given.decision,
                body=await request.body(),
                slos=patterns,
                answered=answered,
            )
        )
        return _answer(given, answered)


def _answer(given: Given, answered: bool) -> Reply:
    return Reply(200 if answered else 403, given)
