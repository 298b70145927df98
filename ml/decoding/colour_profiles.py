"""Colours as sRGB, whatever colour profile a photo comes with: networks and pages know nothing of profiles."""

import io
from functools import lru_cache

from PIL import Image, ImageCms

# Profiles of printing presses have up to 3 MB.
MAX_PROFILE_BYTES = 4 << 20
SRGB = ImageCms.createProfile("sRGB")
# What LittleCMS and Pillow's wrapper of it raise for a profile that is broken, or made for another kind of colours.
PROFILE_ERRORS = (ImageCms.PyCMSError, OSError, ValueError, TypeError)


def as_srgb(photo: Image.Image, profile: object) -> Image.Image:
    """A grey, RGB or CMYK image as RGB in sRGB. A profile that is missing, broken or of other colours is ignored."""
    transform = _transform(profile, photo.mode) if isinstance(profile, bytes) and profile else None
    if transform is None:
        return photo.convert("RGB")
    return ImageCms.applyTransform(photo, transform) or photo


@lru_cache(maxsize=2)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """None for sRGB itself, which half of all photos name, and where there is nothing to go by."""
    if len(profile) > MAX_PROFILE_BYTES:
        return None
    try:
        opened = ImageCms.getOpenProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(opened):
            return None
        return ImageCms.buildTransform(
            opened, SRGB, mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
        )
    except PROFILE_ERRORS:
        return None
