"""What a PNG holds beside its pixels cannot make it unreadable."""

import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from ml.decoding.png_chunks import MAX_INFLATED, without_unreadable_chunks
from ml.images import AtLeast, UnreadablePhoto, open_at, open_photo
from tests.bombs import chunk, encoded

PLAIN = encoded(Image.new("RGB", (64, 64), "red"), "PNG")
LONG = zlib.compress(b"a" * (MAX_INFLATED + 1))


def spoilt(whole):
    """The chunk with a wrong checksum."""
    return whole[:-4] + struct.pack(">I", zlib.crc32(whole) ^ 1)


def both(data):
    return [open_photo(data).getpixel((9, 9)), open_at(data, AtLeast(shorter=64)).getpixel((9, 9))]


@pytest.mark.parametrize("behind", [False, True], ids=["in front of the pixels", "behind the pixels"])
@pytest.mark.parametrize(
    "odd",
    [
        chunk(b"iTXt", b"Comment\0\1\0\0\0" + LONG),
        chunk(b"zTXt", b"Comment\0\0" + LONG),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LONG),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + LONG),
        chunk(b"zTXt", b"Comment\0\0no zlib"),
        chunk(b"iCCP", b"p\0\0" + LONG),
        chunk(b"iCCP", b"p\0\0no zlib"),
        spoilt(chunk(b"tEXt", b"Comment\0hello")),
        spoilt(chunk(b"iCCP", b"p\0\0" + zlib.compress(b"x"))),
        spoilt(chunk(b"eXIf", b"MM\0*")),
        spoilt(chunk(b"gAMA", b"\0\0\0\1")),
        spoilt(chunk(b"pHYs", b"\0")),
        chunk(b"tEXt", b"Comment\0" + b"a" * (MAX_INFLATED + 1)),
    ],
)
def test_texts_and_profiles_too_large_or_damaged_leave_the_photo_readable(odd, behind):
    at = len(PLAIN) - 12 if behind else 33
    assert both(PLAIN[:at] + odd + PLAIN[at:]) == [(255, 0, 0)] * 2


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"tRNS"])
def test_a_wrong_checksum_of_what_pixels_depend_on_is_still_damage(kind):
    photo = Image.new("P", (64, 64), 1)
    photo.putpalette([255, 0, 0, 0, 0, 255])
    data = encoded(photo, "PNG", transparency=0)
    at = data.index(kind)
    end = at + 4 + int.from_bytes(data[at - 4 : at])
    with pytest.raises(UnreadablePhoto, match="damaged"):
        open_photo(data[:end] + bytes(4) + data[end + 4 :])


def test_a_whole_png_and_other_files_are_given_back_as_they_are():
    exif = Image.Exif()
    exif[0x0112] = 6
    for data in (PLAIN, encoded(Image.new("RGB", (64, 64)), "PNG", exif=exif), b"GIF89a", PLAIN[:50], b""):
        assert without_unreadable_chunks(data) is data


def test_a_photo_stays_upright_by_an_orientation_told_in_a_text():
    told = PngImagePlugin.PngInfo()
    told.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')
    assert open_photo(encoded(Image.new("RGB", (64, 32)), "PNG", pnginfo=told)).size == (32, 64)


def test_a_grey_of_sixteen_bits_that_is_clear_becomes_white():
    row = bytes(64) + struct.pack("<H", 40_000) * 32
    data = encoded(Image.frombytes("I;16", (64, 64), row * 64), "PNG")
    data = data[:33] + chunk(b"tRNS", b"\0\0") + data[33:]
    assert both(data) == [(255, 255, 255)] * 2
    assert open_photo(data).getpixel((40, 9)) == (155, 155, 155)
