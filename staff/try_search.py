"""A search that staff try in the admin: it shows what the API would answer, and why."""

import base64
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from rest_framework.exceptions import APIException
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from catalog.fields import photo_errors
from catalog.models import Category
from ml.images import FORMATS, DecodersBusy, as_jpeg, open_photo
from ml.recipes import WeightsError
from search.api import answers, photo_search
from search.api.serializers import ALL
from search.stopwatch import Stopwatch

SHOWN_SIDE = 480  # pixels; the photo asked with is shown again, small


class TrySearchForm(forms.Form):
    """Shows what may be asked for. The API's own code checks what was sent, not this form."""

    image = forms.FileField(
        label="Photo",
        widget=UnfoldAdminFileFieldWidget({"accept": ",".join(f"image/{kind.lower()}" for kind in FORMATS)}),
    )
    category = forms.ChoiceField(label="Categories", required=False, widget=UnfoldAdminSelectWidget)
    min_similarity = forms.FloatField(
        label="Least similarity",
        required=False,
        widget=UnfoldAdminDecimalFieldWidget({"placeholder": "as set for each category", "step": "any"}),
    )

    def __init__(self, sent: dict[str, Any]) -> None:
        super().__init__(initial=sent)
        slugs = [(category.slug, category.name) for category in Category.objects.all()]
        self.fields["category"].choices = [("", "as the gate decides"), (ALL, "all"), *slugs]  # type: ignore[attr-defined]


@admin.site.admin_view
def view(request: HttpRequest) -> HttpResponse:
    """The form and, once a photo was sent, the answer or what is wrong with the request."""
    if not request.user.has_perm("search.view_space"):
        raise PermissionDenied
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Try a search",
        "form": TrySearchForm(request.POST.dict()),
    }
    status = 200
    if request.method == "POST":
        try:
            context |= answer(request)
        except APIException as error:
            context["errors"], status = sentences(error.detail), error.status_code
        except WeightsError as error:
            context["errors"], status = [f"The model cannot be loaded: {error}"], 503
        except DecodersBusy as error:
            context["errors"], status = [str(error)], 503
    return TemplateResponse(request, "staff/try_search.html", context, status=status)


def answer(request: HttpRequest) -> dict[str, Any]:
    """Raises APIException, WeightsError and DecodersBusy, as photo_search.find does."""
    data: Any = request.POST.copy()
    data.update(request.FILES)
    watch = Stopwatch()
    found = photo_search.find(data, watch)
    timings = watch.timings_ms()
    upload: Any = request.FILES["image"]
    upload.seek(0)
    with photo_errors("image"):
        photo = base64.b64encode(as_jpeg(open_photo(upload, side=SHOWN_SIDE))).decode()
    return {
        "found": found,
        "photo": f"data:image/jpeg;base64,{photo}",
        "gate": answers.gate(found.choice, found.categories),
        "hits": found.matches.hits,
        "total": timings.pop("total"),
        "stages": timings,
    }


def sentences(detail: Any, field: str = "") -> list[str]:
    """The errors that Django REST framework found, one sentence each, after the field's name."""
    if isinstance(detail, dict):
        return [text for name, part in detail.items() for text in sentences(part, str(name))]
    if isinstance(detail, list):
        return [text for part in detail for text in sentences(part, field)]
    return [f"{field}: {detail}" if field else str(detail)]
