"""Whether the shop's own page may ask the API: by its key (STOREFRONT_KEY), or as anybody may."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings

from access import scopes, secrets
from access.models import Key
from operations.doctor.exposure import LOCAL
from operations.doctor.finding import Finding, ok, problem, warning

MAKE = "manage.py make_key publishable --scope search --scope read --scope events --origin ADDRESS_OF_THE_PAGE"


def page_key() -> Iterator[Finding]:
    if secret := settings.STOREFRONT_KEY:
        yield from _of(secret)
    elif settings.ANONYMOUS_API:
        yield ok("the shop's page asks without a key, as anybody may")
    else:
        yield warning(
            "the shop's page finds nothing: the API answers nobody without a key, and STOREFRONT_KEY is not set",
            f"Set STOREFRONT_KEY to what this prints: {MAKE}. A shop that shows a page of its own needs none.",
        )


def _of(secret: str) -> Iterator[Finding]:
    key = Key.objects.of_secret(secret)
    if key is None or key.revoked_at:
        yield problem("the shop's page sends a key that is revoked or unknown", f"Set STOREFRONT_KEY anew: {MAKE}.")
        return
    found = list(_wrong(key, secret))
    yield from found
    if not found:
        yield ok(f"the shop's page asks with the key {key.prefix}")


def _wrong(key: Key, secret: str) -> Iterator[Finding]:
    if lacking := [scope for scope in scopes.PUBLISHABLE if not key.may(scope)]:
        yield problem(
            f"the key of the shop's page, {key.prefix}, lacks {', '.join(lacking)}", "Add the scopes in the admin."
        )
    if key.digest != secrets.digest(secret) and key.former_until:
        yield warning(
            f"the key of the shop's page was rotated, and works until {key.former_until:%Y-%m-%d %H:%M} (UTC)",
            f"Set STOREFRONT_KEY to the secret of {key.prefix}.",
        )
    names = {settings.HOST, *settings.ALLOWED_HOSTS}
    here = names - LOCAL or names
    if "*" not in here and here.isdisjoint(urlsplit(origin).hostname for origin in key.origins):
        # Browsers name the origin with all that they POST, to the page's own server as well.
        yield problem(
            f"the key of the shop's page is for pages of {', '.join(key.origins)}, not of {', '.join(sorted(here))}",
            f"Add the origin of the shop's page to the key {key.prefix} in the admin.",
        )
