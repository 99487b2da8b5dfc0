"""`slo publish` outside of a cluster: one line, and nothing asked. What it writes is tried on a real API server."""

from __future__ import annotations

import pytest

from slo.cli import run


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("decision", "--config-map: 'decision' is no place; write NAMESPACE/NAME"),
        ("a/../b", "--config-map: '../b' is no name"),
        ("slo-system/decision", "KUBERNETES_SERVICE_HOST is not set: slo publish runs in a pod"),
    ],
)
def test_a_wrong_call_is_one_line(
    place: str, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert run(["publish", "chaos", "--server", "http://127.0.0.1:9", "--config-map", place, "--once"]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
