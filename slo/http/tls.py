"""TLS of the service: certificates that are renewed are picked up without dropping the listener.

uvicorn reads certificates once. Here each handshake is given the context of the files as they are now: OpenSSL lets the
callback that sees the client's first message swap it.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slo.errors import UsageError
from slo.http.watched import Watched

_LOG = logging.getLogger("slo.http")


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSFiles:
    """PEM files. client_ca: whose client certificates are believed, None for nobody's."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def all(self) -> tuple[Path, ...]:
        return (self.certificate, self.key, *([self.client_ca] if self.client_ca else []))


class ReloadingTLS:
    """`context` is for the listener. Raises UsageError at the start; later a wrong file keeps what was."""

    def __init__(self, files: TLSFiles) -> None:
        self._files = files
        self._watched = Watched(files.all())
        self._current = _context(files)
        self.problem = ""
        self.context = _context(files)
        self.context.sni_callback = self._choose

    def reload(self) -> None:
        """Read the files again if one has changed. Half-renewed pairs are tried again when the other file follows."""
        if not self._watched.changed():
            return
        try:
            self._current, self.problem = _context(self._files), ""
            _LOG.info("certificates read again")
        except UsageError as error:
            self.problem = str(error)
            _LOG.error("certificates not changed: %s", error)

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._current


def peer_name(certificate: Mapping[str, Any] | None) -> str:
    """The common name of a verified client certificate, else its first alternative name; "" without a certificate."""
    if not certificate:
        return ""
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    names += [value for _, value in certificate.get("subjectAltName", ())]
    return str(names[0])[:200] if names else "unnamed"


def _context(files: TLSFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A key with a passphrase would ask for it on the terminal of a service.
        context.load_cert_chain(files.certificate, files.key, password=_no_passphrase)
        if files.client_ca:
            # A session that is resumed is not verified again; without tickets TLS 1.3 resumes none.
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.num_tickets = 0
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(files.client_ca)
    except (OSError, ValueError) as error:
        names = ", ".join(str(file) for file in files.all())
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        raise UsageError(f"TLS: {names}: {reason}") from None
    return context


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase: give one without")
