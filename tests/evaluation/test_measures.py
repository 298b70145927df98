import numpy as np
import pytest

from evaluation.measures import Bin, Firsts, category_quality, gate_quality, least_similarity, needed

BED, LAMP, SOFA = 3, 5, 8
SLUGS = {BED: "bed", LAMP: "lamp", SOFA: "sofa"}


def test_category_quality_of_four_queries_of_which_the_head_knows_three():
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [np.nan, np.nan]])
    quality = category_quality(probabilities, np.array([BED, LAMP]), np.array([BED, BED, SOFA, LAMP]), SLUGS)
    assert quality is not None
    assert (quality.queries, quality.top1, quality.top2) == (3, pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert quality.calibration_error == pytest.approx((0.1 + 0.6 + 0.7) / 3)
    assert quality.reliability == (Bin(0.6, 0.0, 1), Bin(0.7, 0.0, 1), Bin(0.9, 1.0, 1))
    assert quality.categories == ("bed", "lamp", "sofa")
    assert quality.confusion == ((1, 1, 0), (0, 0, 0), (0, 1, 0))


def test_without_a_judged_query_there_is_no_category_quality():
    assert category_quality(np.full((2, 2), np.nan), np.array([BED, LAMP]), np.array([BED, LAMP]), SLUGS) is None


def test_gate_quality_counts_recall_over_wanting_queries_and_work_over_all():
    # Four products: two beds, two lamps; 3 and 1 photos. The last query wants nothing.
    similarities = np.array([[0.9, 0.8, 0.7, -np.inf], [0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.5, 0.5]], np.float32)
    wanted = np.array([[False, False, True, True], [True, False, False, False], [False] * 4])
    searched = np.array([[True, True], [False, True], [True, False]])
    quality = gate_quality(
        similarities, wanted, np.array([True, True, False]), searched, np.array([0, 0, 1, 1]), np.array([3, 1])
    )
    # Query 1 finds its only wanted product with a photo left at rank 3. Query 2 may not search the beds.
    assert quality.recall == {1: 0.0, 5: 0.5, 10: 0.5, 20: 0.5}
    assert quality.mean_average_precision == pytest.approx((1 / 3 + 0) / 2)
    assert quality.scanned == pytest.approx((1 + 0.25 + 0.75) / 3)
    assert quality.categories_searched == pytest.approx(4 / 3)


def test_a_query_that_wants_what_is_not_there_has_not_found_it():
    nothing = np.zeros((1, 1), bool)
    quality = gate_quality(
        np.array([[0.9]]), nothing, np.array([True]), np.array([[True]]), np.array([0]), np.array([1])
    )
    assert (quality.recall[20], quality.mean_average_precision) == (0.0, 0.0)


@pytest.mark.parametrize(("keep", "count"), [(0.99, 99), (0.95, 19), (0.9, 9), (0.5, 1)])
def test_a_threshold_needs_as_many_right_matches_as_its_promise_takes(keep, count):
    similarities = np.linspace(0.5, 0.9, count)
    assert needed(keep) == count
    assert least_similarity(similarities, keep, 4) == 0.5
    assert least_similarity(similarities[1:], keep, 4) is None


def test_a_threshold_lies_at_the_quantile_and_is_cut_to_the_digits_shown():
    right = np.arange(39)[::-1] / 100 + 0.500_019
    assert least_similarity(right, 0.95, 4) == 0.51
    assert least_similarity(right, 0.95, 6) == 0.510_019


def test_a_threshold_keeps_what_it_promises_of_matches_not_seen():
    random = np.random.default_rng(0)
    samples = [(random.beta(5, 2, 99), random.beta(5, 2, 1000)) for _ in range(400)]
    kept = [np.mean(unseen >= least_similarity(seen, 0.99, 6)) for seen, unseen in samples]  # type: ignore[operator]
    assert np.mean(kept) == pytest.approx(0.99, abs=0.002)


def test_first_answers_are_told_apart_by_their_own_category():
    firsts = Firsts(
        similarity=np.array([0.4, 0.6, 0.8, 0.5, 1.0]),
        right=np.array([False, True, True, True, False]),
        category=np.array([LAMP, LAMP, LAMP, LAMP, BED]),
    )
    bed, lamp = firsts.by_category(SLUGS, keep=0.7, digits=4)
    assert firsts.extent == (0.4, 1.0)
    assert (bed.category, bed.right, bed.wrong, bed.min_similarity, bed.needed) == ("bed", 0, 1, None, 3)
    assert (lamp.right, lamp.wrong, lamp.min_similarity, lamp.right_kept, lamp.wrong_cut) == (3, 1, 0.5, 1.0, 1.0)
    assert (sum(lamp.right_histogram), sum(lamp.wrong_histogram), lamp.wrong_histogram[0]) == (3, 1, 1)


def test_without_answers_there_is_nothing_to_tell_apart():
    firsts = Firsts(np.array([]), np.array([], bool), np.array([], int))
    assert (firsts.extent, firsts.by_category(SLUGS, 0.99, 4)) == ((0.0, 1.0), ())
