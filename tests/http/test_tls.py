"""TLS: renewed certificates, client certificates, against a real server and Python's own client."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from slo.errors import UsageError
from slo.http.auth import Authentication
from slo.http.counters import Requests
from slo.http.stack import guarded
from slo.http.tls import ReloadingTLS, TLSFiles
from tests.http.serving import serving
from tests.support.certificates import Authority


async def who(scope: Scope, receive: Receive, send: Send) -> None:
    caller = scope["slo.caller"]
    await PlainTextResponse(f"{caller.role} {caller.name}")(scope, receive, send)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Authority]:
    folder = tmp_path_factory.mktemp("authorities")
    made = {}
    for name in ("servers", "clients", "strangers"):
        (folder / name).mkdir()
        made[name] = Authority(folder / name)
    return made


@pytest.fixture
def files(tmp_path: Path, authorities: dict[str, Authority]) -> TLSFiles:
    """Copies, to be renewed by a test."""
    certificate, key = authorities["servers"].issue("first")
    return TLSFiles(
        certificate=Path(shutil.copy(certificate, tmp_path / "tls.crt")),
        key=Path(shutil.copy(key, tmp_path / "tls.key")),
        client_ca=Path(shutil.copy(authorities["clients"].certificate, tmp_path / "ca.crt")),
    )


@pytest.fixture
def tls(files: TLSFiles) -> ReloadingTLS:
    return ReloadingTLS(files)


@pytest.fixture
def url(tls: ReloadingTLS) -> Iterator[str]:
    authentication = Authentication(None, anonymous="none", now=lambda: datetime.now(UTC))
    app = guarded(who, authentication, requests=Requests(), allowed_hosts=())
    with serving(app, tls=tls) as address:
        yield address


def trusting(authority: Authority, client: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if client:
        context.load_cert_chain(*client)
    return context


def served_name(url: str, context: ssl.SSLContext) -> str:
    with httpx.Client(verify=context, timeout=30) as client, client.stream("GET", url) as answer:
        stream = answer.extensions["network_stream"].get_extra_info("ssl_object")
        return str(dict(part[0] for part in stream.getpeercert()["subject"])["commonName"])


def test_a_renewed_certificate_is_served_without_dropping_anybody(
    url: str, tls: ReloadingTLS, files: TLSFiles, authorities: dict[str, Authority]
) -> None:
    context = trusting(authorities["servers"])
    with httpx.Client(verify=context, timeout=30) as kept:
        assert kept.get(url).text == "none "
        assert served_name(url, context) == "servers first"
        certificate, key = authorities["servers"].issue("second")
        shutil.copy(certificate, files.certificate)
        tls.reload()  # the key is still the old one
        assert tls.problem
        assert served_name(url, context) == "servers first"
        shutil.copy(key, files.key)
        tls.reload()
        assert tls.problem == ""
        assert served_name(url, context) == "servers second"
        assert kept.get(url).text == "none "


def test_a_client_certificate_of_the_right_authority_decides(url: str, authorities: dict[str, Authority]) -> None:
    context = trusting(authorities["servers"], authorities["clients"].issue("apiserver"))
    assert httpx.get(url, verify=context, timeout=30).text == "decide certificate:clients apiserver"


def test_a_client_certificate_of_a_stranger_is_refused(url: str, authorities: dict[str, Authority]) -> None:
    context = trusting(authorities["servers"], authorities["strangers"].issue("someone"))
    with pytest.raises(httpx.TransportError):
        httpx.get(url, verify=context, timeout=30)


def test_an_authority_that_is_taken_away_is_no_longer_believed(
    url: str, tls: ReloadingTLS, files: TLSFiles, authorities: dict[str, Authority]
) -> None:
    old = trusting(authorities["servers"], authorities["clients"].issue("old"))
    new = trusting(authorities["servers"], authorities["strangers"].issue("new"))
    assert httpx.get(url, verify=old, timeout=30).text.startswith("decide")
    assert files.client_ca
    shutil.copy(authorities["strangers"].certificate, files.client_ca)
    tls.reload()
    assert httpx.get(url, verify=new, timeout=30).text == "decide certificate:strangers new"
    with pytest.raises(httpx.TransportError):
        httpx.get(url, verify=old, timeout=30)


def test_files_that_are_none_are_told(tmp_path: Path, files: TLSFiles) -> None:
    missing = tmp_path / "missing.pem"
    with pytest.raises(UsageError, match=r"missing\.pem.*No such file"):
        ReloadingTLS(TLSFiles(certificate=missing, key=files.key))
    with pytest.raises(UsageError, match="TLS: "):
        ReloadingTLS(TLSFiles(certificate=files.key, key=files.key))


def test_old_tls_is_refused(url: str, authorities: dict[str, Authority]) -> None:
    context = trusting(authorities["servers"])
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(httpx.TransportError):
        httpx.get(url, verify=context, timeout=30)
