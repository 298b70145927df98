from search import gate

CHAIR, LAMP, SOFA, BED = 1, 2, 3, 4
ALL = frozenset({CHAIR, LAMP, SOFA, BED})


def test_a_sure_gate_searches_the_likeliest_category_alone():
    choice = gate.choose({CHAIR: 0.93, LAMP: 0.04, SOFA: 0.02, BED: 0.01}, ALL)
    assert (choice.mode, choice.searched, choice.confidence) == ("classifier", {CHAIR}, 0.93)


def test_an_unsure_gate_searches_those_it_hesitates_between():
    choice = gate.choose({CHAIR: 0.5, LAMP: 0.02, SOFA: 0.45, BED: 0.03}, ALL)
    assert choice.searched == {CHAIR, SOFA}


def test_a_lost_gate_searches_three_categories_at_most():
    choice = gate.choose({CHAIR: 0.3, LAMP: 0.25, SOFA: 0.25, BED: 0.2}, ALL)
    assert choice.searched == {CHAIR, LAMP, SOFA}


def test_equal_probabilities_are_ranked_by_id():
    choice = gate.choose({BED: 0.25, SOFA: 0.25, LAMP: 0.25, CHAIR: 0.25}, ALL)
    assert choice.searched == {CHAIR, LAMP, SOFA}


def test_without_a_head_all_categories_are_searched():
    choice = gate.choose({}, ALL)
    assert (choice.mode, choice.searched, choice.confidence) == ("open", ALL, None)


def test_a_category_that_the_head_has_not_learned_is_searched_as_well():
    choice = gate.choose({CHAIR: 0.95, LAMP: 0.05}, frozenset({CHAIR, LAMP, BED}))
    assert choice.searched == {CHAIR, BED}


def test_a_category_deleted_since_the_training_is_left_out():
    choice = gate.choose({CHAIR: 0.2, LAMP: 0.8}, frozenset({CHAIR}))
    assert (choice.searched, dict(choice.probabilities)) == ({CHAIR}, {CHAIR: 0.2})


def test_the_caller_overrides_the_gate_and_still_sees_its_probabilities():
    choice = gate.choose({CHAIR: 0.95, LAMP: 0.05}, ALL, override=frozenset({LAMP}))
    assert (choice.mode, choice.searched, choice.probabilities[CHAIR]) == ("override", {LAMP}, 0.95)
