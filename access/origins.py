"""Origins of browsers' pages: how they are written."""

import re
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

DEFAULT_PORTS = {"http": 80, "https": 443}
CURE = "Write scheme and name, with a port where it has one, and nothing behind: https://shop.example."


def normalised(given: str) -> str:
    """An origin as browsers send it. Raises ValidationError."""
    try:
        url = urlsplit(given.strip().rstrip("/"))
        port = url.port
    except ValueError as error:
        raise ValidationError(f"“{given}” is no origin. {CURE}") from error
    rest = url.path or url.query or url.fragment or url.username or url.password
    name = url.hostname or ""
    if url.scheme not in DEFAULT_PORTS or rest or not re.fullmatch(r"[a-z0-9.-]+|[0-9a-f:.]+", name):
        raise ValidationError(
            f"“{given}” is no origin. {CURE} A name with other letters is written in punycode (xn--)."
        )
    host = f"[{name}]" if ":" in name else name
    return f"{url.scheme}://{host}" + (f":{port}" if port and port != DEFAULT_PORTS[url.scheme] else "")
