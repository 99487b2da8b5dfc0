"""From the built image to the policy that admits it: pushed to a registry, signed, attested, verified; all for real.

In production there is no key (.github/workflows/docker-ci.yml); here one takes the place of the workflow's identity, as
no certificate authority can be asked.
"""

from __future__ import annotations

import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from slo.cli import run as slo
from tests.platform.conftest import IMAGE
from tests.platform.containers import Store
from tests.platform.kyverno import applied
from tests.platform.programs import ROOT, program, run

pytestmark = pytest.mark.platform

OFFLINE = ("--use-signing-config=false", "--tlog-upload=false", "--allow-insecure-registry", "--yes")
VERIFY = ("--insecure-ignore-tlog=true", "--allow-insecure-registry")


@dataclass(frozen=True)
class Signed:
    """References of images in the registry by their digests, and the folder with the key pair."""

    signed: str
    unlisted: str
    unsigned: str
    folder: Path

    @property
    def public_key(self) -> str:
        return (self.folder / "cosign.pub").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def images(store: Store, registry: str, tmp_path_factory: pytest.TempPathFactory) -> Signed:
    """The image of the Dockerfile, signed and with a list of its contents; one that is signed only; one that is not."""
    folder: Path = tmp_path_factory.mktemp("keys")
    run("cosign", "generate-key-pair", cwd=folder, env=PASSWORD)
    store.buildah("push", "--quiet", "--tls-verify=false", IMAGE, f"docker://{registry}/votre-org/cloudshop/slo:v1")
    for name in ("unlisted", "unsigned"):
        with tarfile.open(folder / f"{name}.tar", "w") as layer:
            layer.add(__file__, name)
        run("crane", "append", "-f", folder / f"{name}.tar", "-t", f"{registry}/votre-org/cloudshop/{name}:v1")
    signed, unlisted, unsigned = (
        f"{registry}/votre-org/cloudshop/{name}@"
        + run("crane", "digest", f"{registry}/votre-org/cloudshop/{name}:v1").stdout.strip()
        for name in ("slo", "unlisted", "unsigned")
    )
    key = ("--key", folder / "cosign.key")
    run("cosign", "sign", *key, *OFFLINE, signed, env=PASSWORD)
    run("cosign", "sign", *key, *OFFLINE, unlisted, env=PASSWORD)
    (folder / "sbom.json").write_text(json.dumps({"spdxVersion": "SPDX-2.3", "name": "slo", "packages": []}))
    attested = ("--type", "spdxjson", "--predicate", folder / "sbom.json")
    run("cosign", "attest", *key, *OFFLINE, *attested, signed, env=PASSWORD)
    return Signed(signed, unlisted, unsigned, folder)


PASSWORD = {"COSIGN_PASSWORD": "only for this test"}


def verified(verb: str, image: str, key: Path, *words: str) -> int:
    return run("cosign", verb, "--key", key, *VERIFY, *words, image, check=False).returncode


def test_cosign_verifies_the_signed_image_and_no_other(images: Signed) -> None:
    key = images.folder / "cosign.pub"
    assert verified("verify", images.signed, key) == 0
    assert verified("verify", images.unsigned, key) != 0
    assert verified("verify-attestation", images.signed, key, "--type", "spdxjson") == 0
    assert verified("verify", images.unlisted, key) == 0
    assert verified("verify-attestation", images.unlisted, key, "--type", "spdxjson") != 0


def test_another_key_verifies_nothing(images: Signed, tmp_path: Path) -> None:
    run("cosign", "generate-key-pair", cwd=tmp_path, env=PASSWORD)
    assert verified("verify", images.signed, tmp_path / "cosign.pub") != 0


def with_key(form: str, images: Signed, registry: str) -> dict[str, Any]:
    """The policy of deploy/kyverno with the registry and the key of the tests in the place of the real ones."""
    path = ROOT / "deploy" / "kyverno" / form / "verify-image-signature.yaml"
    policy: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    where = f"{registry}/votre-org/cloudshop/*"
    if form == "cel":
        policy["spec"]["matchImageReferences"] = [{"glob": where}]
        policy["spec"]["credentials"] = {"allowInsecureRegistry": True}
        key = {"key": {"data": images.public_key}, "ctlog": {"insecureIgnoreTlog": True, "insecureIgnoreSCT": True}}
        policy["spec"]["attestors"] = [{"name": "workflow", "cosign": key}]
        return policy
    (verify,) = policy["spec"]["rules"][0]["verifyImages"]
    keys = {"publicKeys": images.public_key, "rekor": {"ignoreTlog": True}, "ctlog": {"ignoreSCT": True}}
    verify["imageReferences"] = [where]
    verify["attestors"] = verify["attestations"][0]["attestors"] = [{"count": 1, "entries": [{"keys": keys}]}]
    return policy


@pytest.mark.parametrize("form", ["cluster-policies", "cel"])
def test_the_policy_admits_what_is_signed_and_listed_and_refuses_the_rest(
    form: str, images: Signed, registry: str, tmp_path: Path
) -> None:
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(with_key(form, images, registry)), encoding="utf-8")
    for image in (images.signed, images.unlisted, images.unsigned):
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "shop", "namespace": "cloudshop-prod"},
            "spec": {"containers": [{"name": "app", "image": image}]},
        }
        (tmp_path / "pod.yaml").write_text(yaml.safe_dump(pod), encoding="utf-8")
        counted = applied(tmp_path / "policy.yaml", tmp_path / "pod.yaml", "--registry")
        if image == images.signed:
            assert counted["pass"] > 0
            assert counted["fail"] == counted["error"] == 0, counted
        else:
            assert counted["fail"] > 0, counted


def told(images: Signed, capsys: pytest.CaptureFixture[str], *references: str, key: Path | None = None) -> str:
    """What `slo doctor` says of images, after its exit code."""
    named = [word for one in references for word in ("--image", one)]
    signer = ["--signer-key", str(key or images.folder / "cosign.pub"), "--no-transparency-log"]
    code = slo(["doctor", *named, *signer, "-o", "json"])
    (found,) = (one for one in json.loads(capsys.readouterr().out)["checks"] if one["state"] != "skipped")
    return f"{code} {found['state']}: {found['found']}"


def test_the_doctor_tells_signed_images_from_others(
    images: Signed, registry: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(Path(program("cosign")).parent), prepend=os.pathsep)
    run("cosign", "generate-key-pair", cwd=tmp_path, env=PASSWORD)
    assert told(images, capsys, images.signed, images.unlisted).startswith("0 holds: ")
    assert told(images, capsys, images.signed, images.unsigned).startswith("1 fails: ")
    assert told(images, capsys, images.signed, key=tmp_path / "cosign.pub").startswith("1 fails: ")
    assert told(images, capsys, f"{registry}/votre-org/cloudshop/nosuch:v1").startswith("3 unknown: ")
