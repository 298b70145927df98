import hashlib
import io
from threading import Barrier, Thread

import pytest
from django.db import connection
from PIL import Image

from catalog.models import MAX_POSITION, Photo, Product
from catalog.photos import MAX_PHOTOS, Picture, TooManyPhotos, add_photo, add_pictures, open_stored
from catalog.storage import StoredPhotoError
from ml.images import UnreadablePhoto, fingerprint, open_photo
from tests.bombs import encoded
from tests.colour_profiles import swapped_rgb
from tests.conftest import picture

pytestmark = pytest.mark.django_db


def files(media):
    return sorted(str(path.relative_to(media)) for path in media.rglob("*") if path.is_file())


def test_a_photo_is_kept_as_a_jpeg_named_by_the_hash_of_what_was_sent(product, media):
    data = picture("red", (80, 40))
    photo, created = add_photo(product(), data)
    sha256 = hashlib.sha256(data).hexdigest()
    assert created
    assert (photo.sha256, photo.width, photo.height, photo.position) == (sha256, 80, 40, 0)
    assert files(media) == [f"photos/{sha256[:2]}/{sha256}.jpg"]
    with Image.open(photo.file) as stored:
        assert (stored.format, stored.mode, stored.size) == ("JPEG", "RGB", (80, 40))
        assert stored.getpixel((40, 20)) == (254, 0, 0)


def test_a_large_photo_is_stored_smaller(product):
    photo, _ = add_photo(product(), picture("red", (3000, 1500), "JPEG"))
    assert (photo.width, photo.height) == (2048, 1024)
    with Image.open(photo.file) as stored:
        assert stored.size == (2048, 1024)


def test_the_place_and_the_camera_of_a_photo_are_not_kept(product):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turned right
    exif[0x010F] = "Camera maker"
    exif.get_ifd(0x8825)[1] = "N"
    out = io.BytesIO()
    Image.new("RGB", (80, 40), "red").save(out, "JPEG", exif=exif, comment=b"from my garden")
    assert b"Camera maker" in out.getvalue()
    photo, _ = add_photo(product(), out.getvalue() + b"<script>appended</script>")
    stored = photo.file.read()
    assert (photo.width, photo.height) == (40, 80)
    for trace in (b"Exif", b"Camera maker", b"garden", b"script"):
        assert trace not in stored
    with Image.open(io.BytesIO(stored)) as image:
        assert dict(image.getexif()) == {}


def test_the_fingerprint_of_the_picture_is_stored(product):
    sent = Image.effect_mandelbrot((3000, 2000), (-2, -1, 1, 1), 20).convert("RGB")
    out = io.BytesIO()
    sent.save(out, "PNG")
    photo, _ = add_photo(product(), out.getvalue())
    photo.refresh_from_db()
    assert bytes(photo.fingerprint) == fingerprint(open_photo(out.getvalue(), side=2048))
    kept = fingerprint(open_photo(photo.file.read()))
    assert max(abs(a - b) for a, b in zip(photo.fingerprint, kept, strict=True)) <= 1


def test_the_same_photo_twice_is_one_row_and_one_file(product, media):
    owner = product()
    first, _ = add_photo(owner, picture("red"))
    second, created = add_photo(owner, picture("red"))
    assert (second, created) == (first, False)
    assert len(files(media)) == 1


def test_a_photo_the_product_has_is_known_without_decoding(product):
    owner = product()
    data = b"bytes that no decoder reads"
    held = Photo.objects.create(product=owner, sha256=hashlib.sha256(data).hexdigest(), width=1, height=1)
    assert add_photo(owner, data) == (held, False)


def test_the_same_photo_sent_twice_at_once_is_one_row(product, media):
    pictures = [Picture(picture("red")), Picture(picture("red")), Picture(picture("blue"))]
    added = add_pictures(product(), pictures)
    assert [created for _, created in added] == [True, False, True]
    assert [photo.position for photo, _ in added] == [0, 0, 1]
    assert len(files(media)) == 2


def test_photos_come_in_the_order_they_were_added(product):
    owner = product()
    added = [add_photo(owner, picture(colour))[0] for colour in ("red", "blue", "white")]
    assert list(owner.photos.all()) == added


