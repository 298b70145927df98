"""What staff see of tags, and what a click does."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from catalog.models import Product
from descriptions.models import Tag
from staff import tags

pytestmark = pytest.mark.django_db
LIST = reverse("admin:descriptions_tag_changelist")
FILTERED = f"{LIST}?q=S-1"
VALUES = [
    {"value": "grey", "words": "… in <b>grey</b> wool …", "near": [1, 2], "votes": 5, "likeness": 0.834, "label": ""}
]


@pytest.fixture
def tag(photo) -> Tag:
    product = photo("grey", "sofa", sku="S-1", name="Corner sofa", attributes={"width": 80}).product
    evidence = {"precision": 0.95, "values": VALUES}
    return Tag.objects.create(product=product, name="color", value="grey", confidence=0.97, evidence=evidence)


def decide(client: Client, tag: Tag, verb: str, **headers: str) -> Any:
    return client.post(reverse("admin:descriptions_tag_decide", args=[tag.pk, verb]), headers=headers)


def page(client: Client, address: str) -> str:
    """The page's text, its blanks pressed together."""
    answer = client.get(address, follow=True)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_list_shows_what_waits_and_what_speaks_for_it(editor, tag):
    shown = page(editor, LIST)
    assert "color: <b>grey</b>" in shown
    assert "97%" in shown
    assert "At least 95% of such tags are right" in shown
    assert "“… in &lt;b&gt;grey&lt;/b&gt; wool …”; 2 of the 5 nearest products have it; colours alike: 0.83" in shown
    Tag.objects.update(state=Tag.State.REJECTED)
    assert "color: <b>grey</b>" not in page(editor, LIST)
    assert "color: <b>grey</b>" in page(editor, f"{LIST}?state=rejected")


def test_a_click_accepts(editor, tag):
    answer = decide(editor, tag, "accept", referer=f"http://testserver{FILTERED}")
    assert (answer.status_code, answer.url) == (302, f"http://testserver{FILTERED}")
    assert Product.objects.get().attributes == {"width": 80, "color": "grey"}
    assert "1 value is an attribute now." in page(editor, LIST)
    assert LogEntry.objects.get().change_message == "Accepted color: grey."


def test_a_click_rejects(editor, tag):
    assert decide(editor, tag, "reject").url == LIST
    assert Tag.objects.get().state == Tag.State.REJECTED
    assert Product.objects.get().attributes == {"width": 80}
    assert "1 tag is not proposed again." in page(editor, LIST)


def test_what_was_written_meanwhile_stays_and_is_said(editor, tag):
    Product.objects.update(attributes={"color": "black"})
    decide(editor, tag, "accept")
    assert Product.objects.get().attributes == {"color": "black"}
    assert "1 had been written meanwhile: what was written stays." in page(editor, LIST)


def test_a_tag_that_is_gone_is_said(editor, tag):
    Tag.objects.all().delete()
    assert decide(editor, tag, "accept").status_code == 302
    assert "Nothing was changed: it was decided already, or is gone." in page(editor, LIST)


@pytest.mark.parametrize("referer", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_nobody_is_sent_elsewhere(editor, tag, referer):
    assert decide(editor, tag, "accept", referer=referer).url == LIST


def test_a_link_decides_nothing(editor, tag):
    assert editor.get(reverse("admin:descriptions_tag_decide", args=[tag.pk, "accept"])).status_code == 405
    assert Tag.objects.get().state == Tag.State.PROPOSED


def test_an_unknown_verb_decides_nothing(editor, tag):
    editor.post(f"{LIST}{tag.pk}/publish/", follow=True)
    assert Tag.objects.get().state == Tag.State.PROPOSED


def test_a_form_without_its_token_is_refused(tag):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("anna"))
    assert decide(client, tag, "accept").status_code == 403


def test_who_may_only_look_sees_no_buttons_and_decides_nothing(tag):
    user = User.objects.create_user("otto", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_tag"))
    client = Client()
    client.force_login(user)
    shown = page(client, LIST)
    assert "color: <b>grey</b>" in shown
    assert "formaction" not in shown
    assert decide(client, tag, "accept").status_code == 403
    assert Product.objects.get().attributes == {"width": 80}


@pytest.mark.parametrize(
    ("action", "state"), [("accept_selected", Tag.State.ACCEPTED), ("reject_selected", Tag.State.REJECTED)]
)
def test_several_are_decided_at_once(editor, tag, action, state):
    editor.post(FILTERED, {"action": action, "_selected_action": [tag.pk]})
    assert Tag.objects.get().state == state


def test_too_many_at_once_are_refused(editor, tag, monkeypatch):
    monkeypatch.setattr(tags, "MOST_SELECTED", 0)
    answer = editor.post(FILTERED, {"action": "accept_selected", "_selected_action": [tag.pk]}, follow=True)
    assert "Select at most 0 tags at a time." in answer.content.decode()
    assert Tag.objects.get().state == Tag.State.PROPOSED


def test_a_products_page_shows_its_tags_apart_and_decides_on_them(editor, tag):
    shown = page(editor, reverse("admin:catalog_product_change", args=[tag.product_id]))
    assert "Proposed attributes" in shown
    assert "color: <b>grey</b>" in shown
    assert f'formaction="{reverse("admin:descriptions_tag_decide", args=[tag.pk, "accept"])}"' in shown
    assert len(re.findall('<form id="decide"', shown)) == 1


def test_a_product_without_tags_shows_none(editor, product):
    shown = page(editor, reverse("admin:catalog_product_change", args=[product().pk]))
    assert "Proposed attributes" not in shown
