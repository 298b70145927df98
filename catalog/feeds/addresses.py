"""Addresses of feeds: which are taken, and how they are shown. One may hold a password or a token, and no page does."""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError

from catalog.fetching.answers import NotFetched
from catalog.fetching.networks import is_allowed, written
from catalog.fetching.web_addresses import HIDDEN, WebAddress, read_address

MAX_ADDRESS = 2_000
EXAMPLE = "https://shop.example/feed.xml"


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
    parts = urlsplit(address)
    if parts.fragment:
        raise ValidationError("It has a “#”: what follows is never sent. Leave it out.", code="fragment")
    if "@" in parts.path and "@" not in parts.netloc and "." not in read.host:
        raise ValidationError(
            "It has an “@” behind the host. Write %2F for a “/” in a password, and %40 for an “@” in a path.", code="at"
        )
    validate_reach(read)


def validate_reach(read: WebAddress) -> None:
    """Refuse what each run would refuse, as far as no name has to be looked up. Raises ValidationError."""
    if not read.has_port_of_the_web:
        why = f"Port {read.port} is none of the web: it may be 80, 443 or above 1023. Leave it out for 443."
        raise ValidationError(why, code="port")
    if not all(is_allowed(address, settings.FETCH_NETWORKS) for address in written(read.host)):
        raise ValidationError(
            "It leads into a private network. Write the name of a host on the internet, or allow the network with the "
            "setting FETCH_NETWORKS.",
            code="network",
        )
