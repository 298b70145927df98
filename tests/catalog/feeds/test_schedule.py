"""When a feed is read next, by times that are given."""

from datetime import UTC, datetime, timedelta

import pytest

from catalog.feeds.schedule import following, pause

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("every", "since", "then"),
    [
        (HOUR, timedelta(0), HOUR),
        (HOUR, MINUTE, HOUR),
        (HOUR, 29 * MINUTE, HOUR),
        (HOUR, 31 * MINUTE, 2 * HOUR),  # In 29 minutes it would be read twice as often as it is to be.
        (DAY, 3 * DAY + 2 * HOUR, 4 * DAY),
        (7 * DAY, DAY, 7 * DAY),
        (15 * MINUTE, -HOUR, timedelta(0)),  # Before its first time.
    ],
)
def test_a_feed_keeps_its_time_of_day_however_late_a_run_was(every, since, then):
    assert following(NOON, every, NOON + since) == NOON + then


@pytest.mark.parametrize(
    ("every", "pauses"),
    [
        (
            15 * MINUTE,
            [7.5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR, DAY, DAY],
        ),
        (DAY, [DAY / 2, DAY, DAY]),
        (7 * DAY, [3.5 * DAY, 7 * DAY, 7 * DAY]),
    ],
)
def test_a_feed_that_fails_rests_longer_each_time_up_to_a_day_or_its_schedule(every, pauses):
    assert [pause(every, failures) for failures in range(1, len(pauses) + 1)] == pauses
    assert pause(every, 1_000_000) == pauses[-1]


def test_a_server_is_left_alone_for_as_long_as_it_asks_up_to_a_day():
    assert pause(15 * MINUTE, 1, asked_for=2 * HOUR) == 2 * HOUR
    assert pause(15 * MINUTE, 1, asked_for=MINUTE) == 7.5 * MINUTE
    assert pause(15 * MINUTE, 1, asked_for=9 * DAY) == DAY
