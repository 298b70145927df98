"""Why a photo is refused, and the limits that it has to keep."""

from enum import StrEnum

FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF")
MAX_BYTES = 20_000_000
MAX_PIXELS = 50_000_000  # 200 MB in Pillow's 4 bytes a pixel
MIN_SIDE = 16
MAX_ASPECT = 20  # padded to 224 x 224, a 20:1 photo is a strip of 11 px; a longer one leaves nothing to see


class PhotoProblem(StrEnum):
    """Why a photo is refused: the codes an API client or a rejection row may hold."""

    EMPTY = "empty"
    TOO_MANY_BYTES = "too_many_bytes"
    UNSUPPORTED_FORMAT = "unsupported_format"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"
    TOO_NARROW = "too_narrow"
    CORRUPT = "corrupt"
    TOO_COSTLY = "too_costly"
    INVALID_REGION = "invalid_region"
    REGION_TOO_SMALL = "region_too_small"


MESSAGES = {
    PhotoProblem.EMPTY: "The file is empty: choose a photo and send it again.",
    PhotoProblem.TOO_MANY_BYTES: f"The file is over {MAX_BYTES // 1_000_000} MB: save the photo smaller.",
    PhotoProblem.UNSUPPORTED_FORMAT: "This is not a photo we can read: send JPEG, PNG, WebP, AVIF, HEIC or GIF.",
    PhotoProblem.TOO_MANY_PIXELS: f"The photo has over {MAX_PIXELS // 1_000_000} megapixels: scale it down.",
    PhotoProblem.TOO_SMALL: f"The photo is too small: send one with at least {MIN_SIDE} pixels on each side.",
    PhotoProblem.TOO_NARROW: (
        f"The photo is too long and narrow: crop it until one side is at most {MAX_ASPECT} times the other."
    ),
    PhotoProblem.CORRUPT: "The photo is damaged or cut short: export or download it again, then send it.",
    PhotoProblem.TOO_COSTLY: (
        "Reading the photo takes far more work than one of its size should: open it in a photo program, save it as a "
        "plain JPEG, and send that."
    ),
    PhotoProblem.INVALID_REGION: (
        "The region does not lie within the photo: give x, y, width and height as fractions between 0 and 1."
    ),
    PhotoProblem.REGION_TOO_SMALL: f"The region is too small: mark at least {MIN_SIDE} pixels on each side.",
}


class UnreadablePhoto(Exception):  # noqa: N818  it names the state of the photo
    """The photo, or its marked region, is unusable as it is; `message` is one sentence with the cure."""

    def __init__(self, code: PhotoProblem) -> None:
        super().__init__(code)
        self.code = code
        self.message = MESSAGES[code]

    def __str__(self) -> str:
        return self.message


class DecodersBusy(Exception):  # noqa: N818  it names the state of the decoders
    """No decoder was free in time. The photo may be as good as any: try again in a moment."""

    def __init__(self) -> None:
        super().__init__("Too many photos are being read at the moment. Try again in a few seconds.")
