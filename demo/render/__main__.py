"""Render the sample catalogue and its customer photos.

The same inputs always give the same furniture, rooms, cameras and file list: every random choice is
seeded from the product's SKU.  The pixels do not repeat exactly: on one machine a few differ by one or
two grey levels between runs, as samples are added up in parallel, and on other processors or with other
versions of the renderer, denoiser or LLVM the noise may differ altogether.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from . import products, sheet, stage
from .pictures import Job, picture_path, render
from .products import Product

EXAMPLES = """examples:
  python -m demo.render                                     render whatever is missing, write the CSVs
  python -m demo.render --force --samples 64 --jobs 2       render everything again, less noise
  python -m demo.render --only CHA-001 LAM --out /tmp/look  one chair and all lamps, elsewhere
  python -m demo.render --only SOF --contact-sheet sofa.png with an overview picture
"""
VIEWS = ("1", "query", "2")
LIBLLVM = "DRJIT_LIBLLVM_PATH"
OLDEST_LLVM = 16


def run(jobs: Sequence[Job], processes: int) -> None:
    """Work through all pictures with a progress bar."""
    bar = tqdm(total=len(jobs), unit="picture", disable=not jobs)
    if processes == 1:
        stage.select_variant()
        for job in jobs:
            render(job)
            bar.update()
    else:
        context = multiprocessing.get_context("spawn")
        with context.Pool(processes, stage.select_variant) as pool:
            for _ in pool.imap_unordered(render, jobs, chunksize=4):
                bar.update()
    bar.close()


def write_tables(out: Path, table: Iterable[Product]) -> None:
    """Write `catalog/catalog.csv` and `queries/queries.csv`."""
    rows = [product.row() for product in table]
    _write_csv(out / "catalog" / "catalog.csv", rows)
    queries = [{"image": f"{row['sku']}.webp", "sku": row["sku"], "category": row["category"]} for row in rows]
    _write_csv(out / "queries" / "queries.csv", queries)


def _write_csv(path: Path, rows: Sequence[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.render",
        description="Render the sample catalogue: two studio views and one customer photo per product.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder to write into (default: demo)")
    parser.add_argument("--only", nargs="+", metavar="SKU", help="only SKUs that start with one of these")
    parser.add_argument("--views", nargs="+", choices=VIEWS, default=VIEWS, help="only these views")
    parser.add_argument("--samples", type=int, default=12, help="light paths per pixel (default: 12)")
    parser.add_argument("--jobs", type=int, default=1, help="processes; each uses every core (default: 1)")
    parser.add_argument("--force", action="store_true", help="render again what is already there")
    parser.add_argument("--contact-sheet", type=Path, metavar="FILE", help="also write an overview picture")
    return parser.parse_args(arguments)


def find_llvm() -> None:
    """Point Dr.Jit to the newest libLLVM, unless it was told one; the default name may be an older one's."""
    if LIBLLVM in os.environ:
        return
    named = [(re.search(r"libLLVM(?:-|\.so\.)(\d+)", path.name), path) for path in Path("/usr/lib").glob("*/libLLVM*")]
    recent = [(int(match[1]), str(path)) for match, path in named if match and int(match[1]) >= OLDEST_LLVM]
    if recent:
        os.environ[LIBLLVM] = max(recent)[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    options = parse(arguments)
    find_llvm()
    table = products.load()
    prefixes = tuple(options.only or [""])
    chosen = [product for product in table if product.sku.startswith(prefixes)]
    if not chosen:
        print(f"no product has a SKU starting with {' or '.join(prefixes)}", file=sys.stderr)
        return 2
    paths = [
        (product, view, picture_path(options.out, product.sku, view)) for view in options.views for product in chosen
    ]
    jobs = [Job(*entry, options.samples) for entry in paths if options.force or not entry[2].exists()]
    write_tables(options.out, table)
    run(jobs, options.jobs)
    if options.contact_sheet:
        sheet.contact_sheet([(f"{p.sku} {p.family} {view}", path) for p, view, path in paths], options.contact_sheet)
    print(f"{len(jobs)} pictures rendered, {len(paths) - len(jobs)} already there, in {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
