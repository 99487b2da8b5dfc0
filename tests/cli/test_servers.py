"""`slo report` with several servers: each objective from its own, credentials to the right one, failures beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from slo.source.fleet import Fleet
from slo.window import datetime_of
from tests.cli.test_cases import environment
from tests.support.prometheus import free_port
from tests.support.proxy import proxy

OBJECTIVE = """
  - name: {name}
    prometheus: {server}
    target: 99.9%
    window: 2d
    sli:
      ratio:
        bad: http_requests_total{{namespace="cloudshop-prod",status=~"5.."}}
        total: http_requests_total{{namespace="cloudshop-prod"}}
"""
SETTINGS = """
[prometheus.default]
url = "{guarded}"
bearer_token_file = "token"

[prometheus.eu]
urls = ["{down}", "{guarded}"]
headers = {{"X-Scope-OrgID" = "shop"}}

[prometheus.us]
url = "{down}"
"""


def report(folder: Path, at: str, *flags: str) -> tuple[int, dict[str, Any], str]:
    command = [sys.executable, "-m", "slo", "report", "o.yaml", "-o", "json", "--at", at, *flags]
    done = subprocess.run(command, cwd=folder, env=environment({}), capture_output=True, text=True, check=False)
    entries = json.loads(done.stdout)["objectives"]
    return done.returncode, {one["slo"].removeprefix("cloudshop/"): one for one in entries}, done.stderr


def test_objectives_are_reported_from_their_own_servers(fleet_url: str, known_fleet: Fleet, tmp_path: Path) -> None:
    end = known_fleet.spec.start + known_fleet.spec.days * 1440
    at = datetime_of(end).isoformat()
    servers = ("default", "eu", "us")
    objectives = "".join(OBJECTIVE.format(name=f"from-{server}", server=server) for server in servers)
    (tmp_path / "o.yaml").write_text(f"service: cloudshop\nobjectives:{objectives}", encoding="utf-8")
    (tmp_path / "token").write_text("hush\n", encoding="utf-8")
    down = f"http://127.0.0.1:{free_port()}"
    with proxy(fleet_url) as guarded:
        guarded.guard = lambda sent: (
            None if sent.get("Authorization") == "Bearer hush" or sent.get("X-Scope-OrgID") == "shop" else 401
        )
        (tmp_path / "slo.toml").write_text(SETTINGS.format(guarded=guarded.url, down=down), encoding="utf-8")
        exit_code, found, errors = report(tmp_path, at)
        assert not any("Authorization" in sent and "X-Scope-OrgID" in sent for sent in guarded.requests)
        flagged_code, flagged, _ = report(tmp_path, at, "--slo", "*/from-default", "--prometheus", guarded.url)
    total = found["from-default"]["total_events"]
    assert total > 0
    assert found["from-eu"]["total_events"] == total
    assert [one["reason"] for one in found["from-eu"]["reasons"]].count("source_warning") == 1
    assert found["from-us"]["state"] == "no_data"
    assert exit_code == 3
    assert errors == f"slo: cloudshop/from-us: Prometheus at {down} cannot be reached: connection refused; " + (
        "check the address\n"
    )
    # An address from a flag is not sent the credentials of another one.
    assert (flagged_code, flagged["from-default"]["state"]) == (3, "no_data")
