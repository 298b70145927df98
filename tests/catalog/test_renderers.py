import json

import pytest
from django.urls import reverse

from catalog.renderers import JSONRenderer


@pytest.mark.parametrize("text", ["\ud800", "\udfff é", "é 🦉"])
def test_any_text_is_answered_as_it_is(text):
    assert json.loads(JSONRenderer().render({text: [text]})) == {text: [text]}


def test_letters_stay_letters():
    assert JSONRenderer().render({"name": "é"}) == '{"name":"é"}'.encode()


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["category", "currency", "price", "url"])
def test_what_a_refusal_repeats_may_be_half_of_a_surrogate_pair(editor, field):
    body = json.dumps({"sku": "A", "name": "A", "category": "lamp", field: "\ud800"})
    answer = editor.post(reverse("product-list"), body, "application/json")
    assert answer.status_code == 400
    assert field in {error["attr"] for error in answer.json()["errors"]}
