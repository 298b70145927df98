"""Bells go on when the clock is set back."""

from datetime import timedelta
from typing import Any

import pytest
from celery import Celery

from config.beat import Scheduler


class Rings(Scheduler):
    """Rings nobody, and remembers for what."""

    producer: Any = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.rung: list[str] = []
        super().__init__(*arguments, **options)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        self.rung.append(entry.name)

    def ring(self) -> float:
        """Ring what is due. Returns the seconds to the next bell."""
        while not (wait := self.tick()):
            pass
        return wait

    def set_clock_back(self, seconds: int) -> None:
        """Have the schedule be as it is then: what rang did so in the future."""
        entries: Any = self.schedule.values()
        for entry in entries:
            entry.last_run_at += timedelta(seconds=seconds)
        self.populate_heap()


@pytest.fixture
def beat(tmp_path) -> Rings:
    app = Celery(set_as_current=False)
    app.conf.beat_schedule = {
        "index": {"task": "index", "schedule": 30},
        "maintain": {"task": "maintain", "schedule": 600},
    }
    return Rings(app, schedule_filename=str(tmp_path / "schedule"))


def test_after_the_clock_was_set_back_bells_ring_in_their_usual_time(beat):
    assert 25 < beat.ring() <= 30
    beat.set_clock_back(3600)
    assert 25 < beat.ring() <= 30
    beat.set_clock_back(-31)
    beat.ring()
    assert beat.rung == ["index"]


def test_bells_that_are_due_ring_once(beat):
    beat.set_clock_back(-601)
    beat.ring()
    assert sorted(beat.rung) == ["index", "maintain"]
