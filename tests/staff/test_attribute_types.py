"""Types of attributes in the admin and by a command."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from catalog import attribute_types, product_numbers
from catalog.models import AttributeType, ProductNumber
from search import worker_bell
from search.tasks import read_numbers

pytestmark = pytest.mark.django_db
LIST = reverse("admin:catalog_attributetype_changelist")


@pytest.fixture
def width(product) -> AttributeType:
    product(attributes={"width": 460})
    attribute_types.collect()
    product_numbers.refresh()
    return AttributeType.objects.get()


def page_of(one) -> str:
    return reverse("admin:catalog_attributetype_change", args=[one.pk])


def values() -> dict[str, float]:
    return dict(ProductNumber.objects.values_list("name", "value"))


def command(*arguments: str) -> str:
    told = StringIO()
    call_command("attribute_types", *arguments, stdout=told, stderr=told)
    return told.getvalue()


def test_a_unit_that_staff_choose_is_read_by_a_worker(editor, width, monkeypatch, django_capture_on_commit_callbacks):
    sent: list[str] = []
    monkeypatch.setattr(worker_bell, "send", sent.append)
    assert "460" in editor.get(page_of(width)).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        answer = editor.post(page_of(width), {"kind": "number", "number": "width_cm", "unit": "mm"})
    assert answer.status_code == 302
    assert sent == ["search.tasks.read_numbers"]
    read_numbers()
    assert values() == {"width_cm": 46}
    attribute_types.collect()
    width.refresh_from_db()
    assert (width.number, width.unit, width.is_chosen) == ("width_cm", "mm", True)
    assert "width_cm" in editor.get(LIST).content.decode()


def test_a_number_that_cannot_be_is_told_at_its_field(editor, width):
    page = editor.post(page_of(width), {"kind": "number", "number": "width_kg", "unit": "mm"}).content.decode()
    assert "The number of such values ends with _cm" in page
    width.refresh_from_db()
    assert width.number == "width"


def test_the_command_lists_changes_and_goes_back(width):
    assert command() == "width  number  width\n"
    assert json.loads(command("--json"))[0]["name"] == "width"
    change = ("width", "--number", "width_cm", "--unit", "mm")
    assert "would become\nwidth  number  width_cm in mm" in command(*change, "--dry-run")
    assert values() == {"width": 460}
    assert "2 numbers of products changed." in command(*change)
    assert values() == {"width_cm": 46}
    assert command("width", "--by-values").startswith("width  number  width\n")
    assert values() == {"width": 460}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["depth", "--kind", "text"], "No attribute is called depth"),
        (["width"], "Say what is to change"),
        (["width", "--number", "width_kg", "--unit", "mm"], "--number: The number of such values ends with _cm"),
    ],
)
def test_what_the_command_cannot_do_is_told_with_the_cure(width, arguments, told):
    with pytest.raises(CommandError, match=told) as refused:
        command(*arguments)
    assert refused.value.returncode == 2
