import pytest
from django.db import transaction

from catalog.models import Photo, Product
from catalog.photos import add_photo
from tests.conftest import picture

pytestmark = pytest.mark.django_db(transaction=True)


def count_files(media):
    return sum(path.is_file() for path in media.rglob("*"))


def test_a_deleted_photo_takes_its_file_along(photo, media):
    deleted, kept = photo("red"), photo("blue")
    deleted.delete()
    assert count_files(media) == 1
    assert kept.file.storage.exists(str(kept.file))


def test_a_deleted_product_takes_the_files_of_its_photos_along(photo, media):
    made = photo("red")
    photo("blue", of=made.product)
    made.product.delete()
    assert Photo.objects.count() == 0
    assert count_files(media) == 0


def test_products_deleted_together_take_their_files_along(photo, media):
    photo("red")
    photo("blue")
    Product.objects.all().delete()
    assert count_files(media) == 0


def test_a_delete_that_is_rolled_back_keeps_the_file(photo, media):
    made = photo("red")
    with transaction.atomic():
        made.product.delete()
        transaction.set_rollback(True)
    assert Photo.objects.count() == 1
    assert count_files(media) == 1


def test_two_products_with_the_same_photo_have_a_file_each(product, media):
    first, _ = add_photo(product(), picture("red"))
    second, created = add_photo(product(), picture("red"))
    assert created
    assert first.file.name != second.file.name
    first.delete()
    assert count_files(media) == 1
    assert second.file.storage.exists(str(second.file))


def test_a_photo_whose_file_is_gone_already_can_be_deleted(photo, media):
    made = photo("red")
    made.file.storage.delete(str(made.file))
    made.delete()
    assert Photo.objects.count() == 0


def test_a_new_row_that_is_refused_leaves_no_file(photo, media):
    made = photo("red")
    with pytest.raises(Product.DoesNotExist):
        add_photo(Product(pk=made.product.pk + 1), picture("blue"))
    assert count_files(media) == 1
