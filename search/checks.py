"""Misconfiguration fails at start, with its cure."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def weights_exist(**kwargs: Any) -> list[CheckMessage]:
    weights = settings.LAMPLIGHT_WEIGHTS
    if weights in ("imagenet", "random") or Path(weights).is_file():
        return []
    hint = "Set it to the path of a state dict, to 'imagenet' or to 'random'."
    return [Error(f"LAMPLIGHT_WEIGHTS names no file: {weights}", hint=hint, id="search.E001")]
