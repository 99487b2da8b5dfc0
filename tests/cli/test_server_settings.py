"""The tables of servers in the settings: what they mean, and each mistake told in one line with file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from slo.errors import UsageError
from slo.settings import Settings, load_settings

WHOLE = """
[prometheus.default]
url = "http://prometheus:9090/"

[prometheus.eu]
urls = ["https://prom-a:9090", "https://prom-b:9090"]
headers = {"X-Scope-OrgID" = "shop"}
bearer_token_file = "secrets/token"
tls = {ca_file = "ca.pem", cert_file = "/abs/slo.pem", key_file = "/abs/slo.key"}
lag_seconds = 20

[prometheus.us]
url = "https://us.example/prometheus"
basic_auth = {username = "slo", password_file = "secrets/password"}
"""


def loaded(folder: Path, text: str, **environ: str) -> Settings:
    file = folder / "slo.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(environ, file)


def test_a_server_has_what_its_table_says_with_paths_beside_the_file(tmp_path: Path) -> None:
    servers = loaded(tmp_path, WHOLE).servers
    assert set(servers) == {"", "eu", "us"}
    assert (servers[""].name, servers[""].urls) == ("", ("http://prometheus:9090",))
    eu, us = servers["eu"], servers["us"]
    assert eu.urls == ("https://prom-a:9090", "https://prom-b:9090")
    assert dict(eu.headers) == {"X-Scope-OrgID": "shop"}
    assert eu.bearer_token_file == tmp_path / "secrets/token"
    assert (eu.ca_file, eu.cert_file, eu.key_file) == (tmp_path / "ca.pem", Path("/abs/slo.pem"), Path("/abs/slo.key"))
    assert eu.lag_seconds == 20.0
    assert (us.username, us.password_file) == ("slo", tmp_path / "secrets/password")


def test_an_address_alone_is_the_server_without_a_name(tmp_path: Path) -> None:
    settings = loaded(tmp_path, 'prometheus_url = "http://a"\n[prometheus.eu]\nurl = "http://b"\n')
    assert (settings.prometheus_url, settings.servers["eu"].urls) == ("http://a", ("http://b",))


def test_the_variable_stands_for_the_whole_unnamed_server_without_its_credentials(tmp_path: Path) -> None:
    text = '[prometheus.default]\nurl = "http://a"\nbearer_token_file = "token"\n'
    server = loaded(tmp_path, text, SLO_PROMETHEUS_URL="http://elsewhere").servers[""]
    assert server.urls == ("http://elsewhere",)
    assert not server.sends_credentials


URL = 'url = "https://h"\n'


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", ": write either url, or urls with the replicas of one pair"),
        (URL + 'urls = ["http://h"]', ": write either url, or urls"),
        ("url = 1", ".url: write an address as text"),
        ('url = "h:9090"', ".url: 'h:9090' is no address"),
        ('url = "ftp://me:hush@h"', ".url: 'ftp://me:***@h' is no address"),
        ('urls = "http://h"', ".urls: write a list such as"),
        ("urls = []", ".urls: write a list such as"),
        ('urls = ["http://h", "http://h/"]', ".urls: an address stands here twice"),
        (URL + 'ulr = "x"', ": unknown setting 'ulr'; there are: url, urls, headers,"),
        (URL + 'headers = "X-Scope-OrgID"', ".headers: write a table, such as"),
        (URL + 'headers = {"X Y" = "a"}', ".headers: 'X Y' is no name of a header"),
        (URL + 'headers = {"X-Key" = "hush\\r\\nX: y"}', ".headers.X-Key: write its value as one line"),
        (URL + 'headers = {"X-Key" = " hush"}', ".headers.X-Key: its value begins or ends with a space"),
        (URL + 'headers = {authorization = "hush"}', ".authorization: is not set here; use bearer_token_file"),
        (URL + 'headers = {Host = "h"}', ".headers.Host: is set by the tool"),
        (URL + "bearer_token_file = 1", ".bearer_token_file: write the path of a file as text"),
        (
            URL + 'bearer_token_file = "t"\nbasic_auth = {username = "u", password_file = "p"}',
            ": bearer_token_file and basic_auth exclude each other: keep one",
        ),
        ('url = "http://me:hush@h"\nbearer_token_file = "t"', ": the address holds credentials as well"),
        (URL + 'basic_auth = {username = "u"}', ".basic_auth: write both username and password_file"),
        (URL + 'basic_auth = {username = "u", password = "hush"}', ".basic_auth: unknown setting 'password'; there"),
        (URL + 'basic_auth = {username = "a:b", password_file = "p"}', ".basic_auth.username: write a name as text"),
        (URL + "basic_auth = true", ".basic_auth: write a table with username, password_file"),
        (URL + "tls = {}", ".tls: write a table with ca_file"),
        (URL + 'tls = {insecure = "yes"}', ".tls: unknown setting 'insecure'; there are: ca_file"),
        (URL + 'tls = {cert_file = "c"}', ".tls: write both cert_file and key_file, or neither"),
        ('url = "http://h"\ntls = {ca_file = "c"}', ".tls: is of no use with an address that is not https://"),
        (URL + "lag_seconds = -1", ".lag_seconds: write a number of seconds from 0 to 3600"),
        (URL + "lag_seconds = true", ".lag_seconds: write a number of seconds"),
        (URL + "lag_seconds = nan", ".lag_seconds: write a number of seconds"),
    ],
)
def test_a_mistake_is_told_with_file_and_key_and_without_secrets(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        loaded(tmp_path, f"[prometheus.eu]\n{table}\n")
    assert str(caught.value).startswith(f"{tmp_path / 'slo.toml'}: prometheus.eu")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('prometheus = "http://h"', ": prometheus: write a table for each server, such as [prometheus.eu]"),
        ('[prometheus]\nurl = "http://h"', ": prometheus.url: write a table, such as [prometheus.eu] and its url"),
        ('[prometheus."E U"]\nurl = "http://h"', ": prometheus.E U: a name has at most 63"),
        (
            'prometheus_url = "http://h"\n[prometheus.default]\nurl = "http://h"',
            ": prometheus_url and [prometheus.default] exclude each other: keep one",
        ),
    ],
)
def test_tables_of_the_wrong_form_are_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        loaded(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'slo.toml'}{message}")
