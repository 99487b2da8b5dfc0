"""Whether images are signed by who should sign them: `cosign verify`, with what flags or the cluster's policy say."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from slo.doctor.finding import Finding, State, found
from slo.errors import UsageError

CHECK = "the images are signed"
_REFERENCE = re.compile(r"[a-z0-9][A-Za-z0-9._:/@-]*")
_NOT_SIGNED = (10, 12)
"""cosign's exit codes for no signature, and for none that matches; of bundles it says the latter in words alone."""
_NO_MATCH = re.compile(r"no (matching )?(signatures|attestations)")
_SIGN = ".github/workflows/docker-ci.yml signs what it builds: docs/platform.md, From a commit to a pod"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who must have signed: a key, as a file or as its text, or the identity in a certificate with its issuer."""

    key_file: Path | None = None
    key_text: str = ""
    identity: str = ""
    issuer: str = ""
    is_logged: bool = True
    """Whether signatures are in the public transparency log."""

    def options(self, key_file: Path | None) -> list[str]:
        """As cosign takes them; key_file: where the key is."""
        who = [f"--certificate-identity={self.identity}", f"--certificate-oidc-issuer={self.issuer}"]
        how = [] if self.is_logged else ["--insecure-ignore-tlog=true"]
        return [*([f"--key={key_file}"] if key_file else who), *how]


def check_reference(image: str) -> str:
    """An image as the flag --image names it. Raises UsageError."""
    if not _REFERENCE.fullmatch(image):
        raise UsageError(f"--image: {image!r} is no image; write one such as ghcr.io/votre-org/cloudshop/slo:0.1.0")
    return image


def signer_of(policy: Mapping[str, Any]) -> Signer | None:
    """Whom a policy of Kyverno asks for first, of either kind; None where it does not say so in a form known here."""
    spec = policy.get("spec")
    older = _at(spec, "rules", 0, "verifyImages", 0, "attestors", 0, "entries", 0)
    newer = _at(spec, "attestors", 0, "cosign")
    identity = _at(older, "keyless") or _at(newer, "keyless", "identities", 0)
    key = _at(older, "keys", "publicKeys") or _at(newer, "key", "data")
    is_ignored = _at(older, "keys", "rekor", "ignoreTlog") or _at(newer, "ctlog", "insecureIgnoreTlog")
    if isinstance(key, str):
        return Signer(key_text=key, is_logged=is_ignored is not True)
    subject, issuer = _at(identity, "subject"), _at(identity, "issuer")
    if isinstance(subject, str) and isinstance(issuer, str):
        return Signer(identity=subject, issuer=issuer)
    return None


def _at(document: Any, *path: str | int) -> Any:
    """What is at a place of a document, None where there is none."""
    for step in path:
        if isinstance(step, str) and isinstance(document, dict):
            document = document.get(step)
        elif isinstance(step, int) and isinstance(document, list) and step < len(document):
            document = document[step]
        else:
            return None
    return document


def signature_finding(images: Sequence[str], signer: Signer | None, timeout_seconds: float) -> Finding:
    """All images together. Without cosign, or without a signer, it says what to do."""
    if signer is None:
        said = "nobody says who signs: no flag does, and no policy verify-image-signature that was looked at"
        return _unknown(said, "give --signer-key FILE, or --signer-identity and --signer-issuer")
    cosign = shutil.which("cosign")
    if cosign is None:
        command = shlex.join(["cosign", "verify", *signer.options(signer.key_file or _named(signer)), *images])
        return _unknown("cosign is not on PATH", f"where it is, run: {command}")
    with ExitStack() as stack:
        key = signer.key_file
        if signer.key_text:
            key = Path(stack.enter_context(TemporaryDirectory())) / "key.pub"
            key.write_text(signer.key_text, encoding="utf-8")
        findings = [_verified([cosign, "verify", *signer.options(key)], image, timeout_seconds) for image in images]
    told = "; ".join(one.found for one in findings)
    for state in (State.FAILS, State.UNKNOWN):
        cures = [one.cure for one in findings if one.state is state]
        if cures:
            return Finding(check=CHECK, state=state, found=told, cure=cures[0])
    return found(CHECK, True, told, "")


def _named(signer: Signer) -> Path | None:
    return Path("cosign.pub") if signer.key_text else None


def _verified(command: Sequence[str], image: str, timeout_seconds: float) -> Finding:
    try:
        done = subprocess.run(  # noqa: S603  # no shell, and an image's name cannot look like an option
            [*command, image], capture_output=True, text=True, check=False, timeout=timeout_seconds
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = "gave no answer in time" if isinstance(error, subprocess.TimeoutExpired) else str(error)
        return _unknown(f"{image}: cosign {reason}", "run it by hand, or with a longer --timeout")
    if done.returncode == 0:
        return found(CHECK, True, f"{image} is", "")
    said = [line.removeprefix("Error: ") for line in done.stderr.splitlines() if line.startswith("Error: ")]
    reason = f"{image}: {said[-1] if said else f'cosign exited with {done.returncode}'}"
    if done.returncode in _NOT_SIGNED or (said and _NO_MATCH.match(said[-1])):
        return found(CHECK, False, reason, _SIGN)
    return _unknown(reason, "can the registry be reached from here, and is the user logged in to it?")


def _unknown(what: str, cure: str) -> Finding:
    return Finding(check=CHECK, state=State.UNKNOWN, found=what, cure=cure)
