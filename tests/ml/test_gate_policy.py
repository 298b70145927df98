"""The gate's policy: what it searches, and how tuning finds the cheapest one that finds as much."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from ml.gate_policy import HARD, Asked, Policy, Tuned, confusion_shares, confusions, products_ahead, tune

SURE, TORN, LOST = [0.95, 0.02, 0.02, 0.01], [0.5, 0.02, 0.45, 0.03], [0.3, 0.25, 0.25, 0.2]
NONE = np.zeros((4, 4))


def searched(policy: Policy, *probabilities: list[float]) -> list[list[int]]:
    return [np.flatnonzero(row).tolist() for row in policy.searched(np.array(probabilities))]


def test_the_default_searches_one_category_when_sure_and_three_at_most():
    assert searched(Policy(), SURE, TORN, LOST) == [[0], [0, 2], [0, 1, 2]]


def test_a_hard_gate_searches_the_likeliest_alone_ties_by_column():
    assert searched(HARD, TORN, [0.2, 0.3, 0.3, 0.2]) == [[0], [1]]


def test_a_confusion_widens_a_sure_gate_where_it_was_learned_and_nowhere_else():
    policy = Policy(confusions={0: (1, 3)})
    assert searched(policy, SURE, [0.02, 0.95, 0.02, 0.01], LOST) == [[0, 1, 3], [1], [0, 1, 2, 3]]


def test_a_policy_survives_json():
    policy = Policy(0.98, 4, {0: (1, 3), 12: (2,)})
    assert Policy.from_dict(json.loads(json.dumps(policy.as_dict()))) == policy
    assert Policy.from_dict({}) == Policy()
    with pytest.raises(TypeError):
        Policy.from_dict({"width": 3})


def test_products_ahead_are_counted_by_category():
    similarities = np.array([[0.9, 0.8, 0.7, 0.6], [0.9, -np.inf, 0.7, 0.7]])
    wanted = np.array([[False, False, True, True], [False, True, False, True]])
    ahead = products_ahead(similarities, wanted, np.array([2, 0, 0, 1]), 3)
    assert ahead.tolist() == [[1, 0, 1], [0, 0, 1]]


def test_confusion_shares_are_of_the_predicted_category_and_need_evidence():
    predicted = np.array([0] * 10 + [1] * 4)
    truth = np.array([0] * 5 + [1] * 3 + [2] * 2 + [1] * 4)
    shares = confusion_shares(predicted, truth, 3)
    assert shares.tolist() == [[0.5, 0.3, 0], [0, 1, 0], [0, 0, 0]]
    assert confusions(shares, 0.3) == {0: (1,)}
    assert confusions(shares, 0.31) == {}


def test_tuning_keeps_the_hard_gate_where_it_finds_as_much():
    probabilities = np.array([SURE] * 50 + [TORN] * 50)
    found = tune(Asked(probabilities, np.zeros(100, int), None), np.full(4, 25), NONE)
    assert (found.policy, found.soft) == (HARD, found.hard)
    assert (found.hard.recall, found.hard.work) == (1, 0.25)
    assert (found.open.recall, found.open.work) == (1, 1)


def test_tuning_widens_only_for_those_who_hesitate():
    probabilities, truth = np.array([SURE] * 50 + [TORN] * 50), np.array([0] * 50 + [2] * 50)
    found = tune(Asked(probabilities, truth, None), np.array([40, 10, 30, 20]), NONE)
    assert (found.hard.recall, found.soft.recall) == (0.5, 1)
    assert found.soft.work == pytest.approx((0.4 + 0.7) / 2)
    assert searched(found.policy, SURE, TORN) == [[0], [0, 2]]


def test_tuning_uses_a_confusion_where_the_head_is_sure_and_wrong():
    probabilities = np.array([SURE] * 60 + [SURE[::-1]] * 40)
    truth = np.array([0] * 30 + [1] * 30 + [3] * 40)
    shares = confusion_shares(probabilities.argmax(axis=1), truth, 4)
    found = tune(Asked(probabilities, truth, None), np.full(4, 25), shares)
    assert found.policy == Policy(HARD.sure, HARD.most, {0: (1,)})
    assert (found.soft.recall, found.soft.work) == (1, pytest.approx(0.6 * 0.5 + 0.4 * 0.25))


def test_tuning_does_not_open_where_look_alikes_of_other_categories_would_push_the_wanted_out():
    probabilities = np.array([TORN] * 100)
    ahead = np.tile([3, 0, 9, 0], (100, 1))
    found = tune(Asked(probabilities, np.zeros(100, int), ahead), np.full(4, 25), NONE)
    assert (found.policy, found.hard.recall, found.open.recall) == (HARD, 1, 0)


def test_tuning_opens_wide_when_nothing_less_will_do():
    rng = np.random.default_rng(0)
    probabilities, truth = rng.dirichlet(np.ones(6), 500), rng.integers(0, 6, 500)
    found = tune(Asked(probabilities, truth, None), np.full(6, 10), np.zeros((6, 6)))
    assert found.open.recall == 1
    assert found.soft.recall >= 0.99


def test_a_policy_must_be_good_enough_for_photos_and_for_views():
    photos = Asked(np.array([SURE] * 100), np.zeros(100, int), None)
    views = Asked(np.array([TORN] * 100), np.array([0, 2] * 50), None)
    assert tune(photos, np.full(4, 25), NONE).policy == HARD
    found = tune(photos, np.full(4, 25), NONE, views)
    assert searched(found.policy, SURE, TORN) == [[0], [0, 2]]
    assert (found.queries, found.soft.recall, found.soft.work) == (100, 1, 0.25)
    assert found.views is not None
    assert (found.views.queries, found.views.hard.recall, found.views.soft.recall) == (100, 0.5, 1)


def test_where_no_policy_is_good_enough_for_both_the_one_that_loses_least_is_taken():
    photos = Asked(np.array([TORN] * 100), np.zeros(100, int), np.tile([3, 0, 9, 0], (100, 1)))  # Opening loses all.
    views = Asked(np.array([TORN] * 100), np.array([0] * 60 + [2] * 40), None)  # A hard gate loses 40.
    assert tune(photos, np.full(4, 25), NONE, views).policy == HARD
    assert tune(views, np.full(4, 25), NONE, photos).policy == HARD


def test_what_tuning_measured_survives_json():
    probabilities, truth = np.array([SURE] * 50 + [TORN] * 50), np.array([0] * 50 + [2] * 50)
    found = tune(Asked(probabilities, truth, np.zeros((100, 4), int)), np.full(4, 25), np.eye(4))
    assert (found.queries, found.recall_of) == (100, "products")
    assert Tuned.from_dict(json.loads(json.dumps(asdict(found)))) == found
    with_views = tune(Asked(probabilities, truth, None), np.full(4, 25), np.eye(4), Asked(probabilities, truth, None))
    assert with_views.views is not None
    assert Tuned.from_dict(json.loads(json.dumps(asdict(with_views)))) == with_views


def test_a_point_of_recall_may_be_given_up_for_less_work_where_the_queries_are_enough_to_be_sure():
    def chosen(queries: int, lost: int) -> Policy:
        truth = np.array([2] * lost + [0] * (queries - lost))
        return tune(Asked(np.array([TORN] * queries), truth, None), np.full(4, 25), NONE).policy

    assert chosen(2000, lost=10) == HARD
    assert chosen(2000, lost=20).most == 2
    assert chosen(100, lost=1).most == 2
    assert chosen(100, lost=0) == HARD
