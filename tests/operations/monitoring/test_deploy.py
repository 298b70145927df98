"""Alerts, dashboard and the table of the docs, held against what is scraped and against Prometheus's own tools."""

import importlib
import json
import pkgutil
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

import metrics
from config.settings import BASE_DIR
from tests.operations.monitoring.scraped import DEPLOY, alert_rules, asked_for, dashboard_expressions, families, names

PROMETHEUS = DEPLOY / "prometheus"
DOCS = (BASE_DIR / "docs" / "monitoring.md").read_text()
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool: apt-get install prometheus")


def promtool(*arguments: object, cwd: Path = PROMETHEUS) -> str:
    done = subprocess.run(["promtool", *map(str, arguments)], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def scraped(client, settings, transactional_db) -> str:
    """By a process in which every metric of ours is known, as in none of a shop."""
    for module in pkgutil.iter_modules(metrics.__path__, "metrics."):
        importlib.import_module(module.name)
    settings.METRICS_TOKEN = "token"
    return client.get("/metrics", headers={"Authorization": "Bearer token"}).content.decode()


@needs_promtool
def test_the_configuration_is_one(tmp_path):
    folder = shutil.copytree(PROMETHEUS, tmp_path / "prometheus")
    (folder / "metrics-token").write_text("token")
    promtool("check", "config", "prometheus.yml", cwd=folder)


@needs_promtool
def test_alerts_fire_when_they_should():
    promtool("check", "rules", "alerts.yml")
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml")


@needs_promtool
def test_every_expression_of_the_dashboard_is_one(tmp_path):
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(dashboard_expressions())]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", file)


def test_every_metric_that_is_asked_for_is_scraped(scraped):
    assert asked_for() - names(scraped) == set()


def test_the_docs_name_every_metric_of_ours_and_no_other(scraped):
    table = DOCS.partition("## Metrics")[2].partition("## Alerts")[0]
    told = set()
    for row in re.findall(r"^\| (`lamplight.*?) \|", table, re.MULTILINE):
        first, *more = re.findall(r"`(\w+)`", row)
        told |= {first, *(first + one if one.startswith("_") else one for one in more)}
    told.add("lamplight_build_info")
    counted = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in families(scraped)
        if family.name.startswith("lamplight") and not family.name.endswith("_created")
    }
    assert told == counted


def test_every_alert_has_a_section_of_the_docs_and_says_what_to_do():
    headings = re.findall(r"^### (Lamplight\w+)$", DOCS, re.MULTILINE)
    assert headings == sorted(headings, key=[rule["alert"] for rule in alert_rules()].index)
    assert len(headings) == len(alert_rules())
    for rule in alert_rules():
        assert rule["annotations"].keys() == {"summary", "description", "action", "runbook"}
        assert rule["annotations"]["runbook"] == f"docs/monitoring.md#{rule['alert'].lower()}"


def test_every_panel_has_a_unit_and_says_what_it_shows():
    panels = [
        one for one in json.loads((DEPLOY / "grafana" / "lamplight.json").read_text())["panels"] if one["type"] != "row"
    ]
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"]["uid"] == "${datasource}"


def test_compose_gives_both_what_they_read():
    services = yaml.safe_load((BASE_DIR / "compose.yaml").read_text())["services"]
    for name in ("prometheus", "grafana"):
        assert services[name]["profiles"] == ["monitoring"]
        assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+", services[name]["image"])
        for volume in services[name]["volumes"]:
            source = volume.partition(":")[0]
            assert not source.startswith("./") or (BASE_DIR / source).exists()


def test_every_alert_is_tried_where_it_fires_and_where_it_does_not():
    fires: set[str] = set()
    is_silent: set[str] = set()
    for case in yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]:
        for tried in case.get("alert_rule_test", ()):
            (fires if tried["exp_alerts"] else is_silent).add(tried["alertname"])
        for tried in case.get("promql_expr_test", ()):
            [name] = re.findall(r'alertname="(\w+)"', tried["expr"])
            (fires if tried["exp_samples"] else is_silent).add(name)
            if len(case["input_series"]) > 1 and " by " in tried["expr"]:
                is_silent.add(name)  # For another series than the one that fires.
    assert fires == is_silent == {rule["alert"] for rule in alert_rules()}
