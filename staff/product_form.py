"""The form of a product: several photos can be dropped on it at once."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.forms.fields import InvalidJSONInput
from django.forms.widgets import Script
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminURLInputWidget

from catalog.models import Category, Product
from catalog.photos import MAX_PHOTOS, Picture
from ml.images import FORMATS, MAX_BYTES, DecodersBusy, UnreadablePhoto


class DropZone(forms.FileInput):
    """A file input. With JavaScript, photos can be dropped on it, seen and taken back before they are sent."""

    allow_multiple_selected = True
    template_name = "staff/drop_zone.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        limits = {"each": MAX_BYTES, "together": settings.MAX_ADMIN_REQUEST_BYTES, "count": MAX_PHOTOS}
        accept = ",".join(f"image/{name.lower()}" for name in (*FORMATS, "HEIC"))  # as iPhones call HEIF
        context = super().get_context(name, value, {**(attrs or {}), "accept": accept})
        return {**context, "limits": limits}

    class Media:
        css = {"all": ["staff/products.css"]}
        js = [Script("staff/drop-zone.js", type="module")]


class PicturesField(forms.FileField):
    """Several photos. Whatever is wrong with one is an error of the form that names the file."""

    widget = DropZone

    def clean(self, data: Any, initial: Any = None) -> list[Picture]:
        pictures, errors = [], []
        for upload in data or ():
            try:
                pictures.append(read_picture(super().clean(upload, initial)))
            except UnreadablePhoto as error:
                errors.append(forms.ValidationError(f"{upload.name}: {error.message}", code=error.code.value))
            except DecodersBusy as error:
                errors.append(forms.ValidationError(f"{upload.name}: {error}"))
            except forms.ValidationError as error:
                errors += [forms.ValidationError(f"{upload.name}: {text}") for text in error.messages]
        if errors:
            raise forms.ValidationError(errors)
        return pictures

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data)


def read_picture(upload: UploadedFile) -> Picture:
    """Raises UnreadablePhoto, DecodersBusy."""
    picture = Picture(upload.read(MAX_BYTES + 1))
    picture.decode()
    return picture


class BoundedJSONField(forms.JSONField):
    """Django's field, but JSON nested too deep or with an endless number is an error of the form instead of a 500.

    The form shows again what was typed, not what was decoded: that may hold what no page can be encoded with.
    """

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except (RecursionError, ValueError) as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        return InvalidJSONInput(data or "")


class ProductForm(forms.ModelForm):
    url = forms.URLField(
        required=False, max_length=500, assume_scheme="https", widget=UnfoldAdminURLInputWidget, label="URL"
    )
    new_photos = PicturesField(
        required=False,
        help_text=f"Several can be chosen at once, {MAX_PHOTOS} a product: JPEG, PNG, WebP, AVIF, HEIC or GIF, "
        f"up to {MAX_BYTES // 1_000_000} MB each and {settings.MAX_ADMIN_REQUEST_BYTES // 1_000_000} MB together.",
    )

    class Meta:
        model = Product
        fields = Product.EDITABLE
        field_classes = {"attributes": BoundedJSONField}
        widgets = {name: UnfoldAdminTextareaWidget({"rows": 4}) for name in ("description", "attributes")}

    def clean_attributes(self) -> dict[str, Any]:
        return self.cleaned_data["attributes"] or {}  # an emptied text area is None


class MoveForm(forms.Form):
    """Asks where the selected products go."""

    to = forms.ModelChoiceField(
        Category.objects.all(), label="Move to", empty_label="Select a category", widget=UnfoldAdminSelectWidget
    )
