"""Who asks which addresses, and what kills those who ask."""

import pytest

from catalog.models import PhotoAddress
from catalog.photo_addresses.leases import MOST_KILLED, SUSPECT, give_back, take
from catalog.photo_addresses.turn import Turn
from catalog.storage import NotStored
from tests.catalog.photo_addresses.conftest import later, named, states, turn

pytestmark = pytest.mark.django_db
HOST = "127.0.0.1"


def killed(size: int = 8) -> int:
    """Lease some and be killed. Returns how many were leased."""
    number = len(take(HOST, size))
    later()
    return number


def test_what_is_being_asked_does_not_rest(web):
    named(web.says("/a.png", b"", 500))
    turn()
    assert PhotoAddress.objects.resting().count() == 1
    later()
    take(HOST, 8)
    assert PhotoAddress.objects.resting().count() == 0


def test_an_address_that_kills_its_workers_is_given_up(web):
    named(web.url("/red.png"))
    assert [killed() for _ in range(MOST_KILLED)] == [1] * MOST_KILLED
    assert turn() == {"deadly": 1}
    assert (states(), web.asked) == (["failed"], [])
    assert "killed" in PhotoAddress.objects.get().reason
    PhotoAddress.objects.all().ask_anew()
    assert turn() == {"added": 1}


def test_suspects_are_asked_one_by_one_after_the_others(web):
    named(web.url("/red.png"), web.url("/blue.png"))
    assert [killed() for _ in range(SUSPECT)] == [2] * SUSPECT
    named(web.url("/red.png"), web.url("/blue.png"), web.url("/green.png"))
    green, suspect = take(HOST, 8), take(HOST, 8)
    assert [[lease.address.url for lease in leases] for leases in (green, suspect)] == [
        [web.url("/green.png")],
        [web.url("/red.png")],
    ]
    assert take(HOST, 8) == []
    give_back([*green, *suspect])
    assert turn() == {"added": 3}
    assert set(PhotoAddress.objects.values_list("leases", flat=True)) == {0}


def test_what_was_not_asked_or_not_stored_is_under_no_suspicion(web, monkeypatch):
    named(web.url("/red.png"))
    give_back(take(HOST, 8))
    assert PhotoAddress.objects.get().leases == 0

    def fail(found):
        raise NotStored(OSError(28, "No space left on device"))

    with monkeypatch.context() as patch:
        patch.setattr("catalog.photo_addresses.turn.settle", fail)
        with pytest.raises(NotStored):
            list(Turn())
    assert (PhotoAddress.objects.get().leases, turn()) == (0, {})
    later()
    assert turn() == {"added": 1}
