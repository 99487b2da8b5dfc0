"""A ChaosEngine of Litmus as its document says it: what it wants, how long, and how much it hits at worst. Pure.

Source: api/litmuschaos/v1alpha1/chaosengine_types.go of litmuschaos/chaos-operator 3.x, and the environment that the
faults of litmus-go read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from slo.governance import ChaosWish, equal_labels

GROUP, VERSION, PLURAL, KIND = "litmuschaos.io", "v1alpha1", "chaosengines", "ChaosEngine"
OBJECTIVES = "slo-objectives"
"""The annotation that names the objectives whose budget a run spends, separated by commas."""
_MOST_BYTES = 256 * 1024
_MOST_FAULTS = 20
_DEFAULT_GRACE_SECONDS = 30
_SECONDS = re.compile(r"(\d{1,7})s?", re.ASCII)
_PERCENT = re.compile(r"(\d{1,3})", re.ASCII)
# A fault reads its target from these; the operator sets them from appinfo, and the engine may overrule it.
_TARGETS = ("APP_NAMESPACE", "APP_NS", "APP_LABEL", "APP_KIND", "AUXILIARY_APPINFO", "TARGETS", "CHAOS_NAMESPACE")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """affected_ratio: the largest share of requests that it can spoil; 1 where it does not say how many pods it hits.
    duration_seconds: of all faults, one after the other; grace_seconds: until what it started is gone."""

    name: str
    namespace: str
    objectives: tuple[str, ...]
    wish: ChaosWish
    duration_seconds: int
    affected_ratio: Fraction
    grace_seconds: int


def read_engine(document: Any, *, namespace: str = "") -> EngineSpec:
    """What a document says; namespace: where it is put, if it does not say so itself.

    Raises ValueError that says, in a line, why it is no engine that could be judged.
    """
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise ValueError(f"this is no {KIND}")
    if document.get("apiVersion") != f"{GROUP}/{VERSION}":
        raise ValueError(f"apiVersion: write {GROUP}/{VERSION}")
    if _size(document) > _MOST_BYTES:
        raise ValueError(f"the {KIND} is larger than {_MOST_BYTES >> 10} KiB")
    metadata, spec = _mapping(document, "metadata"), _mapping(document, "spec")
    namespace = _text(metadata, "namespace") or namespace
    experiments = _list(spec, "experiments")
    if len(experiments) > _MOST_FAULTS:
        raise ValueError(f"spec.experiments: at most {_MOST_FAULTS} faults in one engine, not {len(experiments)}")
    faults = [_Fault.of(entry, f"spec.experiments[{place}]") for place, entry in enumerate(experiments)]
    duration = sum(fault.seconds for fault in faults)
    target = _mapping(spec, "appinfo")
    return EngineSpec(
        name=_text(metadata, "name"),
        namespace=namespace,
        objectives=_objectives(metadata),
        wish=ChaosWish(
            faults=tuple(fault.name for fault in faults),
            namespace=namespace,
            target_namespace=_text(target, "appns") or namespace,
            labels=equal_labels(_text(target, "applabel")),
            service_account=_text(spec, "chaosServiceAccount"),
            duration_seconds=duration,
            doubts=tuple(_doubts(spec, faults)),
        ),
        duration_seconds=duration,
        affected_ratio=max((fault.affected_ratio for fault in faults), default=Fraction(1)),
        grace_seconds=_whole(spec, "terminationGracePeriodSeconds", _DEFAULT_GRACE_SECONDS),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    name: str
    seconds: int
    is_timed: bool
    affected_ratio: Fraction
    redirected: tuple[str, ...]

    @classmethod
    def of(cls, entry: Any, place: str) -> _Fault:
        if not isinstance(entry, dict):
            raise ValueError(f"{place}: a mapping is expected here")
        components = _mapping(_mapping(entry, "spec"), "components")
        env = {_text(one, "name"): one for one in _list(components, "env") if isinstance(one, dict)}
        seconds = _seconds(env, "TOTAL_CHAOS_DURATION", place)
        ramp = _seconds(env, "RAMP_TIME", place) or 0
        return cls(
            name=_text(entry, "name"),
            seconds=(seconds or 0) + 2 * ramp,
            is_timed=bool(seconds),
            affected_ratio=_affected(env),
            redirected=tuple(name for name in _TARGETS if name in env),
        )


def _size(document: Mapping[str, Any]) -> int:
    try:
        return len(json.dumps(document))
    except (TypeError, RecursionError):
        raise ValueError(f"the {KIND} holds what is no JSON, such as a date without quotes") from None


def _doubts(spec: Mapping[str, Any], faults: Sequence[_Fault]) -> Iterator[str]:
    for fault in faults:
        if not fault.is_timed:
            yield f"the fault {fault.name[:80]!r} does not say how long it lasts; set TOTAL_CHAOS_DURATION"
        if fault.redirected:
            yield f"the fault {fault.name[:80]!r} sets {fault.redirected[0]}; say the target in spec.appinfo alone"
    for key in ("auxiliaryAppInfo", "selectors"):
        if spec.get(key):
            yield f"spec.{key} names further targets; say the target in spec.appinfo alone"


def _affected(env: Mapping[str, Mapping[str, Any]]) -> Fraction:
    """A fault without a share hits one pod, and what share of requests that serves is not known here."""
    match = _PERCENT.fullmatch(str(env.get("PODS_AFFECTED_PERC", {}).get("value", "")).strip())
    percent = int(match[1]) if match else 0
    return Fraction(percent, 100) if 0 < percent <= 100 else Fraction(1)


def _seconds(env: Mapping[str, Mapping[str, Any]], name: str, place: str) -> int | None:
    if name not in env:
        return None
    text = env[name].get("value")
    match = _SECONDS.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f'{place}: {name}: write seconds as text, such as value: "30"')
    return int(match[1])


def _objectives(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    named = _text(_mapping(metadata, "annotations"), OBJECTIVES)
    return tuple(dict.fromkeys(part.strip() for part in named.split(",") if part.strip()))


def _mapping(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    if not isinstance(value, dict | None):
        raise ValueError(f"{key}: a mapping is expected here")
    return value or {}


def _list(document: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = document.get(key)
    if not isinstance(value, list | None):
        raise ValueError(f"{key}: a list is expected here")
    return value or []


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str | None):
        raise ValueError(f"{key}: text is expected here; write it in quotes")
    return value or ""


def _whole(document: Mapping[str, Any], key: str, default: int) -> int:
    value = document.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 86_400:
        raise ValueError(f"{key}: a number of seconds is expected here")
    return value
