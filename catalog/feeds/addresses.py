"""Addresses of feeds: which are taken, and how they are shown. One may hold a password or a token, and no page does."""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError

from catalog.fetching.answers import NotFetched
from catalog.fetching.web_addresses import read_address

MAX_ADDRESS = 2_000
# What stands for what is not shown. No address holds it: other letters than ASCII's are percent-encoded.
HIDDEN = "…"
EXAMPLE = "https://shop.example/feed.xml"


def shown(address: str) -> str:
    """The address without user, password and what stands behind the question mark."""
    parts = urlsplit(address)
    user, at, place = parts.netloc.rpartition("@")
    hidden = f"{HIDDEN}@" if at or user else ""
    return f"{parts.scheme}://{hidden}{place}{parts.path}" + (f"?{HIDDEN}" if parts.query else "")


def validate_address(address: str) -> None:
    """Raises ValidationError, whose messages never quote the address."""
    if len(address) > MAX_ADDRESS:
        raise ValidationError(f"It has more than {MAX_ADDRESS:,} characters.", code="too_long")
    if HIDDEN in address:
        raise ValidationError(
            f"It has a “{HIDDEN}”, which stands for what is not shown. Write the whole address, with user, password "
            "and all that stands behind the question mark.",
            code="hidden",
        )
    if any(character.isspace() or not character.isprintable() for character in address):
        raise ValidationError("It has a space or a line break in it. Write %20 for a space.", code="space")
    try:
        read = read_address(address)
    except NotFetched as error:
        raise ValidationError(f"{error} It reads like {EXAMPLE}.", code="invalid") from error
    if read.scheme != "https" and not settings.FETCH_HTTP:
        raise ValidationError(
            "It is not encrypted: write https://, or allow http:// with the setting FETCH_HTTP.", code="scheme"
        )
    if urlsplit(address).fragment:
        raise ValidationError("It has a “#”: what follows is never sent. Leave it out.", code="fragment")