def test_behind_the_last_position_the_order_is_still_that_of_adding(product):
    owner = product()
    held = Photo.objects.create(product=owner, sha256="0" * 64, width=1, height=1, position=MAX_POSITION)
    added = [add_photo(owner, picture(colour))[0] for colour in ("red", "blue")]
    assert [photo.position for photo in added] == [MAX_POSITION, MAX_POSITION]
    assert list(owner.photos.all()) == [held, *added]


def test_what_is_no_photo_leaves_no_trace(product, media):
    owner = product()
    with pytest.raises(UnreadablePhoto) as refusal:
        add_photo(owner, b"%PDF-1.7")
    assert refusal.value.code == "unsupported_format"
    assert Photo.objects.count() == 0
    assert files(media) == []


def test_a_stored_photo_is_opened_by_whatever_reads_it(photo, django_assert_num_queries):
    red = photo("red")
    with django_assert_num_queries(0):
        assert open_stored(red, open_photo).getpixel((0, 0)) == (254, 0, 0)
        assert open_stored(Photo(file=red.file.name), len) == red.file.size


def test_what_keeps_a_stored_photo_from_being_opened_is_told_in_a_sentence_and_whether_it_may_pass(photo, media):
    damaged, gone, silent = photo("red"), photo("green"), photo("blue")
    (media / damaged.file.name).write_bytes(b"\xff\xd8\xff no photo")
    (media / gone.file.name).unlink()
    (media / silent.file.name).unlink()
    (media / silent.file.name).mkdir()  # Opening it fails with an OSError that is neither a missing nor a bad file.
    told = []
    for stored in (damaged, gone, silent):
        with pytest.raises(StoredPhotoError) as failure:
            open_stored(stored, open_photo)
        told.append((str(failure.value), failure.value.transient))
    assert told == [
        ("The photo is damaged or cut short: export or download it again, then send it.", False),
        ("The file is missing from the photo storage. Upload the photo again.", False),
        ("The photo storage did not answer: Is a directory.", True),
    ]


def test_a_product_has_a_bounded_number_of_photos(product, media):
    owner = product()
    Photo.objects.bulk_create(
        Photo(product=owner, sha256=f"{number:064}", width=1, height=1) for number in range(MAX_PHOTOS - 1)
    )
    with pytest.raises(TooManyPhotos, match="at most 50 photos"):
        add_pictures(owner, [Picture(picture("red")), Picture(picture("blue"))])
    assert files(media) == []
    assert owner.photos.count() == 49
    _, created = add_photo(owner, picture("red"))
    assert created


def test_photos_of_a_deleted_product_are_not_stored(product, media):
    owner = product()
    Product.objects.all().delete()
    with pytest.raises(Product.DoesNotExist):
        add_photo(owner, picture("red"))
    assert files(media) == []


@pytest.mark.django_db(transaction=True)
def test_one_photo_sent_by_many_at_the_same_moment_is_one_row_and_one_file(product, media):
    owner, data = product(), picture("red")
    senders, results = 4, []
    barrier = Barrier(senders)

    def send():
        try:
            barrier.wait()
            results.append(add_photo(owner, data))
        finally:
            connection.close()

    threads = [Thread(target=send) for _ in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(created for _, created in results) == [False, False, False, True]
    assert {photo for photo, _ in results} == {Photo.objects.get()}
    assert len(files(media)) == 1


def test_the_jpeg_kept_has_the_colours_that_the_profile_of_the_upload_means():
    photo = encoded(Image.new("RGB", (64, 64), (255, 0, 0)), "PNG", icc_profile=swapped_rgb())
    kept = Image.open(io.BytesIO(Picture(photo).decode().jpeg))
    red, green, blue = kept.resize((1, 1)).tobytes()
    assert (red < 10, green > 245, blue < 10, kept.info.get("icc_profile")) == (True, True, True, None)


def test_a_heic_photo_is_kept_as_a_jpeg(product, media):
    photo, _ = add_photo(product(), encoded(Image.new("RGB", (80, 40), "red"), "HEIF"))
    with Image.open(photo.file) as stored:
        assert (stored.format, stored.size) == ("JPEG", (80, 40))
