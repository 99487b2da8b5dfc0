"""A container's user has no name in its system."""

from __future__ import annotations

import getpass
import os

import pytest

from slo.user_name import user_name


def test_a_user_without_a_name_is_told_by_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    assert user_name() == getpass.getuser()
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    assert user_name() == "uid 4000000000"
