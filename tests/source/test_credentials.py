"""How one is let in: TLS with certificates, tokens, passwords and tenants, checked in front of a real Prometheus."""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slo.errors import SourceError, SourceResponseError, SourceUnreachableError, UsageError
from slo.samples import SeriesSamples
from slo.selector import Selector
from slo.source.prometheus import PrometheusReader
from slo.source.prometheus_api import PrometheusApi
from slo.source.server import Server
from slo.window import Interval
from tests.conftest import FLEET_START
from tests.support.certificates import Authority
from tests.support.proxy import Guard, proxy

REQUESTS = Selector("http_requests_total")
HOUR = Interval(FLEET_START, FLEET_START + 60)


def api(server: Server) -> PrometheusApi:
    return PrometheusApi.replicas_of(server, timeout_seconds=30)[0]


def read(server: Server) -> list[SeriesSamples]:
    return PrometheusReader(api(server)).read(REQUESTS, HOUR)


def wants(header: str, value: str) -> Guard:
    return lambda headers: None if headers.get(header) == value else 401


def secret(folder: Path, text: str) -> Path:
    file = folder / "secret"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module", params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def tls_url(request: pytest.FixtureRequest, fleet_url: str, authority: Authority) -> Iterator[str]:
    """A Prometheus that is reached by TLS alone, and only with a certificate of the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = request.param
    context.load_cert_chain(*authority.issue("server"))
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    with proxy(fleet_url, tls=context) as running:
        yield running.url


def test_a_certificate_of_the_right_authority_is_let_in(tls_url: str, authority: Authority) -> None:
    certificate, key = authority.issue("client")
    server = Server(urls=(tls_url,), ca_file=authority.certificate, cert_file=certificate, key_file=key)
    assert read(server)


def test_the_named_authority_is_the_one_that_counts(
    tls_url: str, authority: Authority, stranger: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE overrules a session's setting, not this one."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(stranger.certificate))
    certificate, key = authority.issue("client")
    assert read(Server(urls=(tls_url,), ca_file=authority.certificate, cert_file=certificate, key_file=key))


ASKS = "it asks for a certificate; set tls.cert_file and tls.key_file"
GONE = "it closed the connection"
"""With TLS 1.3 the client may be at its question when the server hangs up, and lose what that said."""


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ca_file": None}, "its certificate is not trusted"),
        ({"ca_file": "stranger"}, "its certificate is not trusted"),
        ({"cert_file": None, "key_file": None}, f"it refuses the TLS handshake; .*|{ASKS}|{GONE}"),
        (
            {"cert_file": "stranger", "key_file": "stranger"},
            f"it does not trust the certificate of tls.cert_file|{GONE}",
        ),
        ({"key_file": "stranger"}, "tls.key_file does not belong to tls.cert_file"),
        ({"ca_file": "text"}, "tls.ca_file holds no certificate"),
        ({"cert_file": "text"}, "a file of its tls settings holds no certificate or key"),
        ({"ca_file": "nowhere"}, "a file of its tls settings is not there"),
    ],
)
def test_a_wrong_certificate_is_told_in_one_line(
    tls_url: str, authority: Authority, stranger: Authority, tmp_path: Path, wrong: dict[str, str | None], message: str
) -> None:
    certificate, key = authority.issue("client")
    theirs = dict(zip(("cert_file", "key_file"), stranger.issue("client"), strict=True))
    files: dict[str, Any] = {"ca_file": authority.certificate, "cert_file": certificate, "key_file": key}
    for name, kind in wrong.items():
        others = {"stranger": theirs.get(name, stranger.certificate), "text": secret(tmp_path, "no certificate")}
        files[name] = others.get(kind, tmp_path / kind) if kind else None
    with pytest.raises(SourceUnreachableError, match=message) as caught:
        read(Server(urls=(tls_url,), **files))
    assert "\n" not in str(caught.value)


def test_a_token_is_read_at_each_use_so_that_a_rotated_one_works(fleet_url: str, tmp_path: Path) -> None:
    file = secret(tmp_path, "first\n")
    with proxy(fleet_url, wants("Authorization", "Bearer first")) as running:
        server = Server(urls=(running.url,), bearer_token_file=file)
        reader = PrometheusReader(api(server))
        assert reader.read(REQUESTS, HOUR)
        running.guard = wants("Authorization", "Bearer second")
        with pytest.raises(SourceResponseError, match=r"does not accept the credentials \(HTTP 401\); look at bearer"):
            reader.read(REQUESTS, HOUR)
        file.write_text("second", encoding="utf-8")
        assert reader.read(REQUESTS, HOUR)


def test_name_and_password_are_sent_whatever_letters_they_have(fleet_url: str, tmp_path: Path) -> None:
    expected = b64encode("slo:pass:wörd☃".encode()).decode()
    with proxy(fleet_url, wants("Authorization", f"Basic {expected}")) as running:
        file = secret(tmp_path, "pass:wörd☃\n")
        assert read(Server(urls=(running.url,), username="slo", password_file=file))
        with pytest.raises(SourceResponseError, match=r"does not accept the credentials .* look at basic_auth"):
            read(Server(urls=(running.url,), username="other", password_file=file))


def test_a_tenants_header_goes_with_every_question(fleet_url: str) -> None:
    with proxy(fleet_url, wants("X-Scope-OrgID", "shop")) as running:
        assert read(Server(urls=(running.url,), headers={"X-Scope-OrgID": "shop"}))
        with pytest.raises(SourceResponseError, match=r"asks for credentials .* or a tenant in headers"):
            read(Server(urls=(running.url,), headers={"X-Scope-OrgID": "other"}))


@pytest.mark.parametrize("status", [401, 403])
def test_who_has_no_credentials_is_told_where_they_are_set(fleet_url: str, status: int) -> None:
    with proxy(fleet_url, lambda _: status) as running:
        with pytest.raises(SourceResponseError) as caught:
            read(Server(name="eu", urls=(running.url,), place="slo.toml: prometheus.eu"))
        assert f"asks for credentials (HTTP {status}); set bearer_token_file or basic_auth" in str(caught.value)
        assert "in slo.toml: prometheus.eu" in str(caught.value)


def test_a_redirect_takes_no_credentials_elsewhere(fleet_url: str, tmp_path: Path) -> None:
    with proxy(fleet_url) as elsewhere, proxy(elsewhere.url, lambda _: 307) as running:
        server = Server(
            urls=(running.url,), bearer_token_file=secret(tmp_path, "token"), headers={"X-Scope-OrgID": "shop"}
        )
        with pytest.raises(SourceResponseError, match="sends the query elsewhere"):
            read(server)
        assert [one["Authorization"] for one in running.requests] == ["Bearer token"]
        assert elsewhere.requests == []


def test_a_netrc_file_does_not_overrule_the_settings(
    fleet_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with proxy(fleet_url, wants("Authorization", "Bearer token")) as running:
        assert read(Server(urls=(running.url,), bearer_token_file=secret(tmp_path, "token")))


@pytest.mark.parametrize("content", ["", "\n", "two\nlines", "a\0b", "tök\x1b"])
def test_a_file_that_holds_no_secret_is_told_without_what_it_holds(tmp_path: Path, content: str) -> None:
    server = Server(urls=("http://127.0.0.1:1",), bearer_token_file=secret(tmp_path, content), place="prometheus.eu")
    with pytest.raises(
        UsageError, match=r"^prometheus\.eu\.bearer_token_file: .* must hold one line of text"
    ) as caught:
        server.check_files()
    assert not content.strip() or content.strip() not in str(caught.value)


def test_a_secret_that_vanishes_while_the_service_runs_fails_the_source_alone(tmp_path: Path) -> None:
    server = Server(urls=("http://127.0.0.1:1",), bearer_token_file=tmp_path / "gone", place="slo.toml: prometheus.eu")
    with pytest.raises(UsageError, match=r"prometheus\.eu\.bearer_token_file: .*gone cannot be read: No such file"):
        server.check_files()
    with pytest.raises(SourceUnreachableError, match=r"prometheus\.eu\.bearer_token_file: .*gone cannot be read"):
        read(server)


def test_no_secret_is_shown(fleet_url: str, tmp_path: Path) -> None:
    with proxy(fleet_url, lambda _: 401) as running:
        address = running.url.replace("://", "://me:hush@")
        for server in (
            Server(urls=(address,), headers={"X-Key": "hush"}),
            Server(urls=(running.url,), bearer_token_file=secret(tmp_path, "hush"), headers={"X-Key": "hush"}),
        ):
            with pytest.raises(SourceError) as caught:
                read(server)
            assert "hush" not in f"{server!r} {server} {caught.value} {caught.value!r} {api(server)}"
