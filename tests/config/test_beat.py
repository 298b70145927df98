"""Bells go on when the clock is set back."""

from datetime import timedelta

import pytest
from celery import Celery

from config.beat import Scheduler


@pytest.fixture
def scheduler(tmp_path, monkeypatch) -> Scheduler:
    """Two bells, of which the first is due every 30 s; what rings is in `rung`."""
    app = Celery(set_as_current=False)
    app.conf.beat_schedule = {
        "index": {"task": "index", "schedule": 30},
        "maintain": {"task": "maintain", "schedule": 600},
    }
    made = Scheduler(app, schedule_filename=str(tmp_path / "schedule"))
    monkeypatch.setattr(made, "apply_entry", lambda entry, producer=None: made.rung.append(entry.name))
    made.producer, made.rung = None, []
    return made


def set_back(scheduler: Scheduler, seconds: int) -> None:
    """As the schedule looks to a clock that was set back."""
    for entry in scheduler.schedule.values():
        entry.last_run_at += timedelta(seconds=seconds)
    scheduler.populate_heap()


def test_after_the_clock_was_set_back_bells_ring_in_their_usual_time(scheduler):
    assert 25 < scheduler.tick() <= 30
    set_back(scheduler, 3600)
    assert 25 < scheduler.tick() <= 30
    set_back(scheduler, -31)
    while scheduler.tick() == 0:
        pass
    assert scheduler.rung == ["index"]


def test_a_bell_that_is_due_rings_once(scheduler):
    set_back(scheduler, -601)
    while scheduler.tick() == 0:
        pass
    assert sorted(scheduler.rung) == ["index", "maintain"]
