"""Types of attributes: found out by their values, changed by staff."""

import logging
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest
from kombu.exceptions import OperationalError
from unfold.widgets import UnfoldAdminSelectWidget

from catalog import attribute_types
from catalog.models import AttributeType
from catalog.units import UNITS
from search import worker_bell
from staff.lists import StaffModelAdmin

logger = logging.getLogger(__name__)
READ_NUMBERS = "search.tasks.read_numbers"


class AttributeTypeForm(forms.ModelForm):
    unit = forms.ChoiceField(
        choices=[("", "none"), *((unit, unit) for unit in UNITS)],
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="Of values that name none.",
    )

    class Meta:
        model = AttributeType
        fields = ("kind", "number", "unit", "is_chosen")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not self.errors:
            for name, value in given.items():
                setattr(self.instance, name, value)
            attribute_types.check(self.instance)
            given |= {"number": self.instance.number, "unit": self.instance.unit}
        return given


@admin.register(AttributeType)
class AttributeTypeAdmin(StaffModelAdmin):
    form = AttributeTypeForm
    list_display = ("name", "kind", "number", "unit", "products", "samples", "is_chosen")
    list_filter = ("kind", "is_chosen")
    search_fields = ("name", "number")
    fields = ("name", "products", "samples", *AttributeTypeForm.Meta.fields)
    readonly_fields = ("name", "products", "samples")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A type is there as soon as products have the attribute."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: AttributeType, form: Any, change: bool) -> None:
        if form.has_changed() and form.changed_data != ["is_chosen"]:
            obj.is_chosen = True
        super().save_model(request, obj, form, change)
        transaction.on_commit(read_numbers)
        told = "Its numbers are read anew, in the background: large catalogues take minutes."
        self.message_user(request, told, messages.INFO)


def read_numbers() -> None:
    """Ask a worker to read all products anew. Without one, the next maintenance does it."""
    try:
        worker_bell.send(READ_NUMBERS)
    except OperationalError as error:
        logger.warning("Numbers are read anew at the next maintenance: %s", error)
