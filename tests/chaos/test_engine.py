"""A ChaosEngine is read as Litmus would run it, and what cannot be judged is said so."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.chaos.engine import read_engine
from tests.chaos.engines import engine, fault


def test_what_it_wants_is_read() -> None:
    read = read_engine(engine())
    assert (read.namespace, read.name, read.duration_seconds) == ("cloudshop-prod", "frontend-chaos", 30)
    assert (read.affected_ratio, read.grace_seconds) == (Fraction(1, 2), 30)
    assert read.wish.faults == ("pod-delete",)
    assert read.wish.labels == frozenset({("app", "frontend")})
    assert (read.wish.service_account, read.wish.doubts) == ("litmus-admin", ())


def test_faults_run_one_after_the_other_and_the_widest_counts() -> None:
    read = read_engine(
        engine(experiments=[fault(), fault("pod-network-loss", TOTAL_CHAOS_DURATION="60", RAMP_TIME="5")])
    )
    assert (read.duration_seconds, read.affected_ratio) == (30 + 60 + 2 * 5, Fraction(1))


@pytest.mark.parametrize("share", ["0", "", "101", "half"])
def test_without_a_share_of_pods_all_requests_may_be_hit(share: str) -> None:
    assert read_engine(engine(experiments=[fault(PODS_AFFECTED_PERC=share)])).affected_ratio == 1


def test_objectives_are_named_by_an_annotation() -> None:
    named = engine(annotations={"slo-objectives": " cloudshop/availability, cloudshop/latency,cloudshop/latency"})
    assert read_engine(named).objectives == ("cloudshop/availability", "cloudshop/latency")


def test_the_target_is_where_the_engine_is_unless_it_says_otherwise() -> None:
    assert read_engine(engine(appinfo={"applabel": "app=a"})).wish.target_namespace == "cloudshop-prod"
    assert read_engine(engine(appinfo={"appns": "kube-system"})).wish.target_namespace == "kube-system"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"experiments": [fault(APP_NAMESPACE="kube-system")]}, "sets APP_NAMESPACE; say the target in spec.appinfo"),
        ({"experiments": [{"name": "pod-delete"}]}, "does not say how long it lasts; set TOTAL_CHAOS_DURATION"),
        ({"auxiliaryAppInfo": "other:app=x"}, "spec.auxiliaryAppInfo names further targets"),
        ({"selectors": {"pods": [{"namespace": "x", "names": "y"}]}}, "spec.selectors names further targets"),
    ],
)
def test_what_makes_it_hit_something_else_is_a_doubt(changes: dict[str, Any], told: str) -> None:
    [doubt] = read_engine(engine(**changes)).wish.doubts
    assert told in doubt


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (None, "this is no ChaosEngine"),
        ({"kind": "Deployment"}, "this is no ChaosEngine"),
        (engine() | {"apiVersion": "v1"}, "apiVersion: write litmuschaos.io/v1alpha1"),
        (engine() | {"spec": []}, "spec: a mapping is expected here"),
        (engine(experiments={}), "experiments: a list is expected here"),
        (engine(experiments=[1]), "a mapping is expected here"),
        (engine(experiments=[fault()] * 21), "at most 20 faults in one engine, not 21"),
        (engine(experiments=[fault(TOTAL_CHAOS_DURATION="soon")]), "write seconds as text"),
        (engine(appinfo={"appns": 3}), "appns: text is expected here"),
        (engine(terminationGracePeriodSeconds=-1), "a number of seconds is expected here"),
        (engine(x="y" * 300_000), "larger than 256 KiB"),
    ],
)
def test_what_is_no_engine_is_told_in_a_line(document: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told) as error:
        read_engine(document)
    assert "\n" not in str(error.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(where=st.sampled_from(["metadata", "spec", "experiments", "appinfo", "env", "annotations", "entry"]), value=JSON)
def test_whatever_stands_there_it_is_read_or_refused(where: str, value: Any) -> None:
    document = engine()
    if where in ("metadata", "spec"):
        document[where] = value
    elif where == "annotations":
        document["metadata"][where] = value
    elif where in ("experiments", "appinfo"):
        document["spec"][where] = value
    elif where == "entry":
        document["spec"]["experiments"] = [value]
    else:
        document["spec"]["experiments"][0]["spec"]["components"]["env"] = value
    try:
        read_engine(document)
    except ValueError:
        return
