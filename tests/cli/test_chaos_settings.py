"""Settings of chaos runs: the table [chaos], over it the variables, over these the flags; mistakes with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from slo.cli import run
from slo.errors import UsageError
from slo.settings import Settings, load_settings

ENGINE = Path(__file__).parents[2] / "deploy" / "chaos" / "pod-delete.yaml"
WHOLE = """
[chaos]
poll = "2s"
ttl = "1m"
settle = "0s"
lease_namespace = "chaos-leases"
kubeconfig = "secrets/kubeconfig"
context = "lab"
"""


def loaded(folder: Path, text: str, **environ: str) -> Settings:
    file = folder / "slo.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(environ, file)


def test_the_table_says_how_runs_are_guarded_with_paths_beside_the_file(tmp_path: Path) -> None:
    chaos = loaded(tmp_path, WHOLE).chaos
    assert (chaos.poll_seconds, chaos.ttl_seconds, chaos.settle_seconds) == (2.0, 60.0, 0.0)
    assert (chaos.lease_namespace, chaos.context) == ("chaos-leases", "lab")
    assert chaos.kubeconfig == tmp_path / "secrets/kubeconfig"


def test_a_variable_stands_over_the_table(tmp_path: Path) -> None:
    chaos = loaded(tmp_path, WHOLE, SLO_CHAOS_POLL="7s", SLO_CHAOS_KUBECONFIG="/k").chaos
    assert (chaos.poll_seconds, chaos.ttl_seconds, chaos.kubeconfig) == (7.0, 60.0, Path("/k"))


def test_without_any_there_are_defaults() -> None:
    chaos = Settings().chaos
    assert (chaos.poll_seconds, chaos.ttl_seconds, chaos.settle_seconds) == (5.0, 30.0, 150.0)
    assert load_settings({}).chaos == chaos


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chaos = 3", ": chaos: write a table, [chaos]"),
        ("[chaos]\npol = '2s'", ": chaos: unknown setting 'pol'; there are: poll, ttl, settle, "),
        ("[chaos]\npoll = 5", ": chaos.poll: '5' is not a duration"),
        ("[chaos]\npoll = '0s'", ": chaos.poll: 0s is not from 100ms to 10s"),
        ("[chaos]\npoll = '11s'", ": chaos.poll: 11s is not from 100ms to 10s"),
        ("[chaos]\nttl = '2h'", ": chaos.ttl: 2h is not from 1s to 1h"),
        ("[chaos]\nsettle = ['1s']", ": chaos.settle: "),
        ("[chaos]\nkubeconfig = 1", ": chaos.kubeconfig: write a text"),
        ("[chaos]\nlease_namespace = 'a/b'", ": chaos.lease_namespace: 'a/b' is no name"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        loaded(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'slo.toml'}{message}")
    assert "\n" not in str(caught.value)


def test_a_wrong_variable_is_told_by_its_name() -> None:
    with pytest.raises(UsageError, match="SLO_CHAOS_TTL: 'soon' is not a duration"):
        load_settings({"SLO_CHAOS_TTL": "soon"})


def plan(folder: Path, *flags: str) -> int:
    """By the demo's data, with the settings in the folder."""
    objectives = ENGINE.parents[2] / "examples" / "cloudshop.yaml"
    files = [str(ENGINE), str(objectives), "--settings", str(folder / "slo.toml")]
    return run(["chaos", "plan", *files, "--gate", "chaos", "--demo", *flags])


def test_a_plan_reckons_with_the_looks_of_the_settings_and_a_flag_wins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """30 s of chaos, 30 s of grace, and four looks until it is stopped."""
    (tmp_path / "slo.toml").write_text('[chaos]\npoll = "2s"\n')
    plan(tmp_path)
    assert "of the requests of 1m8s" in capsys.readouterr().out
    plan(tmp_path, "--poll", "10s")
    assert "of the requests of 1m40s" in capsys.readouterr().out


def test_a_wrong_flag_is_told_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "slo.toml").write_text("")
    assert plan(tmp_path, "--poll", "1m") == 2
    assert "--poll: 1m is not from 100ms to 10s" in capsys.readouterr().err
    assert plan(tmp_path, "--lease-namespace", "../x") == 2
    assert "--lease-namespace: '../x' is no name" in capsys.readouterr().err


def test_a_kubeconfig_of_the_settings_is_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "slo.toml").write_text('[chaos]\nkubeconfig = "none"\n')
    assert plan(tmp_path) == 2
    assert "no cluster to go to" in capsys.readouterr().err
