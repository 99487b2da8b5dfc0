"""Certificates for tests, made with the openssl command."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.prometheus import binary

_CONFIG = """\
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[loopback]
subjectAltName = IP:127.0.0.1, DNS:slo.slo-system.svc
extendedKeyUsage = serverAuth, clientAuth
authorityKeyIdentifier = keyid
"""


@dataclass(frozen=True)
class Authority:
    """A certificate authority of its own folder, which exists."""

    folder: Path

    def __post_init__(self) -> None:
        self._run("ca", "-x509", "-extensions", "authority")

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, name: str) -> tuple[Path, Path]:
        """Certificate and key for 127.0.0.1, and for the service in a cluster, as server and as client."""
        ca = ("-CA", str(self.certificate), "-CAkey", str(self.folder / "ca.key"))
        self._run(name, "-x509", "-extensions", "loopback", *ca)
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _run(self, name: str, *options: str) -> None:
        config = self.folder / "openssl.cnf"
        config.write_text(_CONFIG, encoding="utf-8")
        out = ("-keyout", str(self.folder / f"{name}.key"), "-out", str(self.folder / f"{name}.pem"))
        subject = ("-subj", f"/CN={self.folder.name} {name}", "-days", "2", "-config", str(config))
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
        command = [binary("openssl"), "req", *key, *out, *subject, *options]
        subprocess.run(command, check=True, capture_output=True)
