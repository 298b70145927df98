"""What a photo claims is read without a decoder, and what claims too much never reaches one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ml.decoding.headers import MAX_CHUNKS, MAX_PIXEL_CHUNKS, MAX_SCANS, MAX_SEGMENTS, Header, read_header
from ml.decoding.problems import UnreadablePhoto
from tests.bombs import (
    AVIF_THAT_LIES,
    encoded,
    jpeg_of_scans,
    jpeg_of_segments,
    png_of_pieces,
    png_of_profiles,
    webp_of_nothing,
)

PHOTO = Image.effect_noise((300, 200), 60).convert("RGB")
ENCODED = {kind: encoded(PHOTO, kind) for kind in ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF")}


def refusal(data: bytes) -> str:
    with pytest.raises(UnreadablePhoto) as caught:
        read_header(data)
    return caught.value.code


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"comment": b"\xff\xda" * 300, "exif": b"Exif\0\0" + b"\xff\xd9" * 9}),
        ("PNG", {}),
        ("GIF", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"exif": b"Exif\0\0"}),
        ("AVIF", {}),
        ("HEIF", {}),
        ("HEIF", {"tile_size": 128}),
    ],
)
def test_format_and_pixels_are_read_of_every_kind(kind, options):
    assert read_header(encoded(PHOTO, kind, **options)) == Header(kind, 60_000)


def test_a_photo_of_several_pictures_claims_its_largest():
    pictures = [Image.new("RGB", (300, 200)), Image.new("RGB", (40, 30))]
    for kind in ("AVIF", "HEIF", "GIF", "WEBP", "PNG"):
        data = encoded(pictures[0], kind, save_all=True, append_images=[pictures[0], pictures[0]])
        assert read_header(data) == Header(kind, 60_000)


def test_a_jpeg_with_more_scans_than_any_encoder_writes_is_refused():
    usual = jpeg_of_scans(64, 0).count(b"\xff\xda")
    assert read_header(jpeg_of_scans(64, MAX_SCANS - usual)) == Header("JPEG", 64 * 64)
    assert refusal(jpeg_of_scans(64, MAX_SCANS - usual + 1)) == "too_costly"


def test_what_looks_like_scans_after_the_photo_is_not_counted():
    """A phone puts a film of some megabytes behind its photo."""
    assert read_header(encoded(PHOTO, "JPEG") + b"\xff\xda\0\2" * 500) == Header("JPEG", 60_000)


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        (jpeg_of_segments(MAX_SEGMENTS - 20), False),
        (jpeg_of_segments(MAX_SEGMENTS), True),
        (png_of_profiles(MAX_CHUNKS - 20, 10), False),
        (png_of_profiles(MAX_CHUNKS, 10), True),
        (png_of_pieces(MAX_PIXEL_CHUNKS - 20), False),
        (png_of_pieces(MAX_PIXEL_CHUNKS), True),
    ],
    ids=["segments", "too many segments", "chunks", "too many chunks", "pixel chunks", "too many pixel chunks"],
)
def test_pieces_are_bounded(data, refused):
    if refused:
        assert refusal(data) == "too_costly"
    else:
        assert read_header(data).pixels == 64 * 64


def test_a_claim_of_too_many_pixels_is_refused():
    assert refusal(webp_of_nothing(16_000)) == "too_many_pixels"
    assert read_header(webp_of_nothing(7_000)) == Header("WEBP", 49_000_000)


def test_a_lie_is_taken_for_what_it_claims():
    assert read_header(AVIF_THAT_LIES) == Header("AVIF", 256 * 256)


@pytest.mark.parametrize("kind", ENCODED)
@settings(deadline=None)
@given(changes=st.lists(st.tuples(st.integers(16, 10_000), st.integers(0, 255)), max_size=5), end=st.floats(0, 1))
def test_what_is_cut_short_or_damaged_is_left_to_the_decoder(kind, changes, end):
    damaged = bytearray(ENCODED[kind])
    for place, value in changes:
        damaged[16 + place % (len(damaged) - 16)] = value
    try:
        read = read_header(bytes(damaged[: 16 + int(end * len(damaged))])).format
    except UnreadablePhoto as refusal:
        read = refusal.code
    assert read in (kind, "too_many_pixels", "too_costly")


@given(st.binary(max_size=100))
def test_other_bytes_are_no_photo(data):
    if not data.startswith((b"\xff\xd8\xff", b"GIF8", b"RIFF", b"\x89PNG")):
        assert refusal(data) == "unsupported_format"
