"""The log in the admin."""

import pytest
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.auth import get_user_model
from django.urls import reverse

from search.log import days
from tests.search_log import clicked

pytestmark = pytest.mark.django_db


def test_staff_see_the_log_and_change_nothing(asked, client, space):
    query = asked(space=space, vector=[0.5] * 4)
    asked(space_id=space.pk + 1)  # This space was dropped since.
    clicked(query, 1)
    days.roll_up()
    client.force_login(get_user_model().objects.create_superuser("staff"))
    for model in ("query", "event", "day"):
        page = client.get(reverse(f"admin:search_{model}_changelist"))
        assert page.status_code == 200
        assert client.get(reverse(f"admin:search_{model}_add")).status_code == 403
    assert "all</td>" in page.content.decode()
    page = client.get(reverse("admin:search_query_change", args=[query.pk]))
    fields = flatten_fieldsets(page.context["adminform"].fieldsets)
    assert (page.status_code, "ms" in fields, "vector" in fields) == (200, True, False)
    assert client.post(reverse("admin:search_query_delete", args=[query.pk]), {"post": "yes"}).status_code == 403


def test_a_search_is_found_by_the_id_of_its_request_and_by_its_own(asked, client, space):
    wanted, _ = asked(space=space, request_id="45e6d1e1adc74fa0"), asked(space=space, request_id="45e6")
    client.force_login(get_user_model().objects.create_superuser("staff"))
    for words in ("45e6d1e1adc74fa0", str(wanted.pk), wanted.pk.hex):
        page = client.get(reverse("admin:search_query_changelist"), {"q": words})
        assert list(page.context["cl"].result_list) == [wanted]
    assert list(client.get(reverse("admin:search_query_changelist"), {"q": "5e6"}).context["cl"].result_list) == []
    assert client.get(reverse("admin:search_query_changelist"), {"q": "\0"}).status_code in (200, 302, 400)
