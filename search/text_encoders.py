"""The encoder of texts that the shop is set up with."""

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from ml.text_encoder import TextEncoder, TextModel

NONE = "none"


def text_encoder() -> TextEncoder | None:
    """The encoder that TEXT_ENCODER names, None where it is "none". Raises ml.recipes.WeightsError."""
    return None if settings.TEXT_ENCODER == NONE else _encoder(settings.TEXT_ENCODER, settings.LAMPLIGHT_RUNTIME)


@lru_cache(maxsize=2)
def _encoder(folder: str, runtime: str) -> TextEncoder:
    model = TextModel.of_folder(Path(folder)) if folder else TextModel.installed()
    return TextEncoder(model, runtime, settings.VAR / "models")
