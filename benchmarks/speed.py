"""How fast Lamplight indexes and answers on this machine.

Indexing: photos a second from files on disk to committed embeddings, beside the bare encoder's rate on the same photos
already decoded. Queries: p50 and p95 of warm searches over HTTP, split by stage, beside the bare encoder's time for one
photo in the same run.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import requests

from benchmarks.shop import data_folder

WARM_UP = 10  # Queries that are asked and not counted.
EXAMPLES = """examples:
  python -m benchmarks.speed demo/catalog/catalog.csv
  python -m benchmarks.speed ../shared/data/ikea/catalog.csv --queries 200
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("catalog", type=Path, help="a CSV file that import_catalog takes")
    parser.add_argument("--weights", default="random", help="as LAMPLIGHT_WEIGHTS; (%(default)s)")
    parser.add_argument("--queries", type=int, default=100, help="searches to time (%(default)s)")
    options = parser.parse_args()
    with data_folder(options.weights):
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        call_command("prepare", verbosity=0)
        call_command("import_catalog", options.catalog, quiet=True)
        indexing()
        print(searching(options.queries))


def indexing() -> None:
    """Index the whole catalogue in this process, by the function that the worker calls."""
    from catalog.models import Photo
    from ml.images import open_photo
    from search import encoders, training
    from search.indexing import index_batch
    from search.models import Space

    space = Space.objects.get(state=Space.State.LIVE)
    encoder = encoders.encoder_for(space)
    encoder.warm()
    photos = []
    for photo in Photo.objects.order_by("pk")[:128]:
        with photo.file.open("rb") as file:
            photos.append(open_photo(file.read()))
    bare = len(photos) / _seconds(lambda: encoder.encode(photos))
    count = Photo.objects.count()
    whole = count / _seconds(lambda: all(iter(lambda: index_batch(space), 0)))
    print("\n| indexing | photos/s |\n|---|---|")
    print(f"| bare encoder, {len(photos)} decoded photos | {bare:.1f} |")
    print(f"| files to committed embeddings, {count} photos | {whole:.1f} ({whole / bare:.0%}) |")
    training.train_if_due(space)


def searching(count: int) -> str:
    """Time `count` searches by photos of the catalogue, each beside one bare forward pass of the same photo."""
    from catalog.models import Photo
    from config.stack import running
    from ml.images import open_photo
    from search import encoders
    from search.models import Space

    encoder = encoders.encoder_for(Space.objects.get(state=Space.State.LIVE))
    paths = [Path(photo.file.path) for photo in Photo.objects.order_by("sha256")[: count + WARM_UP]]
    stages = defaultdict(list)
    with running() as stack, requests.Session() as session:
        for path in paths:
            photo = open_photo(path.read_bytes())
            stages["bare encoder, one photo"].append(1000 * _seconds(partial(encoder.encode, [photo])))
            begun = time.perf_counter()
            with path.open("rb") as file:
                answer = session.post(f"{stack.url}/api/v1/search/", files={"image": file}, timeout=60)
            stages["whole request, as the client sees it"].append(1000 * (time.perf_counter() - begun))
            for stage, milliseconds in answer.json()["timings_ms"].items():
                stages[stage].append(milliseconds)
    lines = [f"\n| search, {len(paths) - WARM_UP} queries | p50 ms | p95 ms |", "|---|---|---|"]
    for stage, times in stages.items():
        p50, p95 = np.percentile(times[WARM_UP:], [50, 95])
        lines.append(f"| {stage} | {p50:.1f} | {p95:.1f} |")
    return "\n".join(lines)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
