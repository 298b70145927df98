"""Every way a photo may arrive, and the one way it may be refused."""

import contextlib
import io
import struct
import subprocess
import sys
import zlib
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ml.images import (
    FINGERPRINT_BYTES,
    MAX_BYTES,
    MESSAGES,
    SAME_PICTURE,
    AtLeast,
    PhotoProblem,
    UnreadablePhoto,
    as_jpeg,
    crop_region,
    fingerprint,
    open_at,
    open_photo,
)
from tests.bombs import encoded
from tests.broken_photos import broken_photos

DEMO_PHOTOS = Path(__file__).resolve().parents[2] / "demo" / "catalog" / "photos"
HALF = AtLeast(longer=20)  # of a plain photo
RED, WHITE, BLUE = (255, 0, 0), (255, 255, 255), (0, 0, 255)


def plain(mode: str = "RGB", size: tuple[int, int] = (40, 30), colour=RED) -> Image.Image:
    return Image.new(mode, size, colour)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    size, checksum = struct.pack(">I", 13), struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + size + header + checksum + struct.pack(">I", 1000) + b"IDAT"


def near(pixel, colour, tolerance: int = 8) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(pixel, colour, strict=True))


def refusal(data: bytes) -> str:
    with pytest.raises(UnreadablePhoto) as caught:
        open_photo(data)
    return caught.value.code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "MPO"])
def test_every_allowed_format_opens_as_plain_rgb(kind):
    photo = open_photo(encoded(plain(), kind))
    assert (type(photo), photo.mode, photo.size, photo.info) == (Image.Image, "RGB", (40, 30), {})
    assert near(photo.getpixel((20, 15)), RED)


def test_a_binary_file_is_read_from_where_it_stands():
    file = io.BytesIO(b"junk" + encoded(plain(), "PNG"))
    file.seek(4)
    assert open_photo(file).size == (40, 30)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_exif_orientations_bring_the_red_corner_up_left(orientation):
    upright = plain(size=(64, 48), colour=WHITE)
    upright.paste(RED, (0, 0, 16, 16))
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = upright.transpose(undo) if undo is not None else upright
    photo = open_photo(encoded(stored, "JPEG", exif=exif, quality=95))
    assert photo.size == (64, 48)
    assert near(photo.getpixel((4, 4)), RED, 20)
    assert [near(photo.getpixel(xy), WHITE, 20) for xy in ((60, 4), (4, 44), (60, 44))] == [True] * 3


def test_a_damaged_exif_block_does_not_cost_the_photo():
    exif = b"Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\xff\xff junk"
    assert open_photo(encoded(plain(), "JPEG", exif=exif)).size == (40, 30)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "HEIF"])
def test_transparency_is_laid_on_white(kind):
    image = plain("RGBA", colour=(0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 20, 30))
    photo = open_photo(encoded(image, kind))
    assert near(photo.getpixel((5, 15)), RED, 12)
    assert near(photo.getpixel((35, 15)), WHITE)


def test_grey_with_alpha_is_laid_on_white():
    assert open_photo(encoded(plain("LA", colour=(0, 0)), "PNG")).getpixel((5, 5)) == WHITE
    assert open_photo(encoded(plain("LA", colour=(0, 128)), "PNG")).getpixel((5, 5)) == (127, 127, 127)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_entry_is_laid_on_white(kind):
    image = plain("P", colour=0)
    image.putpalette([*BLUE, *RED])
    image.paste(1, (0, 0, 20, 30))
    photo = open_photo(encoded(image, kind, transparency=0))
    assert (photo.getpixel((5, 15)), photo.getpixel((35, 15))) == (RED, WHITE)


def test_a_transparent_colour_of_an_rgb_png_is_laid_on_white():
    photo = open_photo(encoded(plain(colour=BLUE), "PNG", transparency=BLUE))
    assert photo.getpixel((5, 5)) == WHITE


def test_a_cmyk_jpeg_keeps_its_colour():
    photo = open_photo(encoded(plain("CMYK", colour=(0, 255, 255, 0)), "JPEG"))
    assert near(photo.getpixel((5, 5)), RED, 12)


@pytest.mark.parametrize(("value", "grey"), [(0, 0), (257 * 100, 100), (65535, 255)])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(value, grey):
    assert open_photo(encoded(plain("I;16", colour=value), "PNG")).getpixel((5, 5)) == (grey,) * 3


@pytest.mark.parametrize("mode", ["1", "L"])
def test_black_and_white_opens(mode):
    assert open_photo(encoded(plain(mode, colour=255), "PNG")).getpixel((5, 5)) == WHITE


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF", "HEIF"])
def test_an_animation_gives_its_first_frame(kind):
    data = encoded(plain(), kind, save_all=True, append_images=[plain(colour=BLUE)] * 2)
    assert near(open_photo(data).getpixel((20, 15)), RED)


