import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from staff.roles import EDITORS


@pytest.fixture(autouse=True)
def _media(media):
    """Every photo of these tests lies below the test's own folder."""


@pytest.fixture
def editor() -> Client:
    """A browser of somebody who may do what catalogue editors may."""
    user = User.objects.create_user("eva", is_staff=True)
    user.groups.add(Group.objects.get(name=EDITORS))
    client = Client()
    client.force_login(user)
    return client
