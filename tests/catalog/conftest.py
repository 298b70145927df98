import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client


@pytest.fixture(autouse=True)
def _media(media):
    """Every photo of these tests lies below the test's own folder."""


@pytest.fixture
def client_with(db):
    """An API client whose user has the permissions named, such as "add_photo"."""

    def make(*codenames: str) -> Client:
        user = User.objects.create_user(f"user-{User.objects.count()}")
        permissions = Permission.objects.filter(content_type__app_label="catalog", codename__in=codenames)
        assert len(permissions) == len(codenames)
        user.user_permissions.set(permissions)
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def editor(client_with):
    """An API client that may do everything in the catalogue."""
    models = ("category", "product", "photo")
    return client_with(*(f"{verb}_{model}" for verb in ("add", "change", "delete") for model in models))
