"""What workers make of addresses, asked at a real server."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import Photo, PhotoAddress, Product
from catalog.photo_addresses.leases import LEASE, take
from catalog.photo_addresses.settling import PAUSES
from catalog.photo_addresses.turn import Turn
from catalog.photos import MAX_PHOTOS, add_photo
from tests.bombs import AVIF_THAT_LIES
from tests.catalog.fetching.web_server import Request, WebServer
from tests.catalog.photo_addresses.conftest import colours, later, named, states, turn
from tests.conftest import picture

pytestmark = pytest.mark.django_db


def product() -> Product:
    return Product.objects.get(sku="CH-1")


def test_photos_come_in_the_order_of_the_catalogue(web):
    def slowly(request: Request) -> None:
        time.sleep(0.2)
        request.answer(200, picture("red"))

    named(web.does("/slow.png", slowly), web.url("/blue.png"), web.url("/green.png"))
    assert turn() == {"added": 3}
    assert colours() == ["red", "blue", "green"]
    assert states() == ["fetched"] * 3
    assert turn() == {}
    named(web.url("/green.png"), web.url("/blue.png"), web.url("/slow.png"))
    assert turn() == {"unchanged": 3}
    assert colours() == ["green", "blue", "red"]


def test_only_what_changed_is_sent_again(web):
    sent = []

    def answer(request: Request) -> None:
        if request.headers.get("if-none-match") == '"1"':
            return request.answer(304)
        sent.append(request.target)
        return request.answer(200, picture("red"), ETag='"1"')

    url = web.does("/a.png", answer)
    named(url)
    assert turn() == {"added": 1}
    named(url)
    assert turn() == {"unchanged": 1}
    assert sent == ["/a.png"]
    assert len(web.asked) == 2


def test_a_changed_picture_takes_the_place_of_the_old_one(web):
    urls = web.url("/red.png"), web.says("/changes.png", picture("blue"))
    named(*urls)
    turn()
    web.says("/changes.png", picture("green"))
    named(*urls)
    assert turn() == {"unchanged": 1, "changed": 1}
    assert colours() == ["red", "green"]
    assert Photo.objects.count() == 2


def test_one_picture_at_two_addresses_is_one_photo(web):
    named(web.url("/red.png"), web.says("/same.png", picture("red")))
    assert turn() == {"added": 2}
    assert colours() == ["red"]
    web.says("/same.png", picture("blue"))
    named(web.url("/red.png"), web.url("/same.png"))
    turn()
    assert colours() == ["red", "blue"]


def test_a_photo_leaves_once_all_addresses_that_are_left_are_settled(web):
    named(web.url("/red.png"), web.url("/blue.png"))
    turn()
    web.says("/late.png", b"", 503)
    named(web.url("/blue.png"), web.url("/late.png"))
    assert turn() == {"unchanged": 1, "busy": 1}
    assert colours() == ["red", "blue"]  # One waits still.
    web.says("/late.png", picture("green"))
    later()
    assert turn() == {"added": 1}
    assert colours() == ["blue", "green"]


def test_no_product_loses_its_last_photo(web):
    named(web.url("/red.png"))
    turn()
    named(web.url("/gone.png"))
    assert turn() == {"not_found": 1}
    assert states() == ["failed"]
    assert colours() == ["red"]
    named(web.url("/blue.png"))
    turn()
    assert colours() == ["blue"]


def test_photos_that_people_added_stay(web):
    named(web.url("/red.png"), web.url("/blue.png"))
    add_photo(product(), picture("green"))
    add_photo(product(), picture("red"))
    turn()
    assert sorted(colours()) == ["blue", "green", "red"]
    named(web.says("/new.png", picture("yellow")))
    turn()
    assert Photo.objects.filter(from_address=False).count() == 2
    assert Photo.objects.filter(from_address=True).count() == 1


def test_a_photo_that_staff_deleted_stays_away_until_its_address_brings_another(web):
    named(web.url("/red.png"))
    turn()
    Photo.objects.get().delete()
    named(web.url("/red.png"))
    assert turn() == {"unchanged": 1}
    assert colours() == []
    web.says("/red.png", picture("blue"))
    named(web.url("/red.png"))
    assert turn() == {"added": 1}
    assert colours() == ["blue"]


def test_a_full_product_has_room_for_what_replaces_what_is_left_over(web):
    first = [web.says(f"/{n}.png", picture((n, 0, 0))) for n in range(MAX_PHOTOS)]
    named(*first)
    assert turn() == {"added": MAX_PHOTOS}
    second = [web.says(f"/new-{n}.png", picture((0, n, 0))) for n in range(1, MAX_PHOTOS + 1)]
    named(*second)
    assert turn() == {"added": MAX_PHOTOS}
    assert product().photos.count() == MAX_PHOTOS
    assert not Photo.objects.filter(addresses=None).exists()


def test_a_full_product_takes_no_more(web):
    named(web.url("/red.png"))
    for n in range(MAX_PHOTOS):
        add_photo(product(), picture((0, n, 0)))
    assert turn() == {"too_many_photos": 1}
    assert PhotoAddress.objects.get().reason == "A product has at most 50 photos."


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/text.html", b"<html>Please log in</html>", "no_photo"),
        ("/bomb.avif", AVIF_THAT_LIES, "no_photo"),
        ("/huge.png", bytes(20_000_001), "too_large"),
        ("/empty.png", b"", "no_photo"),
    ],
)
def test_what_is_no_photo_fails_at_once_and_says_why(web, path, body, code):
    named(web.says(path, body))
    assert turn() == {code: 1}
    address = PhotoAddress.objects.get()
    assert (address.state, address.photo) == ("failed", None)
    assert address.reason


def test_what_may_pass_is_tried_again_with_growing_pauses_and_then_fails(web):
    named(web.says("/a.png", b"", 500))
    for pause in PAUSES:
        assert turn() == {"server_error": 1}
        address = PhotoAddress.objects.get()
        assert address.state == "waiting"
        assert pause - timedelta(seconds=5) < address.due_at - timezone.now() <= pause
        assert turn() == {}
        later()
    assert turn() == {"server_error": 1}
    assert states() == ["failed"]
    web.says("/a.png", picture("red"))
    named(web.url("/a.png"))
    assert turn() == {"added": 1}


def test_a_host_that_asks_for_it_is_left_alone_as_a_whole(web):
    def refuse(request: Request) -> None:
        time.sleep(0.1)
        request.answer(429, Retry_After="600")

    named(*[web.does(f"/{n}.png", refuse) for n in range(30)])
    outcomes = turn()
    assert outcomes["busy"] == len(web.asked) <= 4
    assert turn() == {}  # Another process knows it, too.
    assert PhotoAddress.objects.filter(state="waiting").count() == 30
    due = PhotoAddress.objects.filter(attempts=1).values_list("due_at", flat=True)
    assert all(timedelta(minutes=9) < at - timezone.now() <= timedelta(minutes=10) for at in due)


def test_a_host_that_is_away_is_left_alone_after_some_failures(web):
    web.__exit__()
    named(*[web.url(f"/{n}.png") for n in range(40)])
    assert 5 <= turn()["unreachable"] <= 8
    assert PhotoAddress.objects.filter(attempts=0).count() >= 32


def test_at_most_four_at_once_are_asked_of_a_host(web):
    def slowly(request: Request) -> None:
        time.sleep(0.05)
        request.answer(200, picture((0, int(request.target[1:-4]), 0)))

    named(*[web.does(f"/{n}.png", slowly) for n in range(12)])
    assert turn() == {"added": 12}
    assert web.most_at_once == 4


def test_slow_hosts_hold_up_no_others(web):
    """Three servers that say nothing for a second each, with twenty addresses, beside one that answers."""
    with WebServer() as slow:
        slow.does("/a.png", lambda request: slow.over.wait(3))
        for number in range(2, 5):
            named(*[slow.url(f"/a.png?{n}", f"127.0.0.{number}") for n in range(20)], sku=f"SLOW-{number}")
        named(*[web.says(f"/{n}.png", picture((0, n, 0))) for n in range(20)])
        begun = time.monotonic()
        for settled in Turn():
            if settled.lease.address.host == "127.0.0.1" and states().count("fetched") == 20:
                break
        assert time.monotonic() - begun < 1.5


def test_a_turn_that_is_told_to_stop_ends_at_once_and_what_it_asked_is_due_again(web):
    web.does("/a.png", lambda request: web.over.wait(5))
    named(*[web.url(f"/a.png?{n}") for n in range(20)])
    stop_at = time.monotonic() + 0.3
    assert turn(stopping=lambda: time.monotonic() > stop_at) == {}
    assert time.monotonic() - stop_at < 0.5
    assert PhotoAddress.objects.pending().count() == 20


def test_what_is_leased_is_asked_by_nobody_else_until_the_lease_is_over(web):
    named(web.url("/red.png"))
    [lease] = take("127.0.0.1", 8)
    assert turn() == {}
    assert lease.until - timezone.now() <= LEASE
    later()  # Its worker was killed.
    assert turn() == {"added": 1}


def test_what_the_catalogue_names_no_more_is_dropped_when_it_comes(web):
    def answer(request: Request) -> None:
        time.sleep(0.3)
        request.answer(200, picture("red"))

    named(web.does("/slow.png", answer))
    settled = iter(Turn())
    named(web.url("/red.png"), web.url("/slow.png"))
    assert next(settled).outcome == "added"
    named(web.url("/blue.png"))
    assert sorted(each.outcome for each in settled) == ["added", "overtaken"]
    assert colours() == ["blue"]


def test_addresses_that_lead_inside_fail_and_nobody_is_asked(web, settings):
    settings.FETCH_NETWORKS = []
    named(web.url("/red.png"), "http://169.254.169.254/latest", "ftp://shop.example/a.jpg", "https://[::1/")
    assert turn() == {"refused_address": 2, "bad_address": 2}
    assert web.connections == 0
    assert states() == ["failed"] * 4


def test_only_so_many_are_asked_as_the_caller_wants(web):
    named(*[web.says(f"/{n}.png", picture((0, n, 0))) for n in range(12)])
    assert turn(most=5) == {"added": 5}
    assert PhotoAddress.objects.pending().count() == 7


def test_busy_decoders_are_waited_for(web, busy_decoders):
    named(web.url("/red.png"))
    assert turn() == {"decoders_busy": 1}
    assert states() == ["waiting"]
