"""What runs where a shop has a model for captions, and where it has none."""

import json
import os
import subprocess
import sys

import yaml
from celery import current_app

from config.settings import BASE_DIR
from config.stack import site
from descriptions.caption_leases import BELL
from descriptions.checks import caption_server_is_named


def schedule(**environment: str) -> dict[str, str]:
    """What beat rings, and how often, in a process with this environment."""
    program = (
        "import json; from config import settings as s;"
        "print(json.dumps({e['task']: str(e['schedule']) for e in s.CELERY_BEAT_SCHEDULE.values()}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_beat_rings_for_captions_where_there_is_a_model():
    assert BELL not in schedule(CAPTION_URL="")
    assert schedule(CAPTION_URL="http://127.0.0.1:11434/v1")[BELL] == "60"


def test_captions_hold_up_neither_indexing_nor_maintenance():
    assert current_app.conf.task_routes[BELL] == {"queue": "captions"}


def test_the_stack_has_a_captions_worker_where_there_is_a_model(settings):
    assert site.wanted() == ["worker", "maintenance", "fetching", "beat", "web"]
    settings.CAPTION_URL = "http://127.0.0.1:11434/v1"
    assert site.wanted() == ["worker", "maintenance", "fetching", "captions", "beat", "web"]
    assert "captions" in site.COMMANDS["captions"]


def test_compose_has_a_captions_worker_that_starts_when_it_is_asked_for():
    services = yaml.safe_load((BASE_DIR / "compose.yaml").read_text())["services"]
    assert services["captions"]["profiles"] == ["captions"]
    assert "-Q captions " in services["captions"]["command"]
    assert [name for name, service in services.items() if "captions" in service.get("profiles", [])] == ["captions"]


def test_the_example_of_the_settings_passes_the_checks(settings):
    lines = dict(
        line.removeprefix("# ").split("=", 1)
        for line in (BASE_DIR / ".env.example").read_text().splitlines()
        if line.startswith("# CAPTION_")
    )
    settings.CAPTION_URL, settings.CAPTION_MODEL = lines["CAPTION_URL"], lines["CAPTION_MODEL"]
    assert caption_server_is_named() == []
