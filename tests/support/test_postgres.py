"""The PostgreSQL that tests run against is real, and each test has it for itself."""

from __future__ import annotations

import pytest

from tests.support.postgres import PostgresFailedError, PostgresServer, binary


def test_every_database_is_empty_and_gone_at_the_end(postgres_server: PostgresServer) -> None:
    with postgres_server.fresh_database() as dsn:
        name = dsn.rpartition("/")[2]
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert postgres_server.execute(tables, database=name) == [(0,)]
    assert postgres_server.execute("SELECT 1 FROM pg_database WHERE datname = %s", name) == []


def test_it_listens_on_loopback_only(postgres_server: PostgresServer) -> None:
    shown = postgres_server.execute(
        "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories')"
    )
    assert shown == [("127.0.0.1", "")]


def test_a_missing_server_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(PostgresFailedError, match="no-such-program of PostgreSQL is not installed; install it with"):
        binary("no-such-program")
