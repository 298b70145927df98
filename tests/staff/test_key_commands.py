"""Keys to the API from scripts."""

import json

import pytest
from django.core.management import CommandError, call_command

from access.models import Key
from access.secrets import prefix

pytestmark = pytest.mark.django_db
PAGE = ["make_key", "publishable", "--name", "page", "--scope", "search", "--origin", "https://Shop.example/"]


def test_a_key_is_made_listed_rotated_and_revoked(capsys):
    call_command(*PAGE)
    secret = capsys.readouterr().out.strip()
    assert Key.objects.get().origins == ["https://shop.example"]
    assert Key.objects.live().of_secret(secret) == Key.objects.get()

    call_command("keys", "--json")
    [told] = json.loads(capsys.readouterr().out)
    assert (told["prefix"], told["scopes"], told["month"]) == (prefix(secret), ["search"], 0)

    call_command("rotate_key", told["prefix"], "--grace", "0")
    new = capsys.readouterr().out.strip()
    assert Key.objects.live().of_secret(secret) is None
    call_command("revoke_key", prefix(new))
    assert Key.objects.live().of_secret(new) is None
    capsys.readouterr()
    call_command("keys")
    assert capsys.readouterr().out == ""
    call_command("keys", "--all")
    assert f"{prefix(new)}  page  search,https://shop.example" in capsys.readouterr().out


def test_a_key_is_rotated_again_within_the_grace_only_with_grace_0(capsys):
    call_command(*PAGE)
    first = capsys.readouterr().out.strip()
    call_command("rotate_key", prefix(first))
    second = capsys.readouterr().out.strip()
    with pytest.raises(CommandError, match=r"former secret works until .* --grace 0") as refused:
        call_command("rotate_key", prefix(second))
    assert refused.value.returncode == 2
    assert [Key.objects.live().of_secret(one) is None for one in (first, second)] == [False, False]
    call_command("rotate_key", prefix(second), "--grace", "0")
    assert [Key.objects.live().of_secret(one) is None for one in (first, second)] == [True, True]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["make_key", "publishable", "--name", "page", "--scope", "search"], "--origin: A publishable key needs"),
        (["make_key", "secret", "--name", "sync"], "--scope: This field cannot be blank."),
        ([*PAGE, "--scope", "catalog.write"], "--scope: A publishable key cannot have catalog.write"),
        ([*PAGE, "--origin", "*"], "--origin: “\\*” is no origin"),
        ([*PAGE, "--per-minute", "0"], "--per-minute: Ensure this value"),
        ([*PAGE, "--name", "x" * 101], "--name: Ensure this value has at most 100"),
        (["revoke_key", "pk_0000000000"], "No key begins with pk_0000000000"),
        (["rotate_key", "pk_0000000000"], "No live key has the prefix pk_0000000000"),
        (["rotate_key", "pk_0000000000", "--grace", "-1"], "--grace: give 0 to"),
    ],
)
def test_what_is_wrong_in_the_arguments_is_named_and_ends_with_2(given, told):
    with pytest.raises(CommandError, match=told) as refused:
        call_command(*given)
    assert refused.value.returncode == 2
    assert not Key.objects.exists()
