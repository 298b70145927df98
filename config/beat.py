"""When bells ring: Celery's schedule, for a clock that may be set back."""

from typing import Any

from celery.beat import PersistentScheduler


class Scheduler(PersistentScheduler):
    """Celery's own waits until the clock is where it was at the last ring: an hour, if it was set back by an hour."""

    def tick(self, *arguments: Any, **options: Any) -> float:
        self._believe_the_clock()
        seconds: float = super().tick(*arguments, **options)
        return seconds

    def _believe_the_clock(self) -> None:
        """Count what rang later than now as rung now. It is looked at before every ring, so every 30 s at least."""
        now = self.app.now()
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at and entry.last_run_at > now]
        for entry in ahead:
            entry.last_run_at = now
        if ahead:
            self.populate_heap()
