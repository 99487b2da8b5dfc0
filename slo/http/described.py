"""What /openapi.json says of parameters, bodies and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_JSON = "application/json"
_TIME = {"type": "string", "format": "date-time"}
_RATIO = {"type": ["number", "null"]}


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def parameter(name: str, meaning: str, *, many: bool = False, required: bool = False, **schema: Any) -> dict[str, Any]:
    """One of the query. A list is given by repeating its name."""
    one: dict[str, Any] = {"type": "string", "maxLength": 1000, "pattern": r"^[^\x00]*$", **schema}
    whole = {"type": "array", "items": one, "maxItems": 90} if many else one
    return {"name": name, "in": "query", "description": meaning, "required": required, "schema": whole}


def in_path(*names: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in names
    ]


def body(schema: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    return {"requestBody": {"required": required, "content": {_JSON: {"schema": schema}}}}


def responses(
    successes: dict[int, tuple[str, str]], problems: Sequence[int] = (), *, media_type: str = _JSON
) -> dict[str, Any]:
    """successes: by status, what it means and the schema's name ("" for text)."""
    found: dict[str, Any] = {}
    for status, (meaning, schema) in successes.items():
        content = {media_type: {"schema": ref(schema) if schema else {"type": "string"}}}
        found[str(status)] = {"description": meaning} | ({} if status in (204, 304) else {"content": content})
    for status in (*problems, *_ALWAYS):
        content = {"application/problem+json": {"schema": ref("Problem")}}
        found[str(status)] = {"description": PROBLEMS[status], "content": content}
    return {"responses": found}


PROBLEMS = {
    400: "The request cannot be understood.",
    401: "The token is missing or wrong, or its role may not do this.",
    404: "There is no such gate or objective.",
    409: "It has ended already.",
    413: "The body is too large.",
    414: "The address is too long.",
    415: "The body is not JSON.",
    421: "The service does not answer to that name.",
    431: "The headers are too large.",
    429: "Too many recorded requests of this caller; Retry-After says when the next may come.",
    503: "No decision can be made now; Retry-After says when to ask again.",
}

_ALWAYS = (400, 401, 414, 421, 431, 503)

SLO = parameter("slo", "an id, or a glob whose `*` stops at `{`; repeat it for several", many=True)
GROUP = parameter("group", "LABEL=VALUE of one group; repeat it for several labels", many=True)

_TEXT = {"type": "string", "maxLength": 2000}

