"""The client against a real server, which keeps to the protocol or does not."""

import socket
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from descriptions.vision_model import Away, NoCaption, Unanswered, Usage, Useless, VisionModel, Written, WrongSetUp
from tests.conftest import picture
from tests.descriptions.chat_server import (
    breaks_off,
    caption,
    closes,
    completion,
    hangs,
    refuses,
    says,
    sends,
    trickles,
)

JPEG = picture("red", kind="JPEG")
NO_JSON = "The server did not answer with JSON: is CAPTION_URL a chat endpoint?"
TEXT = "A red lamp of painted steel."


def failure(model: VisionModel) -> NoCaption:
    with pytest.raises(NoCaption) as found:
        model.write(JPEG)
    assert model.key not in f"{found.value}{found.value!r}"
    assert model.url not in str(found.value)
    return found.value


def test_a_photo_goes_in_and_a_text_comes_out(chat, model):
    assert model.write(JPEG) == Written(TEXT, Usage(900, 40))
    [asked] = chat.questions
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["Authorization"] == "Bearer secret-key-7"
    assert (asked.model, asked.photo.size, asked.photo.format) == ("small-vision", (64, 64), "JPEG")
    assert asked.photo.getpixel((30, 30)) == pytest.approx((254, 0, 0), abs=3)
    assert asked.text.startswith("Describe the product in this photo")
    assert asked.text.endswith("Write in English.")
    assert {name: asked.body[name] for name in ("temperature", "max_tokens")} == {"temperature": 0, "max_tokens": 150}


@pytest.mark.parametrize("end", ["", "/", "/chat/completions", "/chat/completions/"])
def test_the_address_may_be_the_server_s_base_or_the_whole_endpoint(chat, model, end):
    assert replace(model, url=chat.url + end).write(JPEG).text == TEXT
    assert chat.questions[0].path == "/v1/chat/completions"


def test_without_a_key_none_is_sent(chat, model):
    replace(model, key="").write(JPEG)
    assert "Authorization" not in chat.questions[0].headers


def test_the_key_goes_before_what_a_netrc_has_for_the_server(chat, model, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login eve password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    model.write(JPEG)
    assert chat.questions[0].headers["Authorization"] == "Bearer secret-key-7"


def test_the_key_is_not_in_what_is_printed_of_the_model(model):
    assert "secret-key-7" not in f"{model!r} {model}"


def test_prompt_and_language_are_the_shop_s(chat, model):
    replace(model, prompt="Was ist das?", language="German").write(JPEG)
    assert chat.questions[0].text == "Was ist das? Write in German."


def test_what_changes_the_text_changes_the_fingerprint_and_nothing_else_does(model):
    others = [replace(model, name="larger"), replace(model, prompt="What?"), replace(model, language="German")]
    assert len({one.fingerprint for one in [model, *others]}) == 4
    assert replace(model, url="http://other.example", key="new", read=9).fingerprint == model.fingerprint


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (None, Usage()),
        ({}, Usage()),
        ("many", Usage()),
        ({"prompt_tokens": 5}, Usage(5, None)),
        ({"prompt_tokens": "5", "completion_tokens": -1}, Usage()),
        ({"prompt_tokens": True, "completion_tokens": 10**12}, Usage()),
        ({"prompt_tokens": 1.5, "completion_tokens": 7}, Usage(None, 7)),
    ],
)
def test_tokens_are_counted_where_the_server_tells_them(chat, model, told, usage):
    chat.answer_with(caption(TEXT, usage=told))
    assert model.write(JPEG) == Written(TEXT, usage)


def test_a_text_that_was_cut_off_ends_with_its_last_whole_sentence(chat, model):
    chat.answer_with(caption("A red lamp. It stands on a", finish="length"))
    assert model.write(JPEG).text == "A red lamp."


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (sends(b"<html>Welcome</html>"), NO_JSON),
        (
            sends(b"\xff\xfe{", "application/json"),
            "The server did not answer with JSON: is CAPTION_URL a chat endpoint?",
        ),
        (sends(b"", status=204), NO_JSON),
        (sends(b"[" * 100_000), NO_JSON),
        (says([1]), NO_JSON),
        (says({}), "The server's answer has no text."),
        (says({"choices": []}), "The server's answer has no text."),
        (says({"choices": "none"}), "The server's answer has no text."),
        (says({"choices": [None]}), "The server's answer has no text."),
        (says({"choices": [{"message": "A lamp."}]}), "The server's answer has no text."),
        (says({"choices": [{"text": "A lamp."}]}), "The server's answer has no text."),
        (caption(None), "The server's answer has no text."),
        (caption([{"type": "text", "text": "A lamp."}]), "The server's answer has no text."),
        (caption(7), "The server's answer has no text."),
        (caption(" \n"), "The model wrote no word."),
        (
            caption("<think>What do I see?", finish="length"),
            "The model was cut off before it wrote a sentence: choose one that does not think aloud.",
        ),
        (caption("x" * 2_000_000), "The server's answer has over 1 MB."),
        (refuses(400, "Cannot read the image."), "The server answered with 400: Cannot read the image."),
        (refuses(413), "The server answered with 413: no."),
        (says({"detail": "x"}, 422), "The server answered with 422."),
        (says({"error": "too large for secret-key-7"}, 400), "The server answered with 400: too large for the key."),
        (refuses(400, "long " * 100), f"The server answered with 400: {('long ' * 40).strip()}."),
    ],
)
def test_an_answer_without_a_caption_is_the_photo_s_own_failure(chat, model, answer, reason):
    chat.answer_with(answer)
    found = failure(model)
    assert (type(found), str(found)) == (Useless, reason)


