import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from catalog.errors import TooLarge
from catalog.fields import PhotoField, photo_errors
from ml.images import MAX_BYTES, PhotoProblem, UnreadablePhoto, open_photo
from tests.conftest import picture


class Form(serializers.Serializer):
    image = PhotoField()


def test_a_photo_field_gives_the_bytes_that_were_sent():
    form = Form(data={"image": SimpleUploadedFile("photo.png", picture("red"))})
    assert form.is_valid()
    assert form.validated_data == {"image": picture("red")}


@pytest.mark.parametrize(
    ("data", "code"), [({}, "required"), ({"image": "text"}, "invalid"), ({"image": None}, "null")]
)
def test_what_is_no_file_is_refused(data, code):
    form = Form(data=data)
    assert not form.is_valid()
    assert form.errors["image"][0].code == code


def test_as_many_bytes_as_allowed_are_taken_and_one_more_is_too_large():
    assert Form(data={"image": SimpleUploadedFile("photo.png", b"x" * MAX_BYTES)}).is_valid()
    with pytest.raises(TooLarge) as refusal:
        Form(data={"image": SimpleUploadedFile("photo.png", b"x" * (MAX_BYTES + 1))}).is_valid()
    assert (refusal.value.status_code, refusal.value.get_codes()) == (413, "too_many_bytes")


def test_an_unreadable_photo_becomes_an_error_of_its_field():
    with pytest.raises(ValidationError) as refusal, photo_errors("image"):
        open_photo(b"no photo")
    assert refusal.value.get_codes() == {"image": ["unsupported_format"]}


def test_a_photo_of_too_many_bytes_becomes_a_413():
    with pytest.raises(TooLarge), photo_errors("image"):
        raise UnreadablePhoto(PhotoProblem.TOO_MANY_BYTES)
