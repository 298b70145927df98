"""Our templates show nothing that their pages do not give them: Django would show nothing in its place.

Names in conditions and loops pass unseen.
"""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template import engines
from django.urls import reverse

from catalog.models import Feed, Import, ImportRow, Product
from search import head_training
from search.models import Head, Rejection
from tests import commands
from tests.conftest import picture

pytestmark = pytest.mark.django_db
# Templates of unfold and of Django name these where they may be missing.
THEIRS = {
    "action",
    "action.attrs",
    "adminform.model_admin.conditional_fields",
    "attrs",
    "inline_admin_form.original.get_inline_title",
    "inline_admin_formset",
    "inline_admin_formset.formset.page",
    "inline_admin_formsets",
    "is_fullwidth",
    "user.avatar_url",
    "user.get_full_name.0",
}


class Missing(str):
    """Django fills the name of a missing variable into string_if_invalid: it is noted here, and shown as nothing."""

    __slots__ = ()
    names: set[str] = set()

    def __contains__(self, text: object) -> bool:
        return text == "%s"

    def __mod__(self, name: object) -> str:
        self.names.add(str(name))
        return ""


@pytest.fixture
def missing(monkeypatch) -> set[str]:
    """The names that templates missed so far."""
    monkeypatch.setattr(engines["django"].engine, "string_if_invalid", Missing("missing"))  # type: ignore[attr-defined]
    Missing.names.clear()
    return Missing.names


def test_no_page_misses_a_name(admin_client, space, indexed_shop, photo, missing, tmp_path):
    head_training.train(space)
    photo("red", "lamp")
    Rejection.objects.create(space=space, photo=photo("green", "bed"), reason="damaged")
    shown = Product.objects.earliest("pk")
    sent = Import.objects.create(csv_name="shop.csv", state="checked", total=2, done=2, added=1, refused=1, unit="line")
    ImportRow.objects.create(of=sent, number=0, place="2", sku="A", outcome="refused", text="no price")
    feed = Feed.objects.create(name="feed", address="https://shop.example/feed.xml", answer="failed", reason="Away.")
    run = Import.objects.create(
        csv_name="feed", feed=feed, gone_as="delete", state="done", dry_run=False, gone=1, total=0
    )
    ImportRow.objects.create(of=run, number=0, place="–", sku="A", outcome="gone", text="A: deleted")
    for page in (
        reverse("admin:catalog_feed_add"),
        reverse("admin:catalog_feed_changelist"),
        reverse("admin:catalog_feed_change", args=[feed.pk]),
        reverse("admin:catalog_import_change", args=[run.pk]),
        reverse("admin:index"),
        reverse("admin:catalog_import_add"),
        reverse("admin:catalog_import_change", args=[sent.pk]),
        reverse("admin:catalog_product_add"),
        reverse("admin:catalog_product_changelist"),
        reverse("admin:catalog_product_change", args=[shown.pk]),
        reverse("admin:search_space_add"),
        reverse("admin:search_space_change", args=[space.pk]),
        reverse("admin:search_head_change", args=[Head.objects.get().pk]),
        reverse("admin:search_space_changelist"),
        reverse("try-search"),
        reverse("storefront:page"),
    ):
        assert admin_client.get(page).status_code == 200
        assert missing <= THEIRS, page
    sent_photo = SimpleUploadedFile("photo.png", picture((250, 0, 0)))
    assert admin_client.post(reverse("try-search"), {"image": sent_photo}).status_code == 200
    commands.run("evaluate", "--timed", "2", "--html", str(tmp_path / "scorecard.html"))
    assert missing <= THEIRS
