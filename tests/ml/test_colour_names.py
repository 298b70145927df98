import numpy as np
import pytest

from ml.colour_names import TERMS, hex_lab, lab, named, term_shares, terms_of


def test_white_black_and_red_have_their_published_lab():
    assert lab(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]])) == pytest.approx(
        np.array([[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]]), abs=0.05
    )


def test_a_hex_colour_is_read_with_and_without_its_sign():
    assert hex_lab("#ff0000").tolist() == hex_lab("ff0000").tolist()


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("sage", {"green", "grey"}),
        ("Emerald", {"green"}),
        ("navy", {"blue"}),
        ("teal", {"green", "blue"}),
        ("burgundy", {"red", "brown"}),
        ("cognac", {"brown"}),
        ("light grey", {"grey"}),
        ("Light Gray", {"grey"}),
        ("off-white", {"white"}),
        ("very unusual green", {"green"}),
        ("oak", set()),
        ("pine", set()),
        ("", set()),
        ("80 cm", set()),
    ],
)
def test_a_name_passes_for_its_basic_terms(name, terms):
    assert terms_of(name) == terms


def test_each_term_passes_for_itself():
    assert {term: terms_of(term) for term in TERMS} == {term: {term} for term in TERMS}
    assert [TERMS[place] for place in term_shares(np.array([named(term) for term in TERMS])).argmax(axis=1)] == [*TERMS]


def test_the_shares_of_a_colour_add_up_to_one_however_far_it_lies_from_any_name():
    shares = term_shares(np.array([[50.0, 0, 0], [100, 120, -120], [0, 0, 0]]))
    assert shares.sum(axis=1) == pytest.approx(np.ones(3))
