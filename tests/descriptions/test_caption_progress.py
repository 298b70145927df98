"""How far the captions are, and what they took."""

import pytest

from descriptions import server_rest
from descriptions.caption_leases import keep, put_off, take
from descriptions.caption_progress import Progress, progress
from descriptions.models import Caption
from descriptions.vision_model import Unanswered, Usage, Useless, VisionModel, Written

pytestmark = pytest.mark.django_db
MODEL = VisionModel("http://unused.example/v1", "small-vision")


def test_a_shop_without_photos_has_nothing_to_tell(product):
    product()
    assert progress(MODEL) == Progress("small-vision", 0, 0, 0, 0, "", 0, 0, 0, 0, None)


def test_all_is_counted(photo, product):
    for number in range(5):
        photo((9 * number, 99, 9))
    product()
    made, refused, slow, given_up = take(MODEL.fingerprint, 4)
    keep(made, MODEL, Written("A lamp.", Usage(900, 40)))
    put_off(given_up, Useless("No word.", Usage(100, 1)))
    Caption.objects.filter(pk=given_up.product.pk).update(attempts=5)
    put_off(refused, Useless("No image."))
    put_off(slow, Unanswered("Too slow."))
    rest = server_rest.begin("Busy.")
    told = progress(MODEL)
    assert told == Progress("small-vision", 5, 1, 1, 1, "Too slow.", 4, 3, 1_000, 41, rest)
    assert told.waiting == 2


def test_captions_of_another_model_count_as_cost_alone(photo):
    photo("red")
    [lease] = take(MODEL.fingerprint, 1)
    keep(lease, MODEL, Written("A lamp.", Usage(900, 40)))
    other = progress(VisionModel(MODEL.url, "larger"))
    assert (other.model, other.made, other.pending, other.requests, other.prompt_tokens) == ("larger", 0, 1, 1, 900)