def test_tokens_of_a_useless_answer_are_told(chat, model):
    chat.answer_with(says(completion("...")))
    assert failure(model).usage == Usage(900, 40)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refuses(500, "out of memory"), "The server answered with 500: out of memory."),
        (sends(b"<h1>Oops</h1>", status=500), "The server answered with 500."),
        (refuses(408), "The server answered with 408: no."),
        (hangs(3), "The server did not answer within 0.3 s."),
        (closes, "The server closed the connection before its answer was whole."),
        (breaks_off, "The server closed the connection before its answer was whole."),
        (trickles(20, 0.1), "The server's answer did not come to its end in time."),
        (trickles(40, 0.1, is_sized=True), "The server's answer did not come to its end in time."),
    ],
)
def test_a_server_that_fails_at_a_photo_may_do_better_later(chat, model, answer, reason):
    chat.answer_with(answer)
    begun = time.monotonic()
    found = failure(replace(model, read=0.3))
    assert (type(found), str(found)) == (Unanswered, reason)
    assert time.monotonic() < begun + 2


def test_a_server_that_is_not_there_is_away(model):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    found = failure(replace(model, url=f"http://127.0.0.1:{port}/v1"))
    assert (type(found), str(found)) == (Away, "The server cannot be reached.")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize(
    ("told", "rest"),
    [
        ("30", timedelta(seconds=30)),
        ("0", timedelta(0)),
        ("999999999999", timedelta(hours=1)),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_a_server_says_how_long_it_wants_to_be_left_alone(chat, model, status, told, rest):
    chat.answer_with(refuses(status, "busy", Retry_After=told))
    found = failure(model)
    assert isinstance(found, Away)
    assert (str(found), found.rest) == (f"The server answered with {status}: busy.", rest)


@pytest.mark.parametrize(("seconds", "rest"), [(90, 90), (-90, 0), (90_000, 3_600)])
def test_it_may_say_so_with_a_date(chat, model, seconds, rest):
    date = datetime.now(UTC) + timedelta(seconds=seconds)
    chat.answer_with(refuses(429, Retry_After=format_datetime(date, usegmt=True)))
    found = failure(model)
    assert isinstance(found, Away)
    assert found.rest is not None
    assert found.rest.total_seconds() == pytest.approx(rest, abs=2)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refuses(401, "Wrong key: secret-key-7"), "The server answered with 401."),
        (refuses(403, "No."), "The server answered with 403."),
        (
            refuses(404, "model 'small-vision' not found"),
            "The server answered with 404: model 'small-vision' not found.",
        ),
        (refuses(402, "No credit."), "The server answered with 402: No credit."),
    ],
)
def test_a_refused_key_or_model_is_a_wrong_set_up(chat, model, answer, reason):
    chat.answer_with(answer)
    found = failure(model)
    assert type(found) is WrongSetUp
    assert str(found) == f"{reason} Look at CAPTION_URL, CAPTION_MODEL and CAPTION_KEY."


def test_a_redirect_is_not_followed_for_the_key_is_for_this_server(chat, model):
    chat.answer_with(says({}, 307, Location=f"{chat.url.replace('127.0.0.1', 'localhost')}/chat/completions"))
    found = failure(model)
    assert type(found) is WrongSetUp
    assert str(found) == "The server sends requests elsewhere (307): set CAPTION_URL to the new address."
    assert len(chat.questions) == 1


@pytest.mark.parametrize("change", [{"url": "no address"}, {"url": "ftp://x.example/v1"}, {"url": "http://[::1/v1"}])
def test_what_is_no_address_is_a_wrong_set_up(model, change):
    found = failure(replace(model, **change))
    assert (type(found), str(found)) == (WrongSetUp, "No request could be made of the address and the key.")


@pytest.mark.parametrize("key", ["two\nlines", "schlüssel–7"])
def test_a_key_that_no_header_can_hold_is_a_wrong_set_up(model, key):
    found = failure(replace(model, key=key))
    assert (type(found), str(found)) == (WrongSetUp, "No request could be made of the address and the key.")
