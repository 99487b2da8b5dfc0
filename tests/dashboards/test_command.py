"""`slo dashboard`: files, their forms for Kubernetes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from slo.cli import run

ROOT = Path(__file__).parents[2]
EXAMPLE = str(ROOT / "examples" / "cloudshop.yaml")


def dashboard(*options: str) -> int:
    return run(["dashboard", EXAMPLE, *options])


@pytest.mark.parametrize(
    "options",
    [
        ("-o", "dashboards"),
        ("-o", "dashboards/configmap", "--format", "configmap", "--namespace", "monitoring"),
        ("-o", "dashboards/grafana-operator", "--format", "grafana-operator", "--namespace", "monitoring"),
    ],
)
def test_the_committed_ones_are_up_to_date(
    options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert (dashboard(*options, "--check"), capsys.readouterr().out) == (0, "")


def test_a_change_makes_the_check_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dashboard("-o", str(tmp_path)) == 0
    assert dashboard("-o", str(tmp_path), "--check") == 0
    path = tmp_path / "error-budget.json"
    path.write_text(path.read_text().replace("Current SLO", "SLO"))
    (tmp_path / "overview.json").unlink()
    capsys.readouterr()
    assert dashboard("-o", str(tmp_path), "--check") == 1
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2
    assert "error-budget.json:" in out[0]
    assert "differs" in out[0]
    assert "overview.json: is missing" in out[1]


def test_without_a_folder_the_four_panels_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert dashboard("--slo", "cloudshop/availability*") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["uid"] == "slo-error-budget"
    assert err.splitlines() == [
        "slo: cloudshop/availability-month: rules record no period of a calendar window;"
        " its budget is shown where Prometheus scrapes the service"
    ]


@pytest.mark.parametrize("form", ["configmap", "grafana-operator"])
def test_kubernetes_objects_hold_the_very_dashboard(form: str, tmp_path: Path) -> None:
    options = ("--namespace", "monitoring", "--label", "team=shop", "--folder", 'Error "budgets": é')
    assert dashboard("-o", str(tmp_path / "json")) == 0
    assert dashboard("-o", str(tmp_path / "objects"), "--format", form, *options) == 0
    for name in ("error-budget", "overview", "detail"):
        made = yaml.safe_load((tmp_path / "objects" / f"{name}.yaml").read_text(encoding="utf-8"))
        assert made["metadata"]["namespace"] == "monitoring"
        assert made["metadata"]["labels"]["team"] == "shop"
        text = (tmp_path / "json" / f"{name}.json").read_text()
        if form == "configmap":
            assert made["kind"] == "ConfigMap"
            assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
            assert made["metadata"]["annotations"]["grafana_folder"] == 'Error "budgets": é'
            assert made["data"] == {f"slo-{name}.json": text}
        else:
            assert made["kind"] == "GrafanaDashboard"
            assert made["spec"]["folder"] == 'Error "budgets": é'
            assert made["spec"]["json"] == text


@pytest.mark.parametrize(
    ("options", "pages"), [((), 1), (("--page-url", "https://slo.example.com"), 1), (("--page-url", ""), 0)]
)
def test_values_lead_to_the_page_of_the_objective(
    options: tuple[str, ...], pages: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dashboard(*options) == 0
    address = (options or ("", "http://localhost:8080"))[1]
    for panel in json.loads(capsys.readouterr().out)["panels"]:
        links = [one["url"] for one in panel["fieldConfig"]["defaults"]["links"]]
        assert sum(url == f"{address}/slo/${{__field.labels.slo}}" for url in links) == pages
        assert sum("/slo/" in url for url in links) == pages


def test_two_sets_in_one_grafana(tmp_path: Path) -> None:
    assert dashboard("-o", str(tmp_path), "--name", "eu") == 0
    made = json.loads((tmp_path / "error-budget.json").read_text())
    assert (made["uid"], made["title"]) == ("slo-error-budget-eu", "Error budget (eu)")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"uid": "slo-detail"}', "has the uid 'slo-detail' too"),
        ('{"title": "Error budget"}', "has the title 'Error budget' too"),
        ('{"dashboard": {"uid": "slo-overview"}}', "has the uid 'slo-overview' too"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_clash_in_the_folder_is_told_and_nothing_written(
    content: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.json").write_text(content)
    assert dashboard("-o", str(tmp_path)) == 2
    err = capsys.readouterr().err
    assert complaint in err
    assert len(err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["other.json"]


def test_a_dashboard_of_somebody_else_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "error-budget.json").write_text('{"title": "Mine"}')
    assert dashboard("-o", str(tmp_path)) == 2
    assert "was not generated by this command" in capsys.readouterr().err
    assert (tmp_path / "error-budget.json").read_text() == '{"title": "Mine"}'


@pytest.mark.parametrize("content", ["[]", '"x"', '{"dashboard": 3}', "{}"])
def test_other_json_in_the_folder_is_left_alone(content: str, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(content)
    assert dashboard("-o", str(tmp_path)) == 0
    assert (tmp_path / "other.json").read_text() == content


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--format", "yaml"), "--format: 'yaml' is none of json, configmap, grafana-operator"),
        (("--page-url", "javascript:alert(1)"), "--page-url: 'javascript:alert(1)' is no address"),
        (("--page-url", "http://[x"), "--page-url: 'http://[x' is no address"),
        (("--name", "A b"), "--name: 'A b' is no name"),
        (("--name", "a" * 21), "--name: has 21 characters"),
        (("--namespace", "x\ny"), "--namespace:"),
        (("--label", "x"), "--label: 'x' is no label"),
    ],
)
def test_bad_options_are_one_clear_line(
    options: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dashboard(*options) == 2
    err = capsys.readouterr().err
    assert complaint in err
    assert len(err.splitlines()) == 1


def test_a_label_that_grafana_cannot_filter_by_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "o.yaml"
    file.write_text(Path(EXAMPLE).read_text().replace("team: shop", "team: 'sh`op'"))
    assert run(["dashboard", str(file), "-o", str(tmp_path / "out")]) == 2
    assert "labels: team: Grafana cannot filter by a value with a backtick" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
