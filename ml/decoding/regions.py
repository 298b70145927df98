"""Which part of a photo is looked at, and how large it must be."""

from dataclasses import dataclass

from ml.decoding.problems import MIN_SIDE, PhotoProblem, UnreadablePhoto

# x, y, width, height as fractions of the upright photo, measured from its top left corner
Region = tuple[float, float, float, float]
WHOLE = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class AtLeast:
    """How many pixels a picture is to have, on its shorter side, on its longer one, or on both."""

    shorter: float = 0
    longer: float = 0

    def scale(self, width: float, height: float) -> float:
        """The least scale at which a picture of that size is large enough."""
        return max(self.shorter / min(width, height), self.longer / max(width, height))


def check_region(region: Region, width: int, height: int) -> None:
    x, y, across, down = region
    slack = 1e-6  # a client's x + width may miss 1 by float rounding
    inside = all(0 <= value <= 1 for value in region) and x + across <= 1 + slack and y + down <= 1 + slack
    if not inside:
        raise UnreadablePhoto(PhotoProblem.INVALID_REGION)
    left, top, right, bottom = region_box(region, width, height)
    if min(right - left, bottom - top) < MIN_SIDE:
        raise UnreadablePhoto(PhotoProblem.REGION_TOO_SMALL)


def region_box(region: Region, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a region of a photo of that size: at least one pixel, however small the photo."""
    x, y, across, down = region
    left, top = min(round(x * width), width - 1), min(round(y * height), height - 1)
    right, bottom = min(round((x + across) * width), width), min(round((y + down) * height), height)
    return left, top, max(left + 1, right), max(top + 1, bottom)