SCHEMAS: dict[str, Any] = {
    "NewCorrection": {
        "type": "object",
        "required": ["slos", "from", "reason"],
        "additionalProperties": False,
        "properties": {
            "slos": {"type": "array", "minItems": 1, "maxItems": 100, "items": {"type": "string", "maxLength": 300}},
            "from": {**_TIME, "description": "at a whole minute"},
            "to": {**_TIME, "description": "its end; or its duration"},
            "duration": {**_TEXT, "examples": ["2h"]},
            "rule": {**_TEXT, "description": "RFC 5545, daily at most", "examples": ["FREQ=WEEKLY;BYDAY=SU"]},
            "time_zone": _TEXT,
            "category": {
                "type": "string",
                "enum": ["maintenance", "deployment", "outside-hours", "provider", "test", "other"],
            },
            "reason": {**_TEXT, "minLength": 1},
            "author": _TEXT,
            "planned": {"type": "boolean", "description": "it may begin in the future"},
            "dry_run": {"type": "boolean", "description": "tell, and store nothing"},
        },
    },
    "Correction": {
        "type": "object",
        "required": ["id", "slos", "category", "reason", "author", "made_at", "concerns"],
        "properties": {
            "id": {"type": "integer", "description": "0 for a trial"},
            "slos": {"type": "array", "items": {"type": "string"}},
            "category": {"type": "string"},
            "reason": {"type": "string"},
            "author": {"type": "string"},
            "made_at": _TIME,
            "start": _TIME,
            "end": _TIME,
            "duration": {"type": "string"},
            "rule": {"type": "string"},
            "time_zone": {"type": "string"},
            "concerns": {"type": "array", "items": {"type": "string"}},
        },
    },
    "Corrections": {
        "type": "object",
        "required": ["schema"],
        "properties": {
            "schema": {"const": "slo.corrections/v1"},
            "corrections": {"type": "array", "items": {"type": "object"}},
            "entries": {"type": "array", "items": {"type": "object"}},
        },
    },
    "Problem": {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "request_id": {"type": "string"},
        },
    },
    "Reason": {
        "type": "object",
        "required": ["slo", "check", "decision", "decisive", "observed", "threshold", "message"],
        "properties": {
            "slo": {"type": "string", "description": "empty for the gate as a whole"},
            "check": {"type": "string"},
            "decision": ref("Outcome"),
            "decisive": {"type": "boolean"},
            "cause": {"type": "string", "description": "of unknown: a key of the gate's on_unknown"},
            "window": {"type": "string"},
            "observed": _RATIO,
            "threshold": _RATIO,
            "message": {"type": "string"},
        },
    },
    "Outcome": {"type": "string", "enum": ["allow", "warn", "deny", "unknown"]},
    "Decision": {
        "type": "object",
        "required": ["schema", "id", "gate", "at", "decision", "allowed", "data_age_seconds", "expires_at", "reasons"],
        "properties": {
            "schema": {"const": "slo.decision/v1"},
            "id": {"type": "string"},
            "gate": {"type": "string"},
            "at": _TIME,
            "decision": ref("Outcome"),
            "allowed": {"type": "boolean"},
            "dry_run": {"const": True},
            "override": {"type": "object"},
            "data_age_seconds": {"type": ["number", "null"], "minimum": 0},
            "expires_at": _TIME,
            "reasons": {"type": "array", "maxItems": 20, "items": ref("Reason")},
            "more_reasons": {"type": "integer", "minimum": 0},
        },
    },
    "ChaosRules": {
        "type": "object",
        "required": ["schema", "gate", "rules"],
        "properties": {
            "schema": {"const": "slo.chaos_rules/v1"},
            "gate": {"type": "string"},
            "rules": {"type": ["object", "null"]},
        },
    },
    "Gates": {
        "type": "object",
        "required": ["schema", "gates"],
        "properties": {"schema": {"const": "slo.gates/v1"}, "gates": {"type": "array", "items": ref("Decision")}},
    },
    "Objective": {
        "type": "object",
        "required": ["slo", "service", "group", "target_ratio", "window", "budget", "burn_rates", "alerts", "state"],
        "properties": {
            "slo": {"type": "string"},
            "service": {"type": "string"},
            "group": {"type": "object", "additionalProperties": {"type": "string"}},
            "target_ratio": {"type": "number"},
            "good_events": {"type": "integer"},
            "bad_events": {"type": "integer"},
            "total_events": {"type": "integer"},
            "availability_ratio": _RATIO,
            "error_ratio": _RATIO,
            "budget": {"type": "object"},
            "burn_rates": {"type": "array", "items": {"type": "object"}},
            "alerts": {"type": "array", "items": {"type": "object"}},
            "coverage_ratio": _RATIO,
            "observed_ratio": _RATIO,
            "state": {"enum": ["ok", "burning", "exhausted", "no_data", "no_traffic", "insufficient_data"]},
            "reasons": {"type": "array", "items": {"type": "object"}},
        },
    },
    "Report": {
        "type": "object",
        "required": ["schema", "at", "objectives"],
        "properties": {
            "schema": {"const": "slo.report/v1"},
            "at": _TIME,
            "simulated": {"const": True},
            "objectives": {"type": "array", "items": ref("Objective")},
        },
    },
    "AdmissionReview": {
        "type": "object",
        "required": ["apiVersion", "kind", "response"],
        "properties": {
            "apiVersion": {"const": "admission.k8s.io/v1"},
            "kind": {"const": "AdmissionReview"},
            "response": {
                "type": "object",
                "required": ["uid", "allowed"],
                "properties": {"uid": {"type": "string"}, "allowed": {"type": "boolean"}},
            },
        },
    },
    "AdmissionRequest": {
        "type": "object",
        "required": ["apiVersion", "kind", "request"],
        "properties": {
            "apiVersion": {"const": "admission.k8s.io/v1"},
            "kind": {"const": "AdmissionReview"},
            "request": {
                "type": "object",
                "required": ["uid", "operation"],
                "properties": {
                    "uid": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[0-9A-Za-z-]+$"},
                    "operation": {"enum": ["CREATE", "UPDATE", "DELETE", "CONNECT"]},
                    "dryRun": {"type": ["boolean", "null"]},
                    "object": {"type": ["object", "null"]},
                    "oldObject": {"type": ["object", "null"]},
                    "userInfo": {"type": ["object", "null"]},
                    "namespace": {"type": ["string", "null"]},
                    "name": {"type": ["string", "null"]},
                },
            },
        },
    },
    "Override": {
        "type": "object",
        "required": ["id", "gate", "slos", "by", "reason", "start", "until"],
        "properties": {
            "id": {"type": "integer"},
            "gate": {"type": "string"},
            "slos": {"type": "array", "items": {"type": "string"}},
            "by": {"type": "string"},
            "reason": {"type": "string"},
            "start": _TIME,
            "until": _TIME,
        },
    },
    "Overrides": {
        "type": "object",
        "required": ["overrides"],
        "properties": {"overrides": {"type": "array", "items": ref("Override")}},
    },
    "NewOverride": {
        "type": "object",
        "additionalProperties": False,
        "required": ["reason", "until"],
        "properties": {
            "reason": {"type": "string", "minLength": 3, "maxLength": 500},
            "until": _TIME,
            "slos": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 300}, "maxItems": 100},
            "by": {"type": "string", "maxLength": 100},
        },
    },
    "Record": {
        "type": "object",
        "required": ["schema", "decisions", "next_before"],
        "properties": {
            "schema": {"const": "slo.record/v1"},
            "decisions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id", "at", "kind", "gate"],
                    "properties": {
                        "id": {"type": "integer"},
                        "at": _TIME,
                        "kind": {"enum": ["decision", "verdict", "call", "override", "revocation"]},
                    },
                },
            },
            "next_before": {"type": ["integer", "null"], "description": "`before` of the next page"},
        },
    },
    "Health": {
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": {"enum": ["ok", "degraded", "starting", "stopping"]},
            "checks": {"type": "object", "additionalProperties": {"type": "object"}},
        },
    },
}
