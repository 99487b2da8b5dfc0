"""The webhook that the API server asks before it lets an object in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from slo.http.admission import Review, answered, passed, read_review, ungoverned
from slo.http.asking import json_object, parameters
from slo.http.described import SLO, body, in_path, parameter, ref, responses
from slo.http.problem import not_found
from slo.http.roles import Permission
from slo.http.service import Service
from slo.http.table import Operation
from slo.record import CallerEntry


def operations(service: Service) -> Sequence[Operation]:
    async def review(request: Request) -> ASGIApp:
        # The API server says how long it waits (k8s.io/apiserver, webhook client): nothing here takes that long.
        patterns = parameters(request, ("slo", "timeout")).get("slo", ())
        gate, caller = request.path_params["gate"], request.scope["slo.caller"]
        asked = read_review(await json_object(request))
        if not asked.starts:
            if gate not in service.deciding.snapshot.gates:
                raise not_found(f"there is no gate {gate[:100]!r}")
            return _json(passed(asked, "the change starts nothing"))
        if not asked.dry_run:
            service.writes.take(caller)
        given = await service.deciding.answer(gate, patterns)
        rules = service.deciding.snapshot.gates[given.decision.gate].gate.chaos
        answer = answered(asked, given, ungoverned(asked, rules, at=service.now()))
        if not asked.dry_run:
            entry = CallerEntry(
                at=service.now(),
                caller=_who(asked, caller.label),
                route="admission",
                decision=given.decision,
                body=asked.summary,
                slos=patterns,
                answered=answer["response"]["allowed"],
            )
            await service.record.asked(entry)
        return _json(answer)

    return [
        Operation(
            method="POST",
            path="/admission/{gate}",
            needs=Permission.DECIDE,
            handler=review,
            summary="AdmissionReview v1, answered with the gate's decision",
            description={
                "parameters": [*in_path("gate"), SLO, parameter("timeout", "how long the API server waits")],
                **body(ref("AdmissionRequest")),
                **responses({200: ("The review.", "AdmissionReview")}, [404, 413, 415, 429]),
            },
        )
    ]


def _who(review: Review, caller: str) -> str:
    """The user is what the API server says; the caller is who vouches for that."""
    return f"{review.user} through {caller}" if review.user else caller


def _json(document: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(document), media_type="application/json", headers={"Cache-Control": "no-store"})