def test_a_large_photo_is_shrunk_to_the_side_and_a_small_one_is_left_alone():
    large = encoded(plain(size=(3000, 1500)), "PNG")
    assert open_photo(large).size == (1024, 512)
    assert open_photo(large, side=300).size == (300, 150)
    assert open_photo(encoded(plain(), "PNG")).size == (40, 30)


def test_a_jpeg_decoded_at_reduced_scale_nearly_equals_the_full_decode():
    gradients = [Image.radial_gradient("L"), Image.linear_gradient("L"), Image.linear_gradient("L").rotate(90)]
    image = Image.merge("RGB", gradients).resize((2400, 1800), Image.Resampling.BICUBIC)
    reduced = open_photo(encoded(image, "JPEG", quality=95), side=300)
    full = image.resize((300, 225), Image.Resampling.BICUBIC)
    differences = [abs(a - b) for a, b in zip(reduced.tobytes(), full.tobytes(), strict=True)]
    assert reduced.size == (300, 225)
    assert sum(differences) / len(differences) < 1.5


def test_files_that_hold_nothing_or_too_much_are_refused():
    assert refusal(b"") == "empty"
    assert refusal(encoded(plain(), "PNG") + bytes(MAX_BYTES)) == "too_many_bytes"


@pytest.mark.parametrize("kind", ["EPS", "TIFF", "BMP", "ICO", "PPM", "PDF"])
def test_formats_off_the_list_are_refused(kind):
    assert refusal(encoded(plain(size=(64, 64)), kind)) == "unsupported_format"


