"""Baskets are the best ones: as every basket's list says, and as an integer program says where no list is possible."""

import itertools
from collections.abc import Iterator
from decimal import Decimal
from random import Random

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from search import baskets, knapsack
from search.baskets import Basket, Offer
from search.knapsack import UnprovenError

Things = dict[int, list[Offer]]
DEAREST = 999_999_999_999  # cents, the most that the price's column holds


def offer(sku: str, price: str, similarity: float) -> Offer:
    return Offer(sku, Decimal(price), similarity)


def ranked(things: Things, budget: Decimal) -> list[Basket]:
    """Every basket within the budget, best first."""
    every = (Basket(dict(zip(things, chosen, strict=True))) for chosen in itertools.product(*things.values()))
    return sorted((basket for basket in every if basket.total <= budget), key=order)


def order(basket: Basket) -> tuple[int, Decimal, list[str]]:
    alike = sum(round(one.similarity * 1_000_000) for one in basket.offers.values())
    return -alike, basket.total, [one.sku for one in basket.offers.values()]


def skus(found: list[Basket]) -> list[list[str]]:
    return [[one.sku for one in basket.offers.values()] for basket in found]


def random_things(random: Random) -> Things:
    """One to four things of one to eight offers; similarities and prices are fine or so coarse that many tie."""
    digits = random.choice([1, 2, 4, 6])
    most, step = random.choice([(3, 100), (20, 1), (100, 99), (100_000, 1), (DEAREST, 1), (9, DEAREST // 9)])
    return {
        2 * thing: [
            Offer(
                f"{random.randrange(1000):03}-{number}",
                Decimal(random.randint(0, most) * step) / 100,
                round(random.random(), digits),
            )
            for number in range(random.choice([1, 2, 5, 8]))
        ]
        for thing in range(random.randint(1, 4))
    }


def random_budget(things: Things, random: Random) -> Decimal:
    """From just too little to enough for everything; sometimes exactly what some basket costs."""
    if random.random() < 0.3:
        return sum((random.choice(offers).price for offers in things.values()), Decimal(0))
    least, most = (sum(pick(one.price for one in offers) for offers in things.values()) for pick in (min, max))
    share = Decimal(random.choice([0, 5, 10, 30, 60, 100])) / 100
    return max(Decimal("0.01"), least + ((most - least) * share).quantize(Decimal("0.01")) - random.choice([0, 1]))


def cases() -> Iterator[tuple[Things, Decimal, int]]:
    random = Random(7)
    for _ in range(500):
        things = random_things(random)
        yield things, random_budget(things, random), random.choice([1, 2, 3, 10])


WIDE = {"WIDTHS": knapsack.WIDTHS}
NARROW = {"WIDTHS": (11, 40, 4_000), "SORTED": 1, "SLICE": 3, "MOST_STAIRS": 30}


@pytest.mark.parametrize("limits", [WIDE, NARROW])
def test_the_best_baskets_are_the_first_of_all_that_are_possible(limits, monkeypatch):
    """With narrow passes as well, which lose prefixes and have to come back for them."""
    for name, value in limits.items():
        monkeypatch.setattr(knapsack, name, value)
    possible = 0
    for things, budget, limit in cases():
        every = ranked(things, budget)
        possible += bool(every)
        assert baskets.best(things, budget, limit) == every[:limit], (things, budget)
    assert 300 < possible < 500


def test_the_cheapest_basket_is_the_cheapest_of_all_that_are_possible():
    for things, _, _ in cases():
        every = ranked(things, Decimal("Infinity"))
        assert baskets.cheapest(things) == min(every, key=lambda one: (one.total, *order(one)))


def by_program(things: Things, budget: Decimal) -> float:
    """The similarity of the best basket, as scipy's integer program finds it."""
    offers = [one for offers in things.values() for one in offers]
    of_thing = np.repeat(np.eye(len(things)), [len(one) for one in things.values()], axis=1)
    prices = np.array([[float(one.price) for one in offers]])
    within = [LinearConstraint(of_thing, 1, 1), LinearConstraint(prices, ub=float(budget))]
    alike = np.array([-one.similarity for one in offers])
    answer = milp(alike, integrality=1, bounds=Bounds(0, 1), constraints=within, options={"mip_rel_gap": 0})
    return round(-answer.fun, 6)


def shop(kind: str, seed: int) -> tuple[Things, Decimal]:
    """Ten things of a hundred offers, and a budget a third of the way from the cheapest to the dearest."""
    generator = np.random.default_rng(seed)
    alike = generator.integers(3_000, 9_500, (10, 100))
    prices = {
        "independent": generator.integers(500, 200_000, alike.shape),
        "rising": 20 * alike + generator.integers(-5_000, 5_000, alike.shape),
        "round": generator.integers(1, 200, alike.shape) * 1_000 - 1,
        "proportional": 20 * alike,
    }[kind]
    things = {
        thing: [
            Offer(f"{number:03}", Decimal(int(price)) / 100, round(int(similarity) / 10_000, 4))
            for number, (price, similarity) in enumerate(zip(prices[thing], alike[thing], strict=True))
        ]
        for thing in range(len(alike))
    }
    least, most = prices.min(axis=1).sum(), prices.max(axis=1).sum()
    return things, Decimal(int(least + (most - least) // 3)) / 100


@pytest.mark.parametrize("kind", ["independent", "rising", "round", "proportional"])
def test_the_largest_choices_are_as_good_as_an_integer_program_finds_them(kind):
    things, budget = shop(kind, seed=1)
    first, *others = baskets.best(things, budget, 10)
    assert first.similarity == by_program(things, budget)
    assert len(others) == 9
    assert [*map(order, others)] == sorted(map(order, others))
    assert all(basket.total <= budget for basket in (first, *others))
    assert len(set(map(tuple, skus([first, *others])))) == 10


def test_of_equally_similar_baskets_the_cheaper_one_comes_first_and_then_the_first_by_sku():
    things = {0: [offer("b", "2", 0.5), offer("a", "2", 0.5), offer("c", "1", 0.5)], 1: [offer("x", "1", 0.5)]}
    assert skus(baskets.best(things, Decimal(9), 5)) == [["c", "x"], ["a", "x"], ["b", "x"]]


def test_a_cent_above_the_budget_is_above_it_whatever_the_prices():
    near, far = offer("near", "9999999999.99", 0.9), offer("far", "9999999999.98", 0.1)
    things = {0: [near, far], 1: [near, far]}
    whole = Decimal("19999999999.98")
    assert skus(baskets.best(things, whole)) == [["near", "near"]]
    assert skus(baskets.best(things, whole - Decimal("0.01"), 9)) == [["far", "near"], ["near", "far"], ["far", "far"]]
    assert baskets.best(things, whole - Decimal("0.03")) == []


def test_what_costs_nothing_is_bought():
    assert skus(baskets.best({0: [offer("gift", "0.00", 0.1)]}, Decimal("0.01"))) == [["gift"]]


def test_two_things_may_get_the_same_product_and_it_is_paid_for_twice():
    chair = [offer("chair", "40.00", 0.9), offer("stool", "10.00", 0.4)]
    [basket] = baskets.best({0: chair, 1: chair}, Decimal(80))
    assert (basket.total, basket.similarity) == (Decimal("80.00"), 1.8)
    assert skus(baskets.best({0: chair, 1: chair}, Decimal("79.99"))) == [["chair", "stool"]]


def test_a_thing_without_offers_leaves_no_basket():
    assert baskets.best({0: [offer("a", "1", 0.5)], 1: []}, Decimal(9)) == []


def test_a_choice_that_cannot_be_proven_in_time_is_no_answer():
    things, budget = shop("rising", seed=1)
    with pytest.raises(UnprovenError):
        baskets.best(things, budget, 10, seconds=0.001)


def test_a_choice_that_would_take_too_much_memory_is_no_answer(monkeypatch):
    monkeypatch.setattr(knapsack, "WIDTHS", (20,))
    things, budget = shop("rising", seed=1)
    with pytest.raises(UnprovenError):
        baskets.best(things, budget, 10)
