"""Bytes over a socket, for what no decent client sends."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

DEADLINE_SECONDS = 30.0


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port), timeout=DEADLINE_SECONDS)


def rest(connection: socket.socket) -> bytes:
    """Everything until the other side closes; a reset is a close."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def exchange(url: str, request: bytes) -> bytes:
    """What comes back for these bytes until the connection closes."""
    with connect(url) as connection:
        connection.sendall(request)
        return rest(connection)


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])
