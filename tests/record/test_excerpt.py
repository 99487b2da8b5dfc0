"""What of a foreign body is kept: bounded, storable, without what looks like a secret."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.record.excerpt import MAX_CHARACTERS, excerpt, one_line

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"password": SECRET}),
        json.dumps({"metadata": {"github_TOKEN": [SECRET]}}),
        json.dumps({"env": [{"name": "DB_PASSWORD", "value": SECRET}]}),
        json.dumps({"headers": {"Authorization": f"Bearer {SECRET}"}}),
        json.dumps({"log": f"sent Authorization: Bearer {SECRET}"}),
        json.dumps({"annotations": {"last-applied": json.dumps({"secretKey": SECRET})}}),
        json.dumps({"dsn": f"postgresql://slo:{SECRET}@db/slo"}),
        json.dumps(["x", {"api-key": {"deep": SECRET}}]),
        f"token={SECRET}&ref=main",
        f"curl -H 'Authorization: Bearer {SECRET}'",
        f'{{"password": "{SECRET}", cut short',
        f"password: '{SECRET}'",
        f"https://user:{SECRET}@host/",
    ],
)
def test_secrets_are_masked(body: str) -> None:
    kept = excerpt(body)
    assert SECRET not in kept
    assert "***" in kept


def test_the_rest_of_a_body_is_kept() -> None:
    body = {"name": "shop", "namespace": "prod", "phase": "Progressing", "metadata": {"try": 1}}
    assert json.loads(excerpt(json.dumps(body))) == body
    assert excerpt("plain words") == "plain words"
    assert excerpt(b"") == ""


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300) | st.text(min_size=1900, max_size=2200))
def test_an_excerpt_can_be_stored_whatever_the_body_is(body: bytes | str) -> None:
    kept = excerpt(body)
    assert len(kept) <= MAX_CHARACTERS
    assert "\x00" not in kept
    kept.encode()


def test_a_body_that_is_nested_without_end_costs_no_more_than_another() -> None:
    deep = b"[" * 5000 + b"]" * 5000
    assert len(excerpt(deep)) <= MAX_CHARACTERS
    assert excerpt(b"[" * 200 + b"1" + b"]" * 200).startswith("[[")


@pytest.mark.parametrize(
    "piece",
    ["a", "token", "password=", 'token=\\"x ', "bearer ", "://a:", "secret ", "token:'", '{"token": "'],
    ids=repr,
)
def test_hostile_bodies_cost_no_more_than_others(piece: str) -> None:
    """Patterns that try again at every place would take hours for these."""
    body = piece * (900_000 // len(piece))
    for hostile in (body, json.dumps([body] * 2), json.dumps({"a": [piece * 300] * 2000}), json.dumps({body: 1})):
        assert len(excerpt(hostile)) <= MAX_CHARACTERS
    assert len(one_line(body, 300)) <= 300


def test_a_huge_body_is_cut() -> None:
    assert len(excerpt(b'{"a": "' + b"x" * 3_000_000 + b'"}')) == MAX_CHARACTERS


@settings(deadline=None)
@given(st.text(), st.integers(1, 40))
def test_foreign_names_become_one_printable_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line.isprintable()
    line.encode()
