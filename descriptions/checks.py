"""Misconfiguration fails at start, with its cure."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from descriptions.models import PLAIN

MOST_REQUESTS = 32


@register()
def caption_server_is_named(**kwargs: Any) -> list[CheckMessage]:
    if not settings.CAPTION_URL:
        return []
    errors: list[CheckMessage] = []
    if not _is_address(settings.CAPTION_URL):
        hint = "Set it to an address such as http://127.0.0.1:11434/v1, or leave it out."
        errors.append(Error("CAPTION_URL is no http(s) address.", hint=hint, id="descriptions.E001"))
    if not settings.CAPTION_MODEL.strip():
        hint = "Set CAPTION_MODEL to a model that the server has, such as qwen2.5vl:7b."
        errors.append(Error("CAPTION_URL is set, but no model.", hint=hint, id="descriptions.E002"))
    if settings.CAPTION_MODEL.strip() == PLAIN:
        hint = f"Have the server call the model something else: captions made without a model are called {PLAIN}."
        errors.append(Error(f"CAPTION_MODEL is {PLAIN}.", hint=hint, id="descriptions.E005"))
    return errors


@register()
def caption_requests_are_a_number_of_requests(**kwargs: Any) -> list[CheckMessage]:
    if 1 <= settings.CAPTION_REQUESTS <= MOST_REQUESTS:
        return []
    hint = f"Set it to a number from 1 to {MOST_REQUESTS}, such as 2."
    said = f"CAPTION_REQUESTS is no number of requests: {settings.CAPTION_REQUESTS}"
    return [Error(said, hint=hint, id="descriptions.E003")]


@register()
def caption_key_can_be_sent(**kwargs: Any) -> list[CheckMessage]:
    key = settings.CAPTION_KEY
    if key.isascii() and key.isprintable() and key == key.strip():
        return []
    hint = "Copy it anew, without blanks and line breaks around it."
    return [Error("CAPTION_KEY has characters that no header can hold.", hint=hint, id="descriptions.E004")]


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
