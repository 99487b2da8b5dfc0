"""A real PostgreSQL on the loopback interface, without a socket file, in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from tests.support.prometheus import free_port

READY_WITHIN_SECONDS = 30.0
CURE = "install it with scripts/postgresql.sh, or put initdb and postgres on PATH"
_USER = "slo"


class PostgresFailedError(Exception):
    """A binary is not there, or did not do what it was started for."""


class PostgresServer:
    """A running server, in which every test may have a database of its own."""

    def __init__(self, port: int) -> None:
        self._port = port

    def dsn(self, database: str) -> str:
        return f"postgresql://{_USER}@127.0.0.1:{self._port}/{database}"

    def execute(self, statement: str, *parameters: object, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement as the superuser, outside of a transaction; its rows, if it has any."""
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """The address of an empty database, dropped at the end whoever is still connected."""
        name = f"ledger_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.dsn(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A new server, gone with its data at the end. Raises PostgresFailedError."""
    # Not pytest's folder: nobody but its owner may enter that, and the server refuses to be root.
    directory = Path(tempfile.mkdtemp(prefix="slo-postgres-"))
    try:
        if identity := _unprivileged():
            os.chown(directory, identity["user"], identity["group"])
        data = directory / "data"
        _initialise(data, identity)
        with _started(data, directory / "postgres.log", identity) as server:
            yield server
    finally:
        shutil.rmtree(directory)


def binary(name: str) -> str:
    """The path of one of PostgreSQL's programs. Raises PostgresFailedError."""
    # Debian puts wrappers or nothing on PATH; the newest version's own folder is the sure place.
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: _number(path.parts[-3]))
    found = str(versions[-1]) if versions else shutil.which(name)
    if found is None:
        raise PostgresFailedError(f"{name} of PostgreSQL is not installed; {CURE}")
    return found


def _number(version: str) -> float:
    return float(version) if version.replace(".", "", 1).isdecimal() else 0.0


def _unprivileged() -> dict[str, Any]:
    """Whom to run the server as, for Popen; nothing where this process is not root."""
    if os.geteuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _initialise(data: Path, identity: dict[str, Any]) -> None:
    command = [binary("initdb"), "--no-sync", "--auth=trust", f"--username={_USER}", "--encoding=UTF8", "--locale=C"]
    done = subprocess.run([*command, str(data)], capture_output=True, cwd="/", check=False, **identity)
    if done.returncode:
        raise PostgresFailedError(f"initdb failed: {done.stderr.decode(errors='replace')[-2000:]}")


@contextmanager
def _started(data: Path, log: Path, identity: dict[str, Any]) -> Iterator[PostgresServer]:
    port = free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "max_connections": 40,
    }
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [binary("postgres"), "-D", str(data), *arguments]
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, cwd="/", **identity) as process,
    ):
        try:
            server = PostgresServer(port)
            _wait_until_ready(server, process, log)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # its "fast shutdown": does not wait for those connected
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)  # its children end with it, as they would not by SIGKILL


def _wait_until_ready(server: PostgresServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.execute("SELECT 1")
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise PostgresFailedError(f"postgres did not become ready:\n{log.read_text(errors='replace')[-2000:]}")
