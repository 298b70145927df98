"""Who asks, by the key that a request sends: `Authorization: Bearer pk_...`."""

from dataclasses import dataclass

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from access import secrets
from access.models import Key

# Where a request's environ has the prefix of its key, for the line of the log.
PREFIX = "lamplight.key"
SEND_ONE = "Send a key as the shop's staff made it: Authorization: Bearer pk_... or sk_..."


class KeyRefused(PermissionDenied):
    """403 to a key. It counts as a refusal of the key where it is answered, not where OPTIONS asks."""

    def __init__(self, key: Key, told: str) -> None:
        self.key = key
        super().__init__(f"The key {key.prefix} {told}")


@dataclass(frozen=True)
class KeyHolder:
    """The user of a request with a key. It has the permissions of the key's scopes, and no account."""

    key: Key
    pk = None
    is_active = is_authenticated = True
    is_anonymous = is_staff = is_superuser = False

    def has_perm(self, permission: str, obj: object = None) -> bool:
        return self.key.has_perms([permission])

    def has_perms(self, permissions: list[str], obj: object = None) -> bool:
        return self.key.has_perms(permissions)


class KeyAuthentication(BaseAuthentication):
    """A bad key is refused, never taken for nobody's. Other schemes than Bearer are left to others."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, Key] | None:
        scheme, _, secret = request.headers.get("Authorization", "").strip().partition(" ")
        secret = secret.strip()
        if scheme.startswith(secrets.KINDS) or (scheme.lower() != "bearer" and secret.startswith(secrets.KINDS)):
            raise AuthenticationFailed("Send the key with the word Bearer before it: Authorization: Bearer pk_...")
        if scheme.lower() != "bearer":
            return None
        key = _key(secret)
        request.META[PREFIX] = key.prefix
        if (origin := request.headers.get("Origin")) is not None:
            _check_origin(key, origin)
        return KeyHolder(key), key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _key(secret: str) -> Key:
    if (prefix := secrets.prefix(secret)) is None:
        raise AuthenticationFailed(f"This is no key: a part of it may be missing. {SEND_ONE}")
    key = Key.objects.of_secret(secret)
    if key is None:
        raise AuthenticationFailed(f"No such key, or it was replaced. {SEND_ONE}")
    if key.revoked_at:
        raise AuthenticationFailed(f"The key {prefix} was revoked. Ask the shop's staff for another.")
    return key


def _check_origin(key: Key, origin: str) -> None:
    if key.kind == Key.Kind.PUBLISHABLE and origin not in key.origins:
        told = "is not for pages of this origin. Send it from one of its own, or have staff add the origin to the key."
        raise KeyRefused(key, told)
