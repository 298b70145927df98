import pytest
from django.core.checks import run_checks

from descriptions import checks


def test_a_shop_without_captions_passes():
    assert [error for error in run_checks() if str(error.id).startswith("descriptions")] == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:11434/v1", "https://models.example/v1/chat/completions"])
def test_an_address_with_a_model_passes(settings, url):
    settings.CAPTION_URL, settings.CAPTION_MODEL = url, "small-vision"
    assert checks.caption_server_is_named() == []


@pytest.mark.parametrize("url", ["127.0.0.1:11434", "ftp://models.example", "http://", "http://[::1", "http://x:99999"])
def test_what_is_no_address_is_an_error_with_its_cure(settings, url):
    settings.CAPTION_URL, settings.CAPTION_MODEL = url, "small-vision"
    [error] = checks.caption_server_is_named()
    assert (error.id, error.msg) == ("descriptions.E001", "CAPTION_URL is no http(s) address.")
    assert "http://127.0.0.1:11434/v1" in str(error.hint)


def test_an_address_without_a_model_is_an_error(settings):
    settings.CAPTION_URL, settings.CAPTION_MODEL = "http://127.0.0.1:11434/v1", " "
    [error] = checks.caption_server_is_named()
    assert (error.id, error.msg) == ("descriptions.E002", "CAPTION_URL is set, but no model.")


def test_a_model_that_is_called_as_captions_without_a_model_is_an_error(settings):
    settings.CAPTION_URL, settings.CAPTION_MODEL = "http://127.0.0.1:11434/v1", "plain"
    [error] = checks.caption_server_is_named()
    assert (error.id, error.msg) == ("descriptions.E005", "CAPTION_MODEL is plain.")


@pytest.mark.parametrize(("requests", "problems"), [(1, 0), (32, 0), (0, 1), (33, 1), (-1, 1)])
def test_requests_at_once_are_bounded(settings, requests, problems):
    settings.CAPTION_REQUESTS = requests
    errors = checks.caption_requests_are_a_number_of_requests()
    assert [error.id for error in errors] == ["descriptions.E003"] * problems


@pytest.mark.parametrize("key", ["two\nlines", " k-7", "schlüssel", "x\x00"])
def test_a_key_that_no_header_can_hold_is_an_error_that_does_not_show_it(settings, key):
    settings.CAPTION_KEY = key
    [error] = checks.caption_key_can_be_sent()
    assert error.id == "descriptions.E004"
    assert key not in str(error)


@pytest.mark.parametrize("key", ["", "sk-abc_123=="])
def test_a_key_that_can_be_sent_passes(settings, key):
    settings.CAPTION_KEY = key
    assert checks.caption_key_can_be_sent() == []
