import pytest

from ml.classifier import Judgement
from search import category_gate

CHAIR, LAMP, SOFA, BED = 1, 2, 3, 4
ALL = frozenset({CHAIR, LAMP, SOFA, BED})
SURE = {CHAIR: 0.93, LAMP: 0.04, SOFA: 0.02, BED: 0.01}


def judged(probabilities: dict[int, float], *searched: int, unknown: bool = False, low: bool = False) -> Judgement:
    return Judgement(probabilities, frozenset(searched), unknown, low)


def test_the_gate_searches_what_the_heads_policy_names():
    choice = category_gate.choose(judged(SURE, CHAIR, SOFA), ALL)
    assert (choice.mode, choice.searched, choice.confidence) == ("classifier", {CHAIR, SOFA}, 0.93)
    assert not choice.low_confidence


def test_a_photo_of_nothing_that_is_sold_is_searched_for_everywhere():
    choice = category_gate.choose(judged(SURE, CHAIR, unknown=True, low=True), ALL)
    assert (choice.mode, choice.searched, choice.low_confidence) == ("unknown", ALL, True)
    assert choice.probabilities == SURE


def test_without_a_head_all_categories_are_searched():
    choice = category_gate.choose(None, ALL)
    assert (choice.mode, choice.searched, choice.confidence, choice.low_confidence) == ("open", ALL, None, False)


def test_a_category_that_the_head_has_not_learned_is_searched_as_well():
    choice = category_gate.choose(judged({CHAIR: 0.95, LAMP: 0.05}, CHAIR), frozenset({CHAIR, LAMP, BED}))
    assert choice.searched == {CHAIR, BED}


def test_a_category_deleted_since_the_training_is_left_out():
    choice = category_gate.choose(judged({CHAIR: 0.2, LAMP: 0.8}, CHAIR, LAMP), frozenset({CHAIR}))
    assert (choice.mode, choice.searched, choice.probabilities) == ("classifier", {CHAIR}, {CHAIR: 0.2})


def test_when_all_that_it_would_search_was_deleted_everything_is_searched():
    choice = category_gate.choose(judged({CHAIR: 0.1, LAMP: 0.1, SOFA: 0.8}, SOFA), frozenset({CHAIR, LAMP}))
    assert (choice.mode, choice.searched) == ("open", {CHAIR, LAMP})


@pytest.mark.parametrize("unknown", [False, True])
def test_the_caller_overrides_the_gate_and_still_sees_what_the_head_thinks(unknown):
    choice = category_gate.choose(judged(SURE, CHAIR, unknown=unknown, low=unknown), ALL, override=frozenset({LAMP}))
    assert (choice.mode, choice.searched, choice.probabilities[CHAIR]) == ("override", {LAMP}, 0.93)
    assert choice.low_confidence == unknown


def test_the_caller_overrides_an_open_gate_too():
    choice = category_gate.choose(None, ALL, override=frozenset({LAMP}))
    assert (choice.mode, choice.searched, choice.confidence) == ("override", {LAMP}, None)
