"""Who must have signed, by flags and by the policies of deploy/kyverno; real signatures are in tests/platform."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from slo.cli import run
from slo.doctor.signature_checks import Signer, signer_of

ROOT = Path(__file__).parents[2]
IMAGE = "ghcr.io/votre-org/cloudshop/slo:0.1.0"
WORKFLOW = Signer(
    identity="https://github.com/votre-org/cloudshop/.github/workflows/docker-ci.yml@refs/heads/main",
    issuer="https://token.actions.githubusercontent.com",
)


def policy(form: str) -> dict[str, Any]:
    path = ROOT / "deploy" / "kyverno" / form / "verify-image-signature.yaml"
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


@pytest.mark.parametrize("form", ["cluster-policies", "cel"])
def test_both_policies_ask_for_the_workflow(form: str) -> None:
    assert signer_of(policy(form)) == WORKFLOW


@pytest.mark.parametrize("is_ignored", [True, False])
def test_a_key_instead_of_an_identity(is_ignored: bool) -> None:
    older, newer = policy("cluster-policies"), policy("cel")
    keys = {"publicKeys": "PEM", "rekor": {"ignoreTlog": is_ignored}}
    older["spec"]["rules"][0]["verifyImages"][0]["attestors"] = [{"entries": [{"keys": keys}]}]
    cosign = {"key": {"data": "PEM"}, "ctlog": {"insecureIgnoreTlog": is_ignored}}
    newer["spec"]["attestors"] = [{"name": "key", "cosign": cosign}]
    assert signer_of(older) == signer_of(newer) == Signer(key_text="PEM", is_logged=not is_ignored)


@pytest.mark.parametrize(
    "spec", [None, {}, {"rules": []}, {"attestors": ["x"]}, {"attestors": [{"cosign": {"key": {}}}]}]
)
def test_a_policy_of_another_form_names_nobody(spec: object) -> None:
    assert signer_of({"spec": spec}) is None


def test_without_cosign_it_says_what_to_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    who = ["--signer-identity", WORKFLOW.identity, "--signer-issuer", WORKFLOW.issuer]
    assert run(["doctor", "--image", IMAGE, *who]) == 3
    text = " ".join(capsys.readouterr().out.split())
    assert "unknown the images are signed cosign is not on PATH do: where it is, run: cosign verify" in text
    assert f"--certificate-identity={WORKFLOW.identity}" in text
    assert IMAGE in text


def test_without_a_signer_it_asks_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--image", IMAGE]) == 3
    assert "give --signer-key FILE, or --signer-identity and --signer-issuer" in capsys.readouterr().out
