"""Render the sample catalogue, its customer photos and its rooms.

The same inputs always give the same furniture, rooms, cameras and file list: every random choice is
seeded from the product's SKU or the room's name.  The pixels do not repeat exactly: on one machine a
few differ by one or two grey levels between runs, as samples are added up in parallel, and on other
processors or with other versions of the renderer, denoiser or LLVM the noise may differ altogether.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from . import pictures, plans, products, rooms, sheet, stage
from .pictures import Job, picture_path
from .products import Product
from .rooms import RoomJob, Row

EXAMPLES = """examples:
  python -m demo.render                                     render whatever is missing, write the CSVs
  python -m demo.render --force --samples 64 --jobs 2       render everything again, less noise
  python -m demo.render --only CHA-001 LAM --out /tmp/look  one chair and all lamps, elsewhere
  python -m demo.render --only SOF --contact-sheet sofa.png with an overview picture
  python -m demo.render --views room --force                render all rooms again, and measure their boxes
  python -m demo.render --only ROOM-007 --out /tmp/look     one room, elsewhere
"""
VIEWS = ("1", "query", "2", "room")
LIBLLVM = "DRJIT_LIBLLVM_PATH"
OLDEST_LLVM = 16

Work = TypeVar("Work")
Result = TypeVar("Result")


def run(render: Callable[[Work], Result], jobs: Sequence[Work], processes: int, unit: str) -> list[Result]:
    """Work through all pictures with a progress bar; the results come in any order."""
    results = []
    bar = tqdm(total=len(jobs), unit=unit, disable=not jobs)
    if processes == 1:
        stage.select_variant()
        for job in jobs:
            results.append(render(job))
            bar.update()
    elif jobs:
        context = multiprocessing.get_context("spawn")
        with context.Pool(processes, stage.select_variant) as pool:
            for result in pool.imap_unordered(render, jobs, chunksize=4):
                results.append(result)
                bar.update()
    bar.close()
    return results


def write_tables(out: Path, table: Iterable[Product]) -> None:
    """Write `catalog/catalog.csv` and `queries/queries.csv`."""
    rows = [product.row() for product in table]
    _write_csv(out / "catalog" / "catalog.csv", rows)
    queries = [{"image": f"{row['sku']}.webp", "sku": row["sku"], "category": row["category"]} for row in rows]
    _write_csv(out / "queries" / "queries.csv", queries)


def render_rooms(out: Path, chosen: Sequence[RoomJob], force: bool, processes: int) -> int:
    """Render rooms that lack a picture or their lines in `rooms.csv`; returns how many.

    A room's lines say what its picture shows, so they change with the picture and not before.
    """
    table = out / "rooms" / "rooms.csv"
    known: dict[str, list[Row]] = {}
    if table.exists():
        with table.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                known.setdefault(row["image"], []).append(row)
    jobs = [job for job in chosen if force or not job.path.exists() or job.path.name not in known]
    if jobs:
        known |= {rows[0]["image"]: rows for rows in run(rooms.render, jobs, processes, "room")}
        _write_csv(table, [row for image in sorted(known) for row in known[image]])
    return len(jobs)


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
        description="Render the sample catalogue: two studio views and one customer photo per product, and rooms.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder to write into (default: demo)")
    parser.add_argument("--only", nargs="+", metavar="SKU", help="only SKUs and rooms that start with one of these")
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
    homes = [plan for plan in plans.load() if "room" in options.views and plan.name.startswith(prefixes)]
    if not chosen and not homes:
        print(f"no product or room has a name starting with {' or '.join(prefixes)}", file=sys.stderr)
        return 2
    views = [view for view in options.views if view != "room"]
    paths = [(product, view, picture_path(options.out, product.sku, view)) for view in views for product in chosen]
    jobs = [Job(*entry, options.samples) for entry in paths if options.force or not entry[2].exists()]
    by_sku = {product.sku: product for product in table}
    room_jobs = [
        RoomJob(plan, {sku: by_sku[sku] for _, sku in plan.cast}, rooms.path(options.out, plan.name), options.samples)
        for plan in homes
    ]
    write_tables(options.out, table)
    run(pictures.render, jobs, options.jobs, "picture")
    rendered = len(jobs) + render_rooms(options.out, room_jobs, options.force, options.jobs)
    if options.contact_sheet:
        captioned = [(f"{p.sku} {p.family} {view}", path) for p, view, path in paths]
        captioned += [(f"{job.plan.name} {job.plan.kind}", job.path) for job in room_jobs]
        sheet.contact_sheet(captioned, options.contact_sheet)
    already = len(paths) + len(room_jobs) - rendered
    print(f"{rendered} pictures rendered, {already} already there, in {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
