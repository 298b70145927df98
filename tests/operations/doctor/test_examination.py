import time
from threading import Event

import pytest
from django.db import OperationalError

from operations.doctor.examination import CHECKS, Check, examine, within
from operations.doctor.finding import Finding, Level, ok, problem

NEVER = Event()


def failing() -> list[Finding]:
    raise OperationalError("connection\nrefused")


def test_every_check_needs_earlier_ones_alone():
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    assert all(set(check.needs) <= set(names[:place]) for place, check in enumerate(CHECKS))


@pytest.mark.django_db
def test_findings_come_with_the_names_of_their_checks():
    assert list(examine([Check("one", lambda: [ok("well"), problem("ill", "rest")])])) == [
        ("one", Finding(Level.OK, "well")),
        ("one", Finding(Level.PROBLEM, "ill", "rest")),
    ]


@pytest.mark.django_db
def test_a_server_that_is_away_is_a_problem_and_what_needs_it_is_left_out():
    checks = [
        Check("database", failing),
        Check("tables", lambda: [ok("all")], ("database",)),
        Check("rows", lambda: [ok("all")], ("tables",)),
        Check("disk", lambda: [ok("room")]),
    ]
    told = [(name, finding.level, finding.text) for name, finding in examine(checks)]
    assert told == [
        ("database", "problem", "connection refused"),
        ("tables", "warning", "not looked at"),
        ("rows", "warning", "not looked at"),
        ("disk", "ok", "room"),
    ]


@pytest.mark.django_db
def test_a_check_that_never_ends_holds_up_no_other_and_has_its_own_cure():
    begun = time.monotonic()
    hangs = Check("hangs", lambda: [ok(str(NEVER.wait()))], deadline=0.1, cure="See its disk.")
    found = examine([hangs, Check("disk", lambda: [ok("room")])])
    assert [(finding.text, finding.cure) for _, finding in found] == [
        ("no answer within 0.1 s", "See its disk."),
        ("room", ""),
    ]
    assert time.monotonic() - begun < 5


@pytest.mark.django_db
def test_what_a_call_raises_is_raised_where_it_is_waited_for():
    with pytest.raises(OperationalError):
        within(5, failing)
