"""Tokens: where they are kept, what they allow, how they change."""

from __future__ import annotations

import base64
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from slo.errors import UsageError
from slo.http.auth import Authentication
from slo.http.problem import ProblemError
from slo.http.roles import ROLES, Caller, Permission
from slo.http.tokens import TOKEN_ROLES, add_token, new_token, read_tokens

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def scope(*authorizations: str, peer: str = "") -> dict[str, Any]:
    headers = [(b"authorization", value.encode()) for value in authorizations]
    return {"headers": headers, "client": ("10.0.0.1", 1), **({"slo.peer": peer} if peer else {})}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def authentication(file: Path, anonymous: str = "none") -> Authentication:
    return Authentication(file, anonymous=anonymous, now=lambda: NOW)


def add(file: Path, name: str, role: str, until: datetime | None = None) -> str:
    secret, token = new_token(name, role, until)
    add_token(file, token)
    return secret


@pytest.mark.parametrize("role", TOKEN_ROLES)
def test_a_new_token_lets_in_with_its_role(file: Path, role: str) -> None:
    secret = add(file, "ci", role)
    assert authentication(file).caller(scope(f"Bearer {secret}")) == Caller("ci", role, "10.0.0.1")
    basic = base64.b64encode(f"anyone:{secret}".encode()).decode()
    assert authentication(file).caller(scope(f"Basic {basic}")).name == "ci"


def test_the_file_holds_no_token_and_is_its_owners(file: Path) -> None:
    secrets = [add(file, f"ci-{number}", "decide") for number in range(3)]
    text = file.read_text(encoding="utf-8")
    assert not any(secret in text or secret.removeprefix("slo_") in text for secret in secrets)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert all(re.fullmatch(r"slo_[\w-]{43}", secret) for secret in secrets)
    assert len(set(secrets)) == 3


@pytest.mark.parametrize(
    "authorization",
    ["Bearer nonsense", "Bearer ", "Bearer", "Basic !!!", "Basic bm9uc2Vuc2U=", "Negotiate x", "Bearer \xff", ""],
)
def test_a_wrong_token_is_401_even_where_anyone_may_ask(file: Path, authorization: str) -> None:
    add(file, "ci", "decide")
    with pytest.raises(ProblemError) as refused:
        authentication(file, anonymous="read").caller(scope(authorization))
    assert refused.value.status == 401
    assert "Bearer" in refused.value.headers["WWW-Authenticate"]


def test_two_tokens_in_one_request_are_refused(file: Path) -> None:
    secret = add(file, "ci", "decide")
    with pytest.raises(ProblemError) as refused:
        authentication(file).caller(scope(f"Bearer {secret}", "Bearer other"))
    assert refused.value.status == 400


def test_a_certificate_decides_and_a_token_goes_before_it(file: Path) -> None:
    secret = add(file, "oncall", "override")
    checked = authentication(file)
    assert checked.caller(scope(peer="apiserver")) == Caller("certificate:apiserver", "decide", "10.0.0.1")
    assert checked.caller(scope(f"Bearer {secret}", peer="apiserver")).role == "override"


def test_a_token_ends_when_it_says(file: Path) -> None:
    past = add(file, "old", "read", NOW)
    future = add(file, "new", "read", NOW + timedelta(seconds=1))
    checked = authentication(file)
    assert checked.caller(scope(f"Bearer {future}")).name == "new"
    with pytest.raises(ProblemError):
        checked.caller(scope(f"Bearer {past}"))


def test_tokens_change_without_a_restart_and_a_broken_file_keeps_them(file: Path) -> None:
    first = add(file, "ci", "decide")
    checked = authentication(file)
    second = add(file, "ci", "decide")
    checked.reload()
    assert checked.caller(scope(f"Bearer {first}")).name == checked.caller(scope(f"Bearer {second}")).name == "ci"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text(lines[1] + "\nwhat is this\n", encoding="utf-8")
    checked.reload()
    assert ":2: write NAME ROLE sha256:DIGEST" in checked.problem
    assert checked.caller(scope(f"Bearer {first}"))
    file.write_text(lines[1] + "\n", encoding="utf-8")
    checked.reload()
    assert checked.problem == ""
    assert checked.caller(scope(f"Bearer {second}"))
    with pytest.raises(ProblemError):
        checked.caller(scope(f"Bearer {first}"))


@pytest.mark.parametrize(
    ("line", "cure"),
    [
        ("ci decide", ":1: write NAME ROLE sha256:DIGEST"),
        ("ci root sha256:" + "0" * 64, ":1: 'root' is no role; there are read, decide, guard, override, admin"),
        ("ci none sha256:" + "0" * 64, ":1: 'none' is no role"),
        ("c/i read sha256:" + "0" * 64, ":1: 'c/i' is no name of a token"),
        ("ci read sha256:" + "0" * 64 + " tomorrow", ":1: 'tomorrow' is not a time"),
        ("ci read sha256:" + "0" * 63, ":1: write NAME ROLE sha256:DIGEST"),
        ("ci read md5:" + "0" * 32, ":1: write NAME ROLE sha256:DIGEST"),
    ],
)
def test_a_wrong_line_is_told_with_its_cure(file: Path, line: str, cure: str) -> None:
    file.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match=re.escape(f"{file}{cure}")):
        read_tokens(file)


def test_a_file_that_others_may_write_is_refused(file: Path) -> None:
    add(file, "ci", "read")
    file.chmod(0o666)
    with pytest.raises(UsageError, match="others may write it"):
        read_tokens(file)


def test_comments_and_empty_lines_are_skipped(file: Path) -> None:
    secret, token = new_token("ci", "read")
    file.write_text(f"# who may ask\n\n{token.line()}  # the pipeline\n", encoding="utf-8")
    assert authentication(file).caller(scope(f"Bearer {secret}")).name == "ci"


def test_what_each_role_may() -> None:
    allowed = {role: {one.value for one in permissions} - {"nothing"} for role, permissions in ROLES.items()}
    assert allowed == {
        "none": set(),
        "read": {"ask", "read"},
        "decide": {"ask", "decide"},
        "guard": {"ask", "read", "decide", "guard"},
        "override": {"ask", "read", "decide", "override"},
        "admin": {"ask", "read", "decide", "override", "guard", "admin"},
    }


def test_a_role_that_is_too_small_is_401_as_403_means_denied() -> None:
    for caller in (Caller("", "none"), Caller("ci", "decide")):
        with pytest.raises(ProblemError) as refused:
            caller.require(Permission.OVERRIDE)
        assert refused.value.status == 401
