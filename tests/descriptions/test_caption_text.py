import time

import pytest

from descriptions.caption_text import plain

LAMP = "A red lamp."


@pytest.mark.parametrize(
    "written",
    [
        LAMP,
        "  A red\n\n lamp.\t",
        '"A red lamp."',
        "“A red lamp.”",
        "'A red lamp.'",
        "**A red lamp.**",
        "## A red lamp.",
        "- A *red* lamp.",
        "1. A red lamp.",
        "_A red lamp._",
        "```text\nA red lamp.\n```",
        "`A red lamp.`",
        "<p>A <b>red</b> lamp.</p>",
        "[A red lamp.](https://shop.example)",
        "<think>It glows. A torch?</think>A red lamp.",
        "It glows. A torch?\n</think>\n\nA red lamp.",
        "A red lamp. <think>Or a torch",
        "A\x00 red\x1b lamp.\ufeff",
        "A red \ud800lamp.\ue000",
    ],
)
def test_a_model_s_text_becomes_plain_sentences(written):
    assert plain(written, 1_000) == LAMP


def test_letters_are_composed_and_those_of_other_scripts_are_kept():
    assert plain("Cafe\u0301-Stuhl, می\u200cخواهم, 赤いランプ。", 1_000) == "Café-Stuhl, می\u200cخواهم, 赤いランプ。"


def test_quotes_within_a_text_and_names_with_underscores_are_kept():
    assert plain('"Red" and "blue"', 1_000) == '"Red" and "blue"'
    assert plain("A lamp called red_lamp_2.", 1_000) == "A lamp called red_lamp_2."


@pytest.mark.parametrize(
    ("written", "longest", "kept"),
    [
        ("A red lamp. It stands on a long foot.", 20, "A red lamp."),
        ("赤いランプ。長い足の上に立つ。", 10, "赤いランプ。"),
        ("A red lamp on a foot", 14, "A red lamp on"),
        ("Lampenschirmhalterung", 5, "Lampe"),
        ("A red lamp. 0.5 m high.", 16, "A red lamp."),
    ],
)
def test_a_long_text_ends_with_its_last_whole_sentence_or_word(written, longest, kept):
    assert plain(written, longest) == kept


def test_a_sentence_that_the_model_did_not_finish_is_left_out():
    assert plain("A red lamp. It stands on", 1_000, unfinished=True) == "A red lamp."


@pytest.mark.parametrize("written", ["", " \n ", "...", "123", "<think>A red lamp.", "```\n```", "\x00", "<br>"])
def test_a_text_without_a_word_is_empty(written):
    assert plain(written, 1_000) == ""


@pytest.mark.parametrize("rubbish", ["\n", "<", "<a", "[", "a_", "*", "<think>", ".'", "```\n", "- ", "_"])
def test_a_megabyte_of_rubbish_costs_no_time(rubbish):
    begun = time.monotonic()
    plain(rubbish * (1_000_000 // len(rubbish)), 1_000)
    assert time.monotonic() < begun + 2
