import pytest

from descriptions.wordings import Mention, Phrases, excerpt, place, tokens, unknown

TEXT = tokens("Frame in oak and seat in oatmeal wool. Widths: 80/90 cm, in white oak or Café.")


def test_a_text_becomes_words_and_signs_in_small_letters():
    assert tokens("Sofa/Couch, 80 cm: Café!") == ("sofa", "couch", ",", "80", "cm", ":", "cafe", "!")
    assert tokens("") == ()


def test_the_longest_value_is_meant():
    named = Phrases(["oak", "white oak", "wool", "café"])
    assert [(one.value, one.length) for one in named.mentions(TEXT)] == [
        ("oak", 1),
        ("wool", 1),
        ("white oak", 2),
        ("café", 1),
    ]


@pytest.mark.parametrize("values", [[], ["soft"], ["oa"], ["–"]])
def test_values_that_are_not_named_are_not_found(values):
    assert Phrases(values).mentions(TEXT) == []


def test_a_text_without_words_names_nothing():
    assert Phrases(["oak"]).mentions(()) == []


def test_a_place_is_the_two_words_before():
    assert place(TEXT, Phrases(["wool"]).mentions(TEXT)[0]) == ("in", "oatmeal")
    assert place(("oak",), Mention("oak", 0, 1)) == ()


def test_a_word_where_values_stand_may_be_one():
    known = Phrases(["oak"]).mentions(TEXT)
    assert [one.value for one in unknown(TEXT, known, {("seat", "in"), ("frame", "in")})] == ["oatmeal"]
    assert unknown(TEXT, known, set()) == []


def test_an_excerpt_shows_where_a_value_is_named():
    text = "Dining chair with five slats. Frame in black ash, hollowed slightly for comfort of those who sit."
    assert excerpt(text, "black ash", 12) == "… slats. Frame in black ash, hollowed slightly …"
    assert excerpt("Oak", "oak") == "Oak"
    assert excerpt(text, "oak") == ""


@pytest.mark.parametrize(
    ("value", "text"), [("cafe", "Café"), ("off white", "Off-white"), ("black/white", "Black White")]
)
def test_an_excerpt_finds_a_value_however_it_is_spelled(value, text):
    assert excerpt(f"In {text}, of course", value) == f"In {text}, of course"


def test_one_long_value_does_not_change_what_is_found():
    named = Phrases(["oak", "oak and seat in oatmeal wool . Widths"])
    assert [one.length for one in named.mentions(TEXT)] == [8, 1]
