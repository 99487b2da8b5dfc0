"""What a Lease says of runs, whoever wrote it."""

from __future__ import annotations

import json

import pytest

from slo.chaos.lease import COOL_DOWN, HISTORY, RUN, view_of


def test_what_past_runs_cost_is_kept_by_engine() -> None:
    seen = view_of({"metadata": {"annotations": {HISTORY: json.dumps({"a/b": [0.25, 0, 1.5]})}}})
    assert seen.history == {"a/b": (0.25, 0, 1.5)}


@pytest.mark.parametrize(
    "ratios", ["3", "{}", '["x"]', "[null]", "[true]", "[-0.5]", "[NaN]", "[Infinity]", "[0.1, [0.1]]", "[1e999]"]
)
def test_ratios_that_are_none_refine_nothing(ratios: str) -> None:
    """They would lower what a run is reckoned to cost."""
    assert view_of({"metadata": {"annotations": {HISTORY: f'{{"a/b": {ratios}, "c/d": [0.5]}}'}}}).history == {
        "c/d": (0.5,)
    }


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{" * 100_000])
def test_what_is_no_object_counts_as_nothing(text: str) -> None:
    seen = view_of({"metadata": {"annotations": {HISTORY: text, RUN: text, COOL_DOWN: text}}, "spec": None})
    assert (seen.history, seen.record, seen.cool_down_until, seen.holder) == ({}, None, None, "")


@pytest.mark.parametrize(
    ("written", "seconds"), [(30, 30), (0, 0), (-5, 0), ("30", 0), (None, 0), (2.5, 0), (10**12, 3600)]
)
def test_how_long_a_holder_may_be_silent_is_its_own_word_within_reason(written: object, seconds: int) -> None:
    assert view_of({"metadata": {}, "spec": {"leaseDurationSeconds": written}}).ttl_seconds == seconds
