"""Baskets: the best choices within a budget, Lamplight beside scipy's integer program and greedy exchanges.

All choose from the same made-up offers in turn. Where prices are independent of similarity, a shop is as usual. Where
they rise with it, dear products are alike. Where they are proportional to it, no product is a bargain, and every choice
ties with many others. The program finds the best basket only, without ties. Greedy begins with the cheapest basket and
takes the exchange that gains most for its price until no further one fits.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import product

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from tqdm import tqdm

from search import baskets
from search.baskets import Basket, Offer
from search.knapsack import UnprovenError

Things = Mapping[int, Sequence[Offer]]
SIZES = ((3, 20), (5, 50), (10, 100))
LIMIT = 10
MOST_BY_LIST = 10_000  # Baskets that are all listed and sorted.
PRICES = ("independent", "rising", "proportional")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--choices", type=int, default=40, help="choices of each size and kind (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the offers (%(default)s)")


def run(options: argparse.Namespace) -> None:
    baskets.best(offers(2, 2, PRICES[0], np.random.default_rng())[0], Decimal(1))  # numpy loads what it needs.
    lines = [
        "| things x candidates | prices | by | p50 ms | p95 ms | longest ms | share of the similarity | unproven |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    for (things, candidates), prices in tqdm([*product(SIZES, PRICES)], "Choosing", leave=False):
        generator = np.random.default_rng(options.seed)
        lines += rows(things, candidates, prices, options.choices, generator)
    print("\n".join(lines))


def rows(things: int, candidates: int, prices: str, choices: int, generator: np.random.Generator) -> list[str]:
    contenders: dict[str, Callable[[Things, Decimal], float]] = {
        "Lamplight, the best": lambda shop, budget: baskets.best(shop, budget)[0].similarity,
        f"Lamplight, the {LIMIT} best": lambda shop, budget: baskets.best(shop, budget, LIMIT)[0].similarity,
        "scipy's milp, the best": by_program,
        "greedy": greedy,
    }
    if candidates**things <= MOST_BY_LIST:
        contenders["all baskets, sorted"] = by_list
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    alike: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(choices):
        shop, budget = offers(things, candidates, prices, generator)
        for name, choose in contenders.items():
            begun = time.perf_counter()
            try:
                alike[name].append(choose(shop, budget))
            except UnprovenError:
                alike[name].append(np.nan)
            seconds[name].append(time.perf_counter() - begun)
    best = np.array(alike["scipy's milp, the best"])
    lines = []
    for name, times in seconds.items():
        p50, p95, longest = 1000 * np.percentile(times, [50, 95, 100])
        share, unproven = np.nanmean(alike[name] / best), int(np.isnan(alike[name]).sum())
        lines.append(
            f"| {things} x {candidates} | {prices} | {name} | {p50:.1f} | {p95:.1f} | {longest:.1f} | {share:.4f} "
            f"| {unproven} |"
        )
    return lines


def offers(things: int, candidates: int, prices: str, generator: np.random.Generator) -> tuple[Things, Decimal]:
    """Offers with similarities of four digits, and a budget from just above the cheapest basket to half the way up."""
    alike = generator.integers(3_000, 9_500, (things, candidates))
    cents = {
        "independent": generator.integers(500, 200_000, alike.shape),
        "rising": 20 * alike + generator.integers(-5_000, 5_000, alike.shape),
        "proportional": 20 * alike,
    }[prices]
    least, most = int(cents.min(axis=1).sum()), int(cents.max(axis=1).sum())
    budget = least + int((most - least) * generator.uniform(0.05, 0.5))
    shop = {
        thing: [
            Offer(f"{number:03}", Decimal(price) / 100, similarity / 10_000)
            for number, (price, similarity) in enumerate(zip(cents[thing].tolist(), alike[thing].tolist(), strict=True))
        ]
        for thing in range(things)
    }
    return shop, Decimal(budget) / 100


def by_program(things: Things, budget: Decimal) -> float:
    every = [offer for one in things.values() for offer in one]
    of_thing = np.repeat(np.eye(len(things)), [len(one) for one in things.values()], axis=1)
    within = LinearConstraint(np.array([[float(offer.price) for offer in every]]), ub=float(budget))
    alike = np.array([-offer.similarity for offer in every])
    constraints = [LinearConstraint(of_thing, 1, 1), within]
    answer = milp(alike, integrality=1, bounds=Bounds(0, 1), constraints=constraints, options={"mip_rel_gap": 0})
    return -float(answer.fun)


def greedy(things: Things, budget: Decimal) -> float:
    chosen = dict(baskets.cheapest(things).offers)
    left = budget - Basket(chosen).total
    while True:
        exchanges = [
            (
                (offer.similarity - chosen[thing].similarity) / max(float(offer.price - chosen[thing].price), 1e-9),
                thing,
                n,
            )
            for thing, one in things.items()
            for n, offer in enumerate(one)
            if offer.similarity > chosen[thing].similarity and offer.price - chosen[thing].price <= left
        ]
        if not exchanges:
            return Basket(chosen).similarity
        _, thing, n = max(exchanges)
        left -= things[thing][n].price - chosen[thing].price
        chosen[thing] = things[thing][n]


def by_list(things: Things, budget: Decimal) -> float:
    every = (Basket(dict(zip(things, chosen, strict=True))) for chosen in product(*things.values()))
    possible = [basket for basket in every if basket.total <= budget]
    possible.sort(key=lambda basket: (-basket.similarity, basket.total))
    return possible[0].similarity
