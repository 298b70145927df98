"""What a key may be used for, and whether anybody may ask without one."""

from typing import Any

from django.conf import settings
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import SAFE_METHODS, BasePermission, DjangoModelPermissionsOrAnonReadOnly
from rest_framework.request import Request

from access import scopes
from access.authentication import SEND_ONE, KeyRefused
from access.models import Key


class MayAsk(BasePermission):
    """Anybody without a key, if ANONYMOUS_API; a key with the view's `scope`."""

    def has_permission(self, request: Request, view: Any) -> bool:
        check(request, view.scope)
        return True


class CatalogPermissions(DjangoModelPermissionsOrAnonReadOnly):
    """Django's permissions of who writes; reading as with MayAsk."""

    def has_permission(self, request: Request, view: Any) -> bool:
        is_read = request.method in SAFE_METHODS
        if is_read or isinstance(request.auth, Key):
            check(request, scopes.READ if is_read else scopes.CATALOG_WRITE)
        return super().has_permission(request, view)


def check(request: Request, scope: str) -> None:
    """Raises NotAuthenticated or KeyRefused."""
    key = request.auth
    if isinstance(key, Key):
        if not key.may(scope):
            raise KeyRefused(key, f"lacks the scope {scope}. Staff can add it, or make another key.")
    elif not (request.user.is_authenticated or settings.ANONYMOUS_API):
        raise NotAuthenticated(f"This shop answers no one without a key. {SEND_ONE}")
