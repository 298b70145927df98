"""What is scraped, and what alerts and dashboard ask for."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from config.settings import BASE_DIR

DEPLOY = BASE_DIR / "deploy"
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}


def families(text: str) -> list[Metric]:
    return list(text_string_to_metric_families(text))


def samples(text: str) -> dict[str, float]:
    """By name and labels, such as `lamplight_photos{state=pending}`."""
    found = {}
    for family in families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def names(text: str) -> set[str]:
    """Those of all series that there are or may be."""
    return {f"{family.name}{suffix}" for family in families(text) for suffix in SUFFIXES.get(family.type, ("",))}


def alert_rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard_expressions() -> Iterator[str]:
    for panel in json.loads((DEPLOY / "grafana" / "lamplight.json").read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"].replace("$__rate_interval", "5m")


def asked_for() -> set[str]:
    """The names of metrics in all expressions."""
    expressions = " ".join([*dashboard_expressions(), *(rule["expr"] for rule in alert_rules())])
    return set(re.findall(r"\b(?:lamplight|django)_\w+", expressions))
