"""Waiting for others' servers holds up neither indexing nor maintenance: it has a queue and a worker of its own."""

import yaml
from celery import current_app

from config.settings import BASE_DIR
from config.stack import site
from search import worker_bell


def test_it_has_a_queue_of_its_own_and_beat_rings_for_it():
    assert current_app.conf.task_routes[worker_bell.FETCH] == {"queue": "fetching"}
    assert current_app.conf.beat_schedule["fetch photos"]["task"] == worker_bell.FETCH


def test_the_stack_and_compose_start_a_worker_for_it_that_ends_by_a_term():
    assert "fetching" in site.wanted()
    assert "fetching" not in site.COLD
    services = yaml.safe_load((BASE_DIR / "compose.yaml").read_text())["services"]
    assert "-Q fetching " in services["fetching"]["command"]
    assert "profiles" not in services["fetching"]
