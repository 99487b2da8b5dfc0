"""The API server that other tests use is a real one, and comes back with what it held."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.kubernetes import api_server

pytestmark = pytest.mark.platform


def test_objects_outlive_the_server_and_roles_are_real(tmp_path: Path) -> None:
    account = "system:serviceaccount:shop:guard"
    with api_server(tmp_path / "cluster", tokens={"guard-token": (account, ["system:serviceaccounts"])}) as server:
        server.kubectl("create", "namespace", "shop")
        server.kill()
        assert server.kubectl("get", "namespaces", check=False).returncode != 0
        server.start()
        assert "shop" in server.kubectl("get", "namespaces").stdout
        server.kubeconfig = server.kubeconfig_of("guard-token")
        refused = server.kubectl("-n", "shop", "get", "pods", check=False)
        assert f'User "{account}" cannot list resource "pods"' in refused.stderr
