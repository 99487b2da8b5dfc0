"""Where a cluster is looked for, and by whose name: what is wrong with that is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from slo.chaos.cluster import Cluster
from slo.errors import UsageError


@pytest.mark.parametrize(
    "text",
    [
        "",
        "42",
        "[]",
        "a: [",
        "\x00",
        "clusters: 3\ncontexts: {}\nusers: x\ncurrent-context: a",
        "clusters: []\ncontexts: []\nusers: []\ncurrent-context: nowhere",
        "clusters: [{name: c, cluster: 1}]\ncontexts: [{name: a, context: {cluster: c}}]\ncurrent-context: a",
        "clusters: [{name: c, cluster: {server: 7}}]\ncontexts: [{name: a, context: {cluster: c}}]\ncurrent-context: a",
    ],
)
def test_a_file_that_is_no_kubeconfig_is_told_in_a_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        Cluster(kubeconfig=file)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("no cluster to go to: ")
    assert str(caught.value).endswith("; give --kubeconfig FILE")


def test_a_token_file_that_is_gone_is_told(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n"
        "contexts: [{name: a, context: {cluster: c, user: u}}]\n"
        f"users: [{{name: u, user: {{tokenFile: {tmp_path / 'gone'}}}}}]\ncurrent-context: a\n"
    )
    with pytest.raises(UsageError, match=r"no cluster to go to: .*No such file"):
        Cluster(kubeconfig=file)
