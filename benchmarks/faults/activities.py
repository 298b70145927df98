"""What a site is in the middle of when something fails."""

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4
from zipfile import ZipFile

from PIL import Image

IMPORTED = 300  # Photos of an import: some ten seconds of work.
QUERIES = 50_000  # Rows of a log to sum up: some seconds.


@dataclass(frozen=True)
class Activity:
    begin: Callable[[], None]
    is_done: Callable[[], bool]


def picture(number: int) -> bytes:
    """A small photo like no other."""
    noise = Image.effect_noise((64, 64), 20 + number % 60).convert("RGB")
    noise.paste((number % 251, number * 7 % 251, number * 13 % 251), (8, 8, 56, 56))
    noise.putpixel((0, 0), (number % 256, number // 256 % 256, 0))
    out = io.BytesIO()
    noise.save(out, "PNG")
    return out.getvalue()


def fill_folder(folder: Path, photos: int) -> None:
    """Photos as import_catalog takes them: a folder for each category."""
    for number in range(photos):
        below = folder / ("lamp", "bed", "chair")[number % 3]
        below.mkdir(parents=True, exist_ok=True)
        (below / f"{number:05}.png").write_bytes(picture(number))


def manage(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def nothing_pending() -> bool:
    from search import photo_states
    from search.models import Space

    return not any(photo_states.pending(space).exists() for space in Space.objects.indexed_into())


def index_anew() -> None:
    from catalog.models import Photo
    from search import indexing, worker_bell

    indexing.forget(list(Photo.objects.values_list("pk", flat=True)))
    worker_bell.ring()


def send_import() -> None:
    from django.core.files.base import ContentFile

    from catalog.models import Import
    from search import worker_bell

    packed = io.BytesIO()
    seed = uuid4().int % 1_000_000
    with ZipFile(packed, "w") as archive:
        for number in range(IMPORTED):
            archive.writestr(f"lamp/{seed}-{number}.png", picture(seed + number))
    sent = Import(photos_name="photos.zip", state=Import.State.QUEUED)
    sent.photos.save("photos.zip", ContentFile(packed.getvalue()), save=False)
    sent.save()
    worker_bell.ring(worker_bell.IMPORT)


def imported() -> bool:
    from catalog.models import Import

    return not Import.objects.waiting().exists() and nothing_pending()


def train() -> None:
    from search.models import Head, Space
    from search.tasks import train_head

    Head.objects.filter(space=Space.objects.live()).delete()
    train_head.delay()


def trained() -> bool:
    from search.models import Head, Space

    return Head.objects.filter(space=Space.objects.live()).exists()


def log_searches() -> None:
    from django.utils import timezone

    from search.models import Day, Query
    from search.tasks import roll_up

    Day.objects.all().delete()
    yesterday = timezone.now() - timedelta(1)
    asked = (Query(id=uuid4(), asked_at=yesterday, kind=Query.Kind.TEXT, ms=1, results=1) for _ in range(QUERIES))
    Query.objects.bulk_create(asked, batch_size=5_000)
    roll_up.delay()


def summed_up() -> bool:
    from django.utils import timezone

    from search.models import Day

    return Day.objects.filter(date=timezone.localdate() - timedelta(1), category=None).exists()


def make_space() -> None:
    drop_space("second")
    manage("create_space", "second", "--backbone", "efficientnet_lite0", "--pooling", "max")


def drop_space(name: str) -> None:
    from search.models import Space

    if Space.objects.filter(name=name).exists():
        manage("drop_space", name, "--no-input").wait()


def space_made() -> bool:
    from search.models import Space

    return Space.objects.filter(name="second").exists() and nothing_pending()


def swap() -> None:
    """Have the other of two spaces answer."""
    from search.models import Space

    other = Space.objects.exclude(state=Space.State.LIVE).order_by("-pk").first()
    if other:
        manage("activate_space", other.name, "--force", "--wait")


ACTIVITIES = {
    "index": Activity(index_anew, nothing_pending),
    "import": Activity(send_import, imported),
    "train head": Activity(train, trained),
    "roll up": Activity(log_searches, summed_up),
    "create space": Activity(make_space, space_made),
    "activate space": Activity(swap, nothing_pending),
}
