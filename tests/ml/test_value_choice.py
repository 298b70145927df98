import numpy as np
import pytest

from ml.value_choice import FEWEST, PRECISION, Candidates, ValueModel, fit, folds


def one_of_two(count: int, seed: int, sure: float = 1.0) -> tuple[Candidates, np.ndarray, np.ndarray]:
    """Products with two candidates each, of which the first number tells the right one in a share of them."""
    random = np.random.default_rng(seed)
    right = np.tile([True, False], count)
    told = np.where(np.repeat(random.random(count) < sure, 2), right, ~right)
    return Candidates(told[:, np.newaxis].astype(float), np.repeat(np.arange(count), 2)), right, np.ones(count, bool)


def fitted(count: int, sure: float = 1.0, is_list: bool = False) -> ValueModel:
    model = fit(*one_of_two(count, 1, sure), is_list)
    assert model
    return model


def test_what_is_always_right_is_always_said():
    model = fitted(100)
    assert (model.precision, model.coverage, model.products) == (pytest.approx(0.9925), 1, 100)
    choice = model.choose(np.array([[0.0], [1.0]]))
    assert list(choice.candidates) == [1]
    assert choice.confidence >= model.least_confidence


def test_what_is_right_in_half_is_never_said():
    model = fitted(200, sure=0.5)
    assert (model.precision, model.coverage) == (0, 0)
    assert model.choose(np.array([[0.0], [1.0]])).confidence < model.least_confidence


def test_a_precision_that_few_products_show_is_not_promised():
    assert fitted(FEWEST, sure=0.92).coverage == 0
    assert fitted(2_000, sure=0.95).coverage == 1


def test_the_precision_that_is_promised_holds_for_others():
    model = fitted(500, sure=0.95)
    candidates, right, _ = one_of_two(500, 2, 0.95)
    said = [model.choose(candidates.features[candidates.products == product]) for product in range(500)]
    correct = [right[2 * product + choice.candidates[0]] for product, choice in enumerate(said)]
    assert np.mean(correct) >= PRECISION


def test_a_product_whose_value_is_no_candidate_counts_as_wrong():
    candidates, right, _ = one_of_two(100, 1)
    model = fit(candidates, right & np.repeat(np.arange(100) % 2 == 0, 2), np.arange(100) % 2 == 0, is_list=False)
    assert model
    assert model.coverage == 0


def test_a_list_has_all_that_is_likely_enough():
    model = fitted(100, is_list=True)
    assert sorted(model.choose(np.array([[1.0], [0.0], [1.0]])).candidates) == [0, 2]
    assert list(model.choose(np.array([[0.0], [0.0]])).candidates) == [0]


@pytest.mark.parametrize("count", [1, 5, FEWEST - 1])
def test_too_few_products_teach_nothing(count):
    assert fit(*one_of_two(count, 1), is_list=False) is None


def test_products_without_any_right_candidate_teach_nothing():
    candidates, right, complete = one_of_two(100, 1)
    assert fit(candidates, np.zeros_like(right), ~complete, is_list=False) is None
    assert fit(candidates, np.ones_like(right), complete, is_list=True) is None


def test_each_product_is_held_out_once():
    held = [row for _, rows in folds(43) for row in rows.tolist()]
    assert sorted(held) == list(range(43))
    assert all(not set(learned) & set(held) for learned, held in folds(43))
