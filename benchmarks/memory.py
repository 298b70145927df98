"""Whether memory and descriptors stay as they are: over 10,000 searches by photo, and over 5,000 photos indexed.

The real stack runs on the sample catalogue. Four clients search with its 150 customers' photos in several sizes. Then
made-up photos of all sizes are imported, and a worker indexes them. Memory is that of the web server or the worker with
all processes that each started, without the files that they map; what they share counts in part. The first half fills
caches and pools: what the last quarter has beyond the second one is growth.
"""

import argparse
import csv
import io
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import requests
from PIL import Image
from tqdm import tqdm

from benchmarks.shop import Network, add_network, data_folder
from benchmarks.web import descriptors, resident

EXAMPLES = """examples:
  python -m benchmarks.memory
  python -m benchmarks.memory --searches 2000 --photos 1000

exit status: 0 both are flat, 1 one is not
"""
CLIENTS = 4  # As many as search at once (config.web.lanes).
# Programs and models that are mapped from files count by how many other processes map them as well.
GROWING = ("Pss_Anon:", "Pss_Shmem:")
SAMPLES = 40  # Of each series.
MOST_GROWTH = 0.02
# Sockets come and go: a client's, a pool's.
MOST_DESCRIPTORS = 8
SIDES = (200, 400, 800)  # What customers' photos are made smaller to, in turn; every fourth stays as it is.
QUERIES = Path("demo/queries")


@dataclass
class Series:
    """What processes hold, told as their work goes on."""

    what: str
    process: "subprocess.Popen[bytes]"
    total: int
    megabytes: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def note(self, done: int) -> None:
        """Measure if it is time, and print every fourth of the samples."""
        while done >= (len(self.megabytes) + 1) * self.total // SAMPLES and len(self.megabytes) < SAMPLES:
            self.megabytes.append(resident(self.process, GROWING))
            self.descriptors.append(descriptors(self.process))
            if len(self.megabytes) % 4 == 0:
                print(f"| {done:>6,} | {self.megabytes[-1]:>6.1f} | {self.descriptors[-1]:>4} |", flush=True)

    def is_flat(self) -> bool:
        """Print the growth from the second quarter to the last, and tell whether it is small."""
        quarter = SAMPLES // 4
        second, last = (sum(self.megabytes[at : at + quarter]) / quarter for at in (quarter, 3 * quarter))
        more = max(self.descriptors[-quarter:]) - max(self.descriptors[quarter : 2 * quarter])
        growth = last / second - 1
        print(
            f"{self.what}: {second:.1f} MB in the second quarter, {last:.1f} in the last: {growth:+.1%} "
            f"(bar: {MOST_GROWTH:.0%}); {more:+} descriptors at most (bar: {MOST_DESCRIPTORS})"
        )
        return growth <= MOST_GROWTH and more <= MOST_DESCRIPTORS


def print_head(what: str) -> None:
    print(f"\n| {what} | memory, MB | descriptors |\n|---|---|---|", flush=True)


def customers_photos() -> list[bytes]:
    """Those of the sample, of which most are JPEGs of one of SIDES."""
    photos = []
    for number, path in enumerate(sorted(QUERIES.glob("*.webp"))):
        data = path.read_bytes()
        if side := (*SIDES, None)[number % 4]:
            with Image.open(path) as photo:
                small = photo.convert("RGB")
            small.thumbnail((side, side))
            data = as_jpeg(small)
        photos.append(data)
    return photos


def as_jpeg(photo: Image.Image) -> bytes:
    written = io.BytesIO()
    photo.save(written, "JPEG", quality=85)
    return written.getvalue()


def search(url: str, series: Series) -> None:
    """Search as often as the series says, from CLIENTS at once. Raises requests.HTTPError where one is refused."""
    photos, here = customers_photos(), threading.local()

    def ask(number: int) -> None:
        if not hasattr(here, "session"):
            here.session = requests.Session()
        photo = Random(number).choice(photos)
        here.session.post(f"{url}/api/v1/search/", files={"image": photo}, timeout=60).raise_for_status()

    with ThreadPoolExecutor(CLIENTS) as clients:
        asked = clients.map(ask, range(series.total))
        for done, _ in enumerate(tqdm(asked, "searching", series.total, leave=False, disable=None), 1):
            series.note(done)


def made_up_catalog(folder: Path, photos: int) -> Path:
    """A CSV file for import_catalog, with so many products that have a photo each, no two alike."""
    random, catalog = Random(0), folder / "catalog.csv"
    with catalog.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("sku", "name", "category", "image"))
        for number in range(photos):
            width, height = random.randint(200, 800), random.randint(200, 600)
            noise = Image.effect_noise((width // 8, height // 8), 80).convert("RGB")
            (folder / f"{number}.jpg").write_bytes(as_jpeg(noise.resize((width, height))))
            rows.writerow((f"made-up-{number}", "Made up", "table", f"{number}.jpg"))
    return catalog


def indexed(url: str) -> int:
    categories = requests.get(f"{url}/api/v1/index/", timeout=60).json()["categories"]
    return sum(category["indexed"] for category in categories)


def indexing(catalog: Path, url: str, total: int) -> Iterator[int]:
    """How many photos are indexed, again and again, while a catalogue is imported."""
    before = indexed(url)
    importing = subprocess.Popen(
        [sys.executable, "manage.py", "import_catalog", str(catalog)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while (done := indexed(url) - before) < total:
            if importing.poll():
                raise SystemExit("memory: the catalogue could not be imported")
            yield done
            time.sleep(0.5)
        yield done
    finally:
        importing.terminate()
        importing.wait()


def measure(searches: int, photos: int) -> bool:
    """Whether both are flat."""
    import django

    django.setup()
    from django.core.management import call_command

    from config.stack.site import running
    from demo.__main__ import CATALOG, PHOTOS

    call_command("migrate", verbosity=0)
    call_command("import_catalog", CATALOG, quiet=True)
    with running() as stack, tempfile.TemporaryDirectory() as folder:
        stack.stop("maintenance")  # It trains for minutes, and would take the cores.
        web, worker = (stack.parts[name].process for name in ("web", "worker"))
        assert web is not None
        assert worker is not None
        while indexed(stack.url) < PHOTOS:
            time.sleep(1)
        print_head("searches")
        answered = Series("searches", web, searches)
        search(stack.url, answered)
        print_head("photos indexed")
        stored = Series("indexing", worker, photos)
        for done in indexing(made_up_catalog(Path(folder), photos), stack.url, photos):
            stored.note(done)
        print()
        return all([answered.is_flat(), stored.is_flat()])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_network(parser)
    parser.set_defaults(weights=Network("efficientnet_lite0", "imagenet"))
    parser.add_argument("--searches", type=int, default=10_000, help="searches by photo (%(default)s)")
    parser.add_argument("--photos", type=int, default=5_000, help="photos to index (%(default)s)")
    options = parser.parse_args()
    with data_folder(options.weights):
        sys.exit(0 if measure(options.searches, options.photos) else 1)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
