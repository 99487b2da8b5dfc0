"""deploy/grafana: what Grafana and Prometheus find where compose.yaml puts it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from tests.support.prometheus import binary

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "grafana"


def read(name: str) -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return made


def mounts(service: str) -> dict[PurePosixPath, Path]:
    """Files and folders of the checkout by their places in the container, read-only all of them."""
    found = {}
    for volume in read("compose.yaml")["services"][service]["volumes"]:
        plain = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume)
        source, target, *mode = plain.split(":")
        if source.startswith("."):
            assert mode == ["ro"], volume
            found[PurePosixPath(target)] = (FOLDER / source).resolve()
    return found


def on_this_side(service: str, path: str) -> Path:
    """What a path in the container is in the checkout."""
    place = PurePosixPath(path)
    for target, source in mounts(service).items():
        if place.is_relative_to(target):
            return source / place.relative_to(target)
    raise AssertionError(f"{service}: nothing is mounted at {path}")


@pytest.mark.parametrize("service", ["prometheus", "grafana"])
def test_what_is_mounted_is_there(service: str) -> None:
    assert mounts(service)
    for source in mounts(service).values():
        assert source.is_relative_to(ROOT)
        assert source.exists(), source


def test_both_servers_listen_on_this_machine_alone() -> None:
    services = read("compose.yaml")["services"]
    assert not any("ports" in service for service in services.values())
    assert "--web.listen-address=127.0.0.1:9090" in services["prometheus"]["command"]
    assert services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"


def test_nobody_can_log_in_with_a_password_that_everybody_knows() -> None:
    environment = read("compose.yaml")["services"]["grafana"]["environment"]
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"


def test_the_provider_finds_the_three_dashboards_and_nothing_else() -> None:
    [provider] = read("provisioning/dashboards/slo.yaml")["providers"]
    folder = on_this_side("grafana", provider["options"]["path"])
    # Grafana takes every .json below the folder.
    found = {path.name: json.loads(path.read_text())["uid"] for path in folder.rglob("*.json")}
    assert found == {
        "error-budget.json": "slo-error-budget",
        "overview.json": "slo-overview",
        "detail.json": "slo-detail",
    }
    environment = read("compose.yaml")["services"]["grafana"]["environment"]
    home = on_this_side("grafana", environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home == folder / "overview.json"


def test_the_data_source_is_the_prometheus_beside_it_and_the_default() -> None:
    [source] = read("provisioning/datasources/prometheus.yaml")["datasources"]
    command = read("compose.yaml")["services"]["prometheus"]["command"]
    assert f"--web.listen-address={source['url'].removeprefix('http://')}" in command
    # The variable of the dashboards begins with the default one.
    assert (source["type"], source["isDefault"]) == ("prometheus", True)


def test_promtool_accepts_the_configuration_with_the_rules(tmp_path: Path) -> None:
    command = read("compose.yaml")["services"]["prometheus"]["command"]
    config = next(one.split("=", 1)[1] for one in command if one.startswith("--config.file="))
    for target, source in mounts("prometheus").items():
        place = tmp_path / target.relative_to("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, place)
    checked = [binary("promtool"), "check", "config", str(tmp_path / PurePosixPath(config).relative_to("/"))]
    done = subprocess.run(checked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "SUCCESS: 1 rule files found" in done.stdout
    assert re.search(r"SUCCESS: \d{2,} rules found", done.stdout)