@pytest.mark.parametrize("data", [b"0123456789", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x00" * 500])
def test_files_that_are_no_photo_are_refused(data):
    assert refusal(data) == "unsupported_format"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF"])
def test_truncated_photos_are_refused(kind):
    data = encoded(Image.effect_noise((200, 200), 60), kind)
    assert refusal(data[: len(data) // 2]) == "corrupt"
    with pytest.raises(UnreadablePhoto, match="damaged"):
        open_at(data[: len(data) // 2], AtLeast(longer=100))


def test_a_flipped_bit_among_the_pixels_of_a_png_is_refused_by_both_ways_in():
    data = bytearray(encoded(Image.effect_noise((120, 120), 90).convert("RGB"), "PNG"))
    data[len(data) // 2] ^= 1
    assert refusal(bytes(data)) == "corrupt"
    with pytest.raises(UnreadablePhoto) as caught:
        open_at(bytes(data), AtLeast(longer=60))
    assert caught.value.code == "corrupt"


def test_a_photo_cut_within_its_header_is_called_corrupt():
    assert refusal(encoded(plain(), "PNG")[:20]) == "corrupt"


@pytest.mark.parametrize("side", [7_072, 10_000, 13_500, 60_000])
def test_too_many_pixels_are_refused_from_the_header_alone(side):
    assert refusal(png_header(side, side)) == "too_many_pixels"


def test_too_small_and_too_narrow_photos_are_refused():
    assert refusal(encoded(plain(size=(15, 400)), "PNG")) == "too_small"
    assert refusal(encoded(plain(size=(20, 401)), "PNG")) == "too_narrow"
    assert open_photo(encoded(plain(size=(16, 16)), "PNG")).size == (16, 16)
    assert open_photo(encoded(plain(size=(20, 400)), "PNG")).size == (20, 400)


def test_every_problem_has_a_sentence_with_its_cure():
    assert set(MESSAGES) == set(PhotoProblem)
    error = UnreadablePhoto(PhotoProblem.CORRUPT)
    assert str(error) == error.message == MESSAGES[PhotoProblem.CORRUPT]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_unreadable_photo(data):
    with pytest.raises(UnreadablePhoto):
        open_photo(data)


@settings(max_examples=300, deadline=None)
@given(broken_photos())
def test_damaged_photos_open_or_raise_unreadable_photo(damaged):
    with contextlib.suppress(UnreadablePhoto):
        assert open_photo(damaged).mode == "RGB"
    with contextlib.suppress(UnreadablePhoto):
        assert open_at(damaged, HALF).mode == "RGB"


def test_a_region_is_cut_out_at_its_own_scale():
    photo = plain(size=(200, 100), colour=WHITE)
    photo.paste(RED, (100, 50, 200, 100))
    region = crop_region(photo, (0.5, 0.5, 0.5, 0.5))
    assert region.size == (100, 50)
    assert region.getcolors() == [(5000, RED)]
    assert crop_region(photo, (0, 0, 1, 1)).size == (200, 100)
    assert crop_region(photo, (0.7, 0.1, 0.3 + 1e-9, 0.9)).size == (60, 90)


@pytest.mark.parametrize(
    ("region", "code"),
    [
        ((-0.1, 0, 0.5, 0.5), "invalid_region"),
        ((0.6, 0, 0.5, 0.5), "invalid_region"),
        ((0, 0.6, 0.5, 0.5), "invalid_region"),
        ((0, 0, float("nan"), 1), "invalid_region"),
        ((0, 0, float("inf"), 1), "invalid_region"),
        ((0, 0, 0, 0), "region_too_small"),
        ((0, 0, 0.05, 1), "region_too_small"),
    ],
)
def test_a_region_outside_the_photo_or_too_small_is_refused(region, code):
    with pytest.raises(UnreadablePhoto) as caught:
        crop_region(plain(size=(200, 100)), region)
    assert caught.value.code == code


def apart(one: Image.Image, other: Image.Image) -> int:
    """The largest difference between two pictures' fingerprints."""
    return max(abs(a - b) for a, b in zip(fingerprint(one), fingerprint(other), strict=True))


@pytest.fixture(scope="module")
def lamp() -> Image.Image:
    return open_photo((DEMO_PHOTOS / "LAM-001-1.webp").read_bytes())


@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {"quality": 30}), ("WEBP", {"quality": 40}), ("PNG", {}), ("GIF", {})]
)
@pytest.mark.parametrize("side", [160, 300, 800])
def test_a_picture_saved_anew_and_scaled_keeps_its_fingerprint(lamp, kind, options, side):
    again = open_photo(encoded(lamp.resize((side, side), Image.Resampling.LANCZOS), kind, **options))
    assert apart(lamp, again) <= SAME_PICTURE


@pytest.mark.parametrize("name", ["LAM-001-2", "LAM-002-1", "CHA-001-1"])
def test_another_picture_has_another_fingerprint(lamp, name):
    assert apart(lamp, open_photo((DEMO_PHOTOS / f"{name}.webp").read_bytes())) > SAME_PICTURE


def test_a_cropped_picture_is_another(lamp):
    assert apart(lamp, crop_region(lamp, (0.1, 0.1, 0.8, 0.8))) > SAME_PICTURE


def test_a_fingerprint_is_the_colours_row_by_row():
    halves = plain(size=(64, 32), colour=BLUE)
    halves.paste(RED, (0, 0, 32, 32))
    row = bytes(RED) * 7 + fingerprint(halves)[21:27] + bytes(BLUE) * 7
    assert fingerprint(halves) == row * 16
    assert len(row) * 16 == FINGERPRINT_BYTES


def test_a_stored_photo_carries_no_metadata():
    exif = Image.Exif()
    exif[0x010F] = "SECRETCAM"
    exif.get_ifd(0x8825)[1] = "N"
    data = encoded(plain(), "JPEG", exif=exif, comment=b"SECRETNOTE", icc_profile=b"SECRETICC" * 20) + b"SECRETTAIL"
    stored = as_jpeg(open_photo(data))
    assert b"SECRET" in data
    assert b"SECRET" not in stored
    assert not Image.open(io.BytesIO(stored)).getexif()
    assert open_photo(stored).size == (40, 30)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_opened_at_a_scale_is_at_least_that_large_and_upright(kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # Shown turned by a quarter, clockwise.
    lying = plain(size=(1600, 800), colour=WHITE)
    lying.paste(BLUE, (0, 0, 800, 800))
    upright = open_at(encoded(lying, kind, exif=exif), AtLeast(shorter=160))
    assert upright.size in ((200, 400), (160, 320))  # A quarter in JPEG, a fifth in the others.
    assert near(upright.getpixel((80, 60)), BLUE)
    assert near(upright.getpixel((80, 280)), WHITE)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "CMYK", "I;16", "1"])
def test_every_mode_opens_at_a_scale(mode):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    photo = open_at(encoded(plain().convert("L" if mode == "I;16" else "RGB").convert(mode), kind), HALF)
    assert (photo.mode, photo.size) == ("RGB", (20, 15))


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("opened", [lambda data: open_at(data, HALF), partial(open_photo, side=20)])
def test_a_transparent_colour_becomes_white_before_the_photo_is_reduced(mode, opened):
    black, grey = ((0, 0, 0), (200, 200, 200)) if mode == "RGB" else (0, 200)
    stripes = plain(mode, colour=black)
    for left in range(0, 40, 2):
        stripes.paste(grey, (left, 0, left + 1, 30))
    photo = opened(encoded(stripes, "PNG", transparency=black))
    assert photo.size == (20, 15)
    assert near(photo.getpixel((10, 7)), (228, 228, 228))  # Midway to white.


def test_opening_photos_imports_neither_torch_nor_numpy():
    code = "import sys, ml.images, ml.recipes; sys.exit(bool({'torch', 'numpy', 'sklearn'} & set(sys.modules)))"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
