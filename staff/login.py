"""Logging in to the admin, a few times only for who guesses passwords."""

import math
from hashlib import sha256
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import ngettext
from unfold.forms import AuthenticationForm

from access.rates import Rate
from metrics import refusals
from search.api.throttles import HOUSEHOLD, address

# People mistype a password a few times. One address guesses 40 an hour at most.
BY_ADDRESS = Rate(10, 900)
# From many addresses together. It takes ten of them to keep somebody out, and nobody does so by mistake.
BY_NAME = Rate(100, 900)


class LoginForm(AuthenticationForm):
    """Counts attempts by address and by name, in Redis, and takes back what succeeded."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "too_many": "Too many attempts to log in. Try again in %(wait)s, or ask who runs the server to unlock you "
        "(manage.py unlock_login).",
    }

    def clean(self) -> dict[str, Any]:
        taken: list[tuple[Rate, str]] = []
        where = address_key(address(self.request, HOUSEHOLD))
        for rate, key in ((BY_ADDRESS, where), (BY_NAME, name_key(self._name()))):
            if seconds := rate.take(key):
                refusals.note(self.request.META, refusals.TOO_MANY_LOGINS)
                raise ValidationError(self.error_messages["too_many"], "too_many", {"wait": minutes(seconds)})
            taken.append((rate, key))
        data: dict[str, Any] = super().clean()
        for rate, key in taken:
            rate.count(key, -1)
        return data

    def _name(self) -> str:
        return str(self.cleaned_data.get("username", ""))


def address_key(counted: str) -> str:
    """The key that attempts from an address are counted by, as `throttles.address` writes it."""
    return f"login-address:{counted}"


def name_key(name: str) -> str:
    """The key that attempts at a name are counted by. A hash, since names are whatever is typed."""
    return f"login-name:{sha256(name.lower().encode(errors='replace')).hexdigest()}"


def minutes(seconds: float) -> str:
    """A time to wait, in words: "3 minutes"."""
    count = math.ceil(seconds / 60)
    return ngettext("%d minute", "%d minutes", count) % count
