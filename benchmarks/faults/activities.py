"""What a site is in the middle of when something fails."""

import io
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING
from uuid import uuid4
from zipfile import ZipFile

from PIL import Image

if TYPE_CHECKING:
    from search.models import Space
    from search.store.partitions import Leaf

IMPORTED = 300  # Photos of an import: some ten seconds of work.
QUERIES = 200_000  # Rows of a log to sum up: a second.
LARGE = 1_050  # Photos of a category that gets an index (search.store.partitions.EXACT_ROWS).
BEDS = 50  # Photos of a second category, without which there is nothing to train.
COMMAND_SECONDS = 3.0  # Until a command has read the settings and is at work.


@dataclass(frozen=True)
class Activity:
    begin: Callable[[], None]
    is_settled: Callable[[], bool]
    """Whether it is done. A training, which takes minutes, is settled while it runs: a fault must not have ended it."""
    under_way: float = 1.5
    """Seconds from its beginning to the fault."""
    prepare: Callable[[], None] = lambda: None
    """What must be there before it begins."""


def picture(number: int) -> bytes:
    """A small photo like no other."""
    noise = Image.effect_noise((64, 64), 20 + number % 60).convert("RGB")
    noise.paste((number % 251, number * 7 % 251, number * 13 % 251), (8, 8, 56, 56))
    noise.putpixel((0, 0), (number % 256, number // 256 % 256, 0))
    out = io.BytesIO()
    noise.save(out, "PNG")
    return out.getvalue()


def fill_folder(folder: Path, photos: int, beds: int = 0) -> None:
    """Photos as import_catalog takes them: a folder for each category, lamps and perhaps some beds."""
    for number in range(photos):
        below = folder / ("bed" if number < beds else "lamp")
        below.mkdir(parents=True, exist_ok=True)
        (below / f"{number:05}.png").write_bytes(picture(number))


class Command:
    """A command of staff, who give it again when it fails, as they are told to."""

    def __init__(self, *arguments: str) -> None:
        self.arguments = arguments
        self.tracebacks = 0
        self.start()

    def start(self) -> None:
        self.output = TemporaryFile()  # noqa: SIM115  it ends with the command
        command = [sys.executable, "manage.py", *self.arguments]
        self.process = subprocess.Popen(command, stdout=self.output, stderr=self.output)

    def is_done(self) -> bool:
        code = self.process.poll()
        if code:
            self.output.seek(0)
            self.tracebacks += b"Traceback" in self.output.read()
            self.start()
        return code == 0


given: list[Command] = []


def give(*arguments: str) -> None:
    given[:] = [Command(*arguments)]


def tracebacks() -> int:
    """How often the last command ended with a traceback instead of a line."""
    return sum(command.tracebacks for command in given)


def manage(*arguments: str) -> None:
    subprocess.run([sys.executable, "manage.py", *arguments], check=True, stdout=subprocess.DEVNULL)


def live_space() -> "Space":
    from search.models import Space

    return Space.objects.get(state=Space.State.LIVE)


def nothing_pending() -> bool:
    from search import photo_states
    from search.models import Rejection, Space

    if any(photo_states.pending(space).exists() for space in Space.objects.indexed_into()):
        return False
    return not Rejection.objects.in_force().exists()  # They are pending as well: their storage did not answer.


def index_anew(photos: int) -> None:
    from catalog.models import Photo
    from search import indexing, worker_bell

    indexing.forget(list(Photo.objects.order_by("-pk").values_list("pk", flat=True)[:photos]))
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
    """Whether all photos of the last import are in. One that failed is never done."""
    from catalog.models import Import

    sent = Import.objects.latest("pk")
    return sent.state == Import.State.DONE and sent.photos_added == IMPORTED and nothing_pending()


def train() -> None:
    from search.models import Head
    from search.tasks import train_head

    Head.objects.filter(space=live_space()).delete()
    train_head.delay()


def is_trained() -> bool:
    return live_space().heads.exists()


def training() -> bool:
    from search.store import partitions

    time.sleep(1)  # The session of a killed worker, which holds its lock, ends in milliseconds.
    live = live_space()
    with partitions.training(live) as is_free:
        return not is_free or live.heads.exists()


def build() -> None:
    from search.models import LeafIndex
    from search.store import indexes
    from search.tasks import maintain

    large = largest_leaf()
    LeafIndex.objects.filter(space=large.space).delete()
    indexes.drop(large.index_name)
    maintain.delay()


def built() -> bool:
    from search.store import indexes

    return not indexes.are_due(largest_leaf().space)


def largest_leaf() -> "Leaf":
    from catalog.models import Category
    from search.store.partitions import Leaf

    return Leaf(live_space(), Category.objects.get(slug="lamp").pk)


def log_searches() -> None:
    """Yesterday's searches, by the clock of the database."""
    from django.db import connection

    from search.models import Day
    from search.tasks import roll_up

    Day.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE search_query CASCADE")
        cursor.execute(
            "INSERT INTO search_query (id, asked_at, kind, mode, searched, ms, results)"
            " SELECT gen_random_uuid(), now() - interval '1 day', 'text', '', '{}', 1, 1 FROM generate_series(1, %s)",
            [QUERIES],
        )
    roll_up.delay()


def summed_up() -> bool:
    from search.models import Day

    return Day.objects.filter(searches__gte=QUERIES, category=None).exists()


def forget_second() -> None:
    forget("second")


def forget(name: str) -> None:
    from search.models import Space

    if Space.objects.filter(name=name).exists():
        manage("drop_space", name, "--no-input")


def create_space() -> None:
    give("create_space", "second", "--pooling", "max")


def created() -> bool:
    return given[-1].is_done() and nothing_pending()


def make_other() -> None:
    """A space beside the live one, made of the vectors that are there."""
    from search.models import Space

    if not Space.objects.exclude(state=Space.State.LIVE).exists():
        manage("create_space", "other", "--from", live_space().name, "--pca", "32")


def other() -> str:
    from search.models import Space

    return str(Space.objects.exclude(state=Space.State.LIVE).order_by("pk").values_list("name", flat=True)[0])


def activate_space() -> None:
    give("activate_space", other(), "--incomplete")


def activated() -> bool:
    return given[-1].is_done() and given[-1].arguments[1] == live_space().name and nothing_pending()


def drop_space() -> None:
    give("drop_space", other(), "--no-input")


def dropped() -> bool:
    """A command that was told of an outage in the very moment of success finds no space when it is given again."""
    from search.models import Space

    gone = not Space.objects.filter(name=given[-1].arguments[1]).exists()
    return gone or (given[-1].is_done() and gone)


def activities(photos: int) -> dict[str, Activity]:
    """By name; so many photos are indexed anew."""
    return {
        "index": Activity(lambda: index_anew(photos), nothing_pending),
        "import": Activity(send_import, imported),
        "train head": Activity(train, training, under_way=2),
        "build index": Activity(build, built, under_way=0.5),
        "roll up": Activity(log_searches, summed_up, under_way=0.3),
        "create space": Activity(create_space, created, COMMAND_SECONDS, forget_second),
        "activate space": Activity(activate_space, activated, COMMAND_SECONDS, make_other),
        "drop space": Activity(drop_space, dropped, COMMAND_SECONDS, make_other),
    }


ACTIVITIES = tuple(activities(0))
