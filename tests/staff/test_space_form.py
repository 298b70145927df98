"""A recipe's fields are said once: the command, the form and the admin's page are made from them."""

from dataclasses import fields

import pytest
from django.contrib.admin import site
from django.contrib.admin.utils import flatten_fieldsets
from django.urls import reverse

from ml.recipes import OPTIONS, Recipe
from search.management.commands.create_space import Command
from search.models import Space
from search.space_options import OWN
from staff.space_form import SpaceForm
from staff.spaces import SpaceAdmin
from tests.commands import run

# Nobody chooses these: they are constants of ImageNet, or follow from the weights, the metric and the projection.
FOLLOW = {"weights_sha256", "mean", "std", "normalize", "projection_sha256"}
CHOSEN = {
    "backbone": "resnet18",
    "weights": "random",
    "layer": "layer3",
    "pooling": "gem",
    "input_size": 96,
    "fit": "squash",
    "interpolation": "bicubic",
    "metric": "l2",
}


def test_every_field_of_a_recipe_is_chosen_by_the_command_the_form_and_the_page(rf):
    chosen = {field.name for field in fields(Recipe)} - FOLLOW
    options = {action.dest: action for action in Command().create_parser("manage.py", "create_space")._actions}
    page = flatten_fieldsets(SpaceAdmin(Space, site).get_fieldsets(rf.get("/")))
    assert chosen == OPTIONS.keys()
    assert chosen | {"metric"} <= options.keys()
    assert chosen | {"metric"} <= SpaceForm.base_fields.keys()
    assert chosen | {"metric"} <= set(page)
    for name in chosen:
        words = OPTIONS[name].help
        assert (options[name].help, SpaceForm.base_fields[name].help_text) == (words, f"{words[0].upper()}{words[1:]}.")


@pytest.mark.django_db
def test_the_command_and_the_form_make_the_same_space_of_the_same_choices(admin_client, space):
    assert CHOSEN.keys() == OWN.keys()
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in CHOSEN.items()]
    run("create_space", "told", *flags)
    answer = admin_client.post(reverse("admin:search_space_add"), {**CHOSEN, "name": "filled"})
    assert answer.status_code == 302
    told, filled = (
        {**space.recipe, "metric": space.metric} for space in Space.objects.filter(name__in=["told", "filled"])
    )
    assert told == filled
    assert {name: told[name] for name in CHOSEN} == CHOSEN
