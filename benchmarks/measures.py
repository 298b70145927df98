"""Sizes read from descriptions, held against the columns of the same products, which the reader does not see.

A description is right if it says the width, depth and height of the columns, and nothing else of them.
"""

import argparse
import csv
from collections import Counter
from pathlib import Path
from time import process_time

from catalog.measures import sizes
from demo.__main__ import CATALOG

COLUMNS = ("width_cm", "depth_cm", "height_cm")
SHOWN = 10


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.measures",
        description=__doc__,
        epilog="Example: python -m benchmarks.measures other-catalogue.csv",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("catalog", type=Path, nargs="?", default=CATALOG, help="a CSV file with these columns")
    options = parser.parse_args()
    with options.catalog.open(newline="") as file:
        products = list(csv.DictReader(file))
    begun = process_time()
    read = [sizes.read(row["description"], subject=row["name"]) for row in products]
    seconds = process_time() - begun
    outcomes: Counter[str] = Counter()
    for row, found in zip(products, read, strict=True):
        outcome = judge(row, found)
        outcomes[outcome] += 1
        if outcome != "right" and outcomes[outcome] <= SHOWN:
            print(f"{row['sku']} {outcome}: {found} in “{row['description']}”")
    print("| descriptions | right | silent | wrong | CPU a text |")
    print("|---|---|---|---|---|")
    shares = " | ".join(f"{outcomes[name] / len(products):.1%}" for name in ("right", "silent", "wrong"))
    print(f"| {len(products)} | {shares} | {1000 * seconds / len(products):.2f} ms |")


def judge(row: dict[str, str], found: dict[str, float]) -> str:
    said = {name: found[name] for name in COLUMNS if name in found}
    if said == {name: float(row[name]) for name in COLUMNS if row[name]}:
        return "right"
    return "wrong" if any(float(row[name] or 0) != value for name, value in said.items()) else "silent"


if __name__ == "__main__":
    main()
