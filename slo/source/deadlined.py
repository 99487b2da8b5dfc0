"""A socket that is read until a deadline: a socket's own timeout starts anew with every byte that drips in."""

from __future__ import annotations

import io
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK = 64 * 1024


class Deadlined:
    """As much of a socket as HTTPResponse uses. Raises TimeoutError once the monotonic clock has passed it."""

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._raw = _DeadlinedIO(connected, deadline)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._raw, _CHUNK)


class _DeadlinedIO(io.RawIOBase):
    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._socket = connected
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket.recv_into(buffer)
