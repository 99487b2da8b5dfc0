"""What to scrape, as people write it."""

from __future__ import annotations

import pytest

from slo.errors import UsageError
from slo.source.scrape_target import ScrapeTarget


@pytest.mark.parametrize(
    ("text", "job", "instance", "path"),
    [
        ("http://127.0.0.1:8000/metrics", "shop", "127.0.0.1:8000", "/metrics"),
        ("http://127.0.0.1:8000", "shop", "127.0.0.1:8000", "/metrics"),
        ("front=http://10.0.0.1:9/m", "front", "10.0.0.1:9", "/m"),
        ("http://host:1/probe?module=http_2xx&target=shop", "shop", "host:1", "/probe?module=http_2xx&target=shop"),
        ("a/b=https://Shop.example", "a/b", "shop.example:443", "/metrics"),
        (" http://shop.example ", "shop", "shop.example:80", "/metrics"),
        ("http://[::1]:8000/", "shop", "[::1]:8000", "/"),
    ],
)
def test_a_url_names_a_target_and_may_name_its_job(text: str, job: str, instance: str, path: str) -> None:
    target = ScrapeTarget.parse(text)
    assert (target.job, target.instance, target.path) == (job, instance, path)
    assert target.place == (job, instance)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no spaces"),
        ("127.0.0.1:8000", "does not begin with http"),
        ("file:///etc/passwd", "does not begin with http"),
        ("http://", "no host"),
        ("http://host:0", "no host and port"),
        ("http://host:99999", "out of range"),
        ("http://host:port", "cast"),
        ("http://[::1", "IPv6"),
        ("http://host/a b", "no spaces"),
        ("http://host/\r\nX: y", "no spaces"),
        ("http://höst", "ASCII"),
        ("http://host/" + "a" * 3000, "2000"),
        ("http://host/#top", "never sent"),
        ("=http://host", "job's name"),
        ("a job=http://host", "job's name"),
    ],
)
def test_what_cannot_be_scraped_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        ScrapeTarget.parse(text)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="user or password") as raised:
        ScrapeTarget("http://me:hunter2@host:1/metrics")
    assert "hunter2" not in str(raised.value)
