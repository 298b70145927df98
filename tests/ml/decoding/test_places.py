"""Places and memory are shared by threads, and waiting for them is bounded."""

import threading
import time

import pytest
from prometheus_client import REGISTRY

from ml.decoding.places import Places
from ml.decoding.problems import DecodersBusy


def test_photos_are_decoded_together_up_to_a_number_and_a_memory():
    places = Places(quick=2, slow=0, memory=100)
    with places.taken(60, 0), places.taken(40, 0), pytest.raises(DecodersBusy), places.taken(0, 0):
        pass
    with places.taken(70, 0):
        with pytest.raises(DecodersBusy), places.taken(40, 0):
            pass
        with places.taken(30, 0):
            pass
    assert (places.quick.places, places.quick.memory) == (2, 100)


def test_a_photo_waits_for_a_place_no_longer_than_its_patience():
    places = Places(quick=1, slow=0, memory=100)
    with places.taken(1, 0):
        began = time.monotonic()
        with pytest.raises(DecodersBusy), places.taken(1, 0.2):
            pass
        assert 0.2 <= time.monotonic() - began < 2


def test_a_place_that_is_given_up_goes_to_one_who_waits():
    places, taken = Places(quick=1, slow=0, memory=100), threading.Event()

    def wait() -> None:
        with places.taken(1, 10):
            taken.set()

    with places.taken(1, 0):
        threading.Thread(target=wait).start()
        assert not taken.wait(0.1)
    assert taken.wait(10)


def state(places: Places) -> tuple[int, int, int, int]:
    return places.quick.places, places.quick.memory, places.slow.places, places.slow.memory


def test_a_slow_photo_gives_its_place_and_memory_to_others_and_a_third_slow_one_is_refused():
    places = Places(quick=1, slow=2, memory=100)
    with places.taken(10, 0) as first:
        first.slow_down()
        with places.taken(10, 0) as second:
            second.slow_down()
            with places.taken(100, 0) as third:
                with pytest.raises(DecodersBusy):
                    third.slow_down()
                assert state(places) == (0, 0, 0, 80)
    assert state(places) == (1, 100, 2, 100)


def test_slow_photos_share_a_memory_of_their_own():
    places = Places(quick=1, slow=2, memory=100)
    with places.taken(70, 0) as first:
        first.slow_down()
        with places.taken(70, 0) as second, pytest.raises(DecodersBusy):
            second.slow_down()
    assert state(places) == (1, 100, 2, 100)


def test_a_photo_that_is_tried_again_slows_down_once():
    places = Places(quick=1, slow=2, memory=100)
    with places.taken(10, 0) as place:
        place.slow_down()
        place.slow_down()
        assert state(places) == (1, 100, 1, 90)
    assert state(places) == (1, 100, 2, 100)


def test_whatever_happens_in_a_place_it_is_given_back():
    places = Places(quick=1, slow=1, memory=100)

    def fail() -> None:
        with places.taken(10, 0) as place:
            place.slow_down()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert state(places) == (1, 100, 1, 100)


def test_places_in_use_and_refusals_are_counted():
    def counted(name: str, lane: str) -> float:
        return REGISTRY.get_sample_value(f"lamplight_decoder_{name}", {"lane": lane}) or 0

    places, refused = Places(quick=1, slow=1, memory=100), counted("refused_total", "quick")
    with places.taken(60, 0) as place:
        assert counted("places_in_use", "quick") == 1
        with pytest.raises(DecodersBusy), places.taken(60, 0):
            pass
        place.slow_down()
        assert (counted("places_in_use", "quick"), counted("places_in_use", "slow")) == (0, 1)
    assert counted("refused_total", "quick") == refused + 1
    assert (counted("places_in_use", "slow"), counted("waiting", "quick")) == (0, 0)
