"""Keys to the API in the admin: made and rotated with their secret shown once, revoked, never deleted."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import intcomma, naturaltime
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from access import scopes, secrets, usage
from access.models import Key, RotationError
from staff.lists import StaffModelAdmin

# What a rotated key's former secret works on for, unless it is to end at once: a day to put the new one in its place.
GRACE = timedelta(days=1)


MADE_ALREADY = (
    "This page made the key {} already. If you have not copied its secret, rotate it. To make another key, open the "
    "page anew."
)


class OriginsField(forms.CharField):
    """One origin a line."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return (super().to_python(value) or "").split()


class KeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        choices=scopes.SCOPES.items(),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="A publishable key can have search, read and events.",
    )
    origins = OriginsField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Of a publishable key: the origins of the pages that send it, one a line: https://shop.example.",
    )

    # Of the key that this page makes: sent twice, it cannot make two.
    digits = forms.RegexField("[0-9a-f]{10}", required=False, widget=forms.HiddenInput)

    user: Any
    """Who makes or changes the key: KeyAdmin.get_form sets it."""

    class Meta:
        model = Key
        fields = ("name", "kind", "scopes", "origins", "per_minute", "per_month")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if told := _beyond(self.user, given.get("scopes", [])):
            self.add_error("scopes", told)
        digits = given.get("digits") or "none"
        if made := Key.objects.filter(prefix__in=[kind + digits for kind in secrets.KINDS]).first():
            raise ValidationError(MADE_ALREADY.format(made))
        return given


def _beyond(user: Any, asked: Iterable[str]) -> str:
    """Why these scopes are not this user's to give; empty: they are."""
    lacking = [scope for scope in asked if not user.has_perms(scopes.PERMISSIONS.get(scope, ()))]
    if not lacking:
        return ""
    named = ", ".join(lacking)
    return f"You may not give {named}: a key must not do what you may not. Ask somebody with these permissions."


@admin.register(Key)
class KeyAdmin(StaffModelAdmin):
    form = KeyForm
    secret_fields = ("digest", "former_digest")
    list_display = ("name", "prefix", "kind", "state", "last_used", "requests_today", "requests_month", "refusals")
    search_fields = ("name", "prefix")
    ordering = (F("revoked_at").desc(nulls_first=True), "name")
    actions = None
    change_form_outer_after_template = "staff/key_buttons.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Key]:
        return super().get_queryset(request).prefetch_related(usage.this_month())

    def get_fields(self, request: HttpRequest, obj: Key | None = None) -> Any:
        shown = ("prefix", "state", "last_used", "requests_today", "requests_month", "refusals", "created_by")
        return (*KeyForm.Meta.fields, *shown) if obj else (*KeyForm.Meta.fields, "digits")

    def get_readonly_fields(self, request: HttpRequest, obj: Key | None = None) -> Any:
        return ("kind", *self.get_fields(request, obj)[len(KeyForm.Meta.fields) :]) if obj else ()

    def get_form(self, request: HttpRequest, obj: Key | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.user = request.user  # Each request has a class of its own.
        return form

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        try:
            return super().add_view(request, form_url, extra_context)
        except IntegrityError:  # The form came twice at once.
            key = Key.objects.get(prefix__endswith="_" + request.POST["digits"])
            self.message_user(request, MADE_ALREADY.format(key), messages.ERROR)
            return self._back(key.pk)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().get_changeform_initial_data(request), "digits": secrets.digits()}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Revoked keys stay: their answers say so, and what they were used for is known."""
        return False

    def get_urls(self) -> list[URLPattern]:
        views: list[tuple[str, Callable[..., HttpResponse]]] = [
            ("rotate", self.rotate_view),
            ("revoke", self.revoke_view),
        ]
        own = [
            path(f"<int:pk>/{name}/", self.admin_site.admin_view(require_POST(view)), name=f"access_key_{name}")
            for name, view in views
        ]
        return own + super().get_urls()

    def save_model(self, request: HttpRequest, obj: Key, form: Any, change: bool) -> None:
        if change:  # No other field: it may have been revoked since it was read.
            obj.save(update_fields=[name for name in form.changed_data if name in KeyForm.Meta.fields])
            return
        obj.created_by_id = request.user.pk
        request.META["lamplight.secret"] = obj.renew(form.cleaned_data["digits"])  # For response_add, and nobody else.
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Key, post_url_continue: str | None = None) -> HttpResponse:
        return self._shown(request, obj, request.META.pop("lamplight.secret"))

    def rotate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        key = self._live(request, pk)
        if key is None:
            return self._back(pk)
        if told := _beyond(request.user, key.scopes):
            self.message_user(request, told, messages.ERROR)
            return self._back(pk)
        key.prefix = request.POST.get("prefix", "")  # That the page showed.
        try:
            secret = key.rotate(timedelta(0) if request.POST.get("at_once") else GRACE)
        except RotationError as error:
            self.message_user(request, str(error), messages.ERROR)
            return self._back(pk)
        self.log_change(request, key, "Rotated.")
        return self._shown(request, key, secret)

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if key := self._live(request, pk):
            key.revoke()
            self.log_change(request, key, "Revoked.")
            self.message_user(request, f"{key} is revoked. Requests with it are refused from now on.", messages.SUCCESS)
        return self._back(pk)

    def _live(self, request: HttpRequest, pk: int) -> Key | None:
        if not self.has_change_permission(request):
            raise PermissionDenied
        key = Key.objects.live().filter(pk=pk).first()
        if key is None:
            self.message_user(request, "There is no such key, or it is revoked already.", messages.ERROR)
        return key

    def _back(self, pk: int) -> HttpResponse:
        known = Key.objects.filter(pk=pk).exists()
        address = reverse("admin:access_key_change", args=[pk]) if known else reverse("admin:access_key_changelist")
        return HttpResponseRedirect(address)

    @method_decorator(never_cache)
    def _shown(self, request: HttpRequest, key: Key, secret: str) -> HttpResponse:
        """The one page that shows a secret."""
        context = {**self.admin_site.each_context(request), "title": f"Key {key.name}", "key": key, "secret": secret}
        return TemplateResponse(request, "staff/key_made.html", context)

    @admin.display(description="State")
    def state(self, key: Key) -> str:
        return f"revoked {naturaltime(key.revoked_at)}" if key.revoked_at else "live"

    @admin.display(description="Last used", ordering="last_used_at")
    def last_used(self, key: Key) -> str:
        return str(naturaltime(key.last_used_at)) if key.last_used_at else "never"

    @admin.display(description="Requests today")
    def requests_today(self, key: Key) -> str:
        return intcomma(usage.summed(key).today)

    @admin.display(description="This month")
    def requests_month(self, key: Key) -> str:
        return f"{intcomma(usage.summed(key).month)} of {intcomma(key.per_month)}"

    @admin.display(description="Refused this month")
    def refusals(self, key: Key) -> str:
        return intcomma(usage.summed(key).refusals)
