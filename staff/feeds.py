"""Feeds in the admin: where they lie, how often they are read, what became of their runs."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import intcomma, naturaltime
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from catalog.feeds import runs
from catalog.feeds.models import Feed
from catalog.feeds.standing import Stand, standing
from catalog.importing.recognition import FORMATS
from staff.import_progress import summary, title
from staff.lists import StaffModelAdmin

RUNS = 20  # The last ones. The list of imports has all, filtered by the feed.
BUSY = "{} is being read or imported already: wait until that is over."
SOON = {
    Feed.Asked.RUN: "{} is read as soon as a worker is free.",
    Feed.Asked.CHECK: "{} is read as soon as a worker is free, and checked. Nothing is written.",
}


class FeedForm(forms.ModelForm):
    """Shows an address without its secrets. As long as nobody changes what is shown, the address stays."""

    format = forms.ChoiceField(
        choices=[("", "Find out by the file"), *((format.name, format.title) for format in FORMATS.values())],
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="What writes the feed. You need it only if the file is taken for another.",
    )

    class Meta:
        model = Feed
        fields = ("name", "address", "format", "every", "is_on", "gone", "brake")
        widgets = {
            "address": UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "address" in self.fields:
            self.stored = self.instance.address
            self.initial["address"] = self.instance.shown_address

    def clean_address(self) -> str:
        given: str = self.cleaned_data["address"].strip()
        return self.stored if self.instance.pk and given == self.initial["address"] else given


@admin.register(Feed)
class FeedAdmin(StaffModelAdmin):
    form = FeedForm
    secret_fields = ("address", "etag", "last_modified")
    list_display = ("name", "place", "schedule", "stand", "last_run", "next_time", "has")
    actions = None
    change_form_outer_before_template = "staff/feed.html"
    change_form_outer_after_template = "staff/feed_runs.html"

    class Media:
        css = {"all": ["staff/cards.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Feed]:
        return (
            super().get_queryset(request).annotate(product_count=Count("products", filter=Q(products__is_gone=False)))
        )

    def get_fields(self, request: HttpRequest, obj: Feed | None = None) -> Any:
        """Who may only look gets the address as the list shows it: Django shows such readers the column as it is."""
        may_change = obj is None or self.has_change_permission(request, obj)
        return [name if may_change or name != "address" else "place" for name in FeedForm.Meta.fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Feed | None = None) -> Any:
        return () if "address" in self.get_fields(request, obj) else ("place",)

    def get_urls(self) -> list[URLPattern]:
        views: list[tuple[str, Callable[..., HttpResponse]]] = [("run", self.run_view), ("check", self.check_view)]
        own = [
            path(f"<int:pk>/{name}/", self.admin_site.admin_view(require_POST(view)), name=f"catalog_feed_{name}")
            for name, view in views
        ]
        return own + super().get_urls()

    def save_model(self, request: HttpRequest, feed: Feed, form: forms.ModelForm, change: bool) -> None:
        if not change:
            super().save_model(request, feed, form, change)
            return
        runs.change(feed, [name for name in form.changed_data if name in FeedForm.Meta.fields])

    def delete_model(self, request: HttpRequest, feed: Feed) -> None:
        runs.remove(feed)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Products stay, and are not listed: there may be 100,000."""
        return [str(feed) for feed in objs], {self.opts.verbose_name_plural: len(objs)}, set(), []

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        feed = self.get_object(request, object_id) if object_id else None
        if feed and request.method == "GET":
            extra_context = {**(extra_context or {}), **self.told(request, feed)}
        return super().changeform_view(request, object_id, form_url, extra_context)

    def told(self, request: HttpRequest, feed: Feed) -> dict[str, Any]:
        """What the page tells beside the form."""
        found = standing(feed)
        last = feed.imports.select_related("feed")[:RUNS]
        return {
            "standing": found,
            "is_bad": found.stand in (Stand.FAILED, Stand.WAITS),
            "may_act": self.has_change_permission(request, feed),
            "products": feed.products.held().count(),
            "runs": [{"run": run, "title": title(run), "summary": summary(run)} for run in last],
            "may_see_runs": request.user.has_perm("catalog.add_import") or request.user.has_perm("catalog.view_import"),
        }

    def run_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.ask(request, pk, Feed.Asked.RUN)

    def check_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.ask(request, pk, Feed.Asked.CHECK)

    def ask(self, request: HttpRequest, pk: int, what: Feed.Asked) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        with transaction.atomic():
            feed = Feed.objects.filter(pk=pk).first()
            if feed is None:
                self.message_user(request, "There is no such feed any more.", messages.ERROR)
                return HttpResponseRedirect(reverse("admin:catalog_feed_changelist"))
            if runs.ask(feed, what):
                self.log_change(request, feed, f"Asked for {what.label}.")
                self.message_user(request, SOON[what].format(feed), messages.SUCCESS)
            else:
                self.message_user(request, BUSY.format(feed), messages.WARNING)
        return HttpResponseRedirect(reverse("admin:catalog_feed_change", args=[pk]))

    @admin.display(description="address")
    def place(self, feed: Feed) -> str:
        return feed.shown_address

    @admin.display(description="read", ordering="every")
    def schedule(self, feed: Feed) -> str:
        return feed.get_every_display() if feed.is_on else "off"

    @admin.display(description="state")
    def stand(self, feed: Feed) -> str:
        return str(_stand(feed))

    @admin.display(ordering="read_at")
    def last_run(self, feed: Feed) -> str:
        return str(naturaltime(feed.read_at)) if feed.read_at else "never"

    @admin.display(description="next run", ordering="next_run")
    def next_time(self, feed: Feed) -> str:
        if _stand(feed) is Stand.WAITS:
            return "once you confirm"
        return str(naturaltime(feed.next_run)) if feed.is_on else "–"

    @admin.display(description="products", ordering="product_count")
    def has(self, feed: Feed) -> str:
        return intcomma(feed.product_count)  # type: ignore[attr-defined]  # by get_queryset


def _stand(feed: Feed) -> Stand:
    """How a feed of the list stands, asked once."""
    known: Stand | None = getattr(feed, "stand", None)
    if known is None:
        known = standing(feed).stand
        setattr(feed, "stand", known)  # noqa: B010  the model has no such field
    return known
