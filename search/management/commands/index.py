"""manage.py index"""

import argparse
import sys
import time
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from tqdm import tqdm

from catalog.management.explained_command import ExplainedCommand
from catalog.storage import READS
from ml.recipes import WeightsError
from search import head_training, indexing, photo_states, text_encoders, text_indexing
from search.management.commands._named_space import named
from search.models import Space

EPILOG = """examples:
  manage.py index
  manage.py index --space small
  manage.py index --space small --share 1    # as fast as it goes, whatever searches suffer

exit status: 0 done, 1 the photo storage does not answer, 2 no such space, bad arguments or no weights
"""
LOG_EVERY = 10  # Seconds between the lines that are written where no terminal shows a bar.


class Command(ExplainedCommand):
    epilog = EPILOG
    help = (
        "Index every pending photo and all texts that changed in this process, then train the category head if the "
        "catalogue has changed enough. "
        "The workers do the same by themselves; both may run at once. Interrupt it at any time: nothing is lost. "
        "A space that is not live is built at a bounded pace, so that searches go on beside it."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--space", help="name of the space to index into (default: the live one)")
        parser.add_argument("--batch", type=int, help="photos a transaction (64; 16 if the space is not live)")
        parser.add_argument(
            "--share", type=float, help="share of the time to take, up to 1 (1; BUILD_SHARE if it is not live)"
        )

    def handle(self, *args: Any, space: str | None, batch: int | None, share: float | None, **options: Any) -> None:
        target = named(space)
        live = target.state == Space.State.LIVE
        size = batch if batch is not None else indexing.BATCH if live else indexing.BUILDING_BATCH
        share = share if share is not None else 1.0 if live else settings.BUILD_SHARE
        if size < 1:
            raise CommandError("--batch: give a number of photos, 1 or more.", returncode=2)
        if not 0 < share <= 1:
            raise CommandError("--share: give a share of the time above 0 and up to 1, such as 0.5.", returncode=2)
        try:
            settled, rate = self._index(target, size, share)
            waiting = photo_states.pending(target).count() if READS.hangs() else 0
            self.stdout.write(f"{settled} photos settled in {target}" + (f", {rate:.1f} a second." if settled else "."))
            if head := head_training.train_if_due(target):
                self.stdout.write(f"Category head trained, held-out accuracy {head.metrics['top1']:.3f}.")
            if live and (texts := self._index_texts()):
                self.stdout.write(f"{texts} products' texts indexed.")
        except WeightsError as error:
            raise CommandError(str(error), returncode=2) from error
        if waiting:
            raise CommandError(f"The photo storage does not answer: {waiting} photos wait for it.", returncode=1)

    def _index_texts(self) -> int:
        encoder = text_encoders.text_encoder()
        if encoder is None:
            return 0
        total, done = text_indexing.pending(encoder).count(), 0
        with tqdm(total=total, unit="text", disable=not sys.stderr.isatty()) as bar:
            while count := text_indexing.index_batch(encoder):
                done += count
                bar.update(count)
        return done

    def _index(self, space: Space, size: int, share: float) -> tuple[int, float]:
        """Index all that is pending. A terminal shows a bar; without one a line is written now and then.

        Returns how many photos were settled, and how many a second.
        """
        total, settled = photo_states.pending(space).count(), 0
        begun = logged = time.monotonic()
        with tqdm(total=total, unit="photo", disable=not sys.stderr.isatty()) as bar:
            while count := indexing.index_gently(space, size, share):
                settled += count
                bar.update(count)
                now = time.monotonic()
                if bar.disable and now - logged > LOG_EVERY:
                    left = tqdm.format_interval((now - begun) * max(0, total - settled) / settled)
                    rate = settled / (now - begun)
                    self.stderr.write(f"{settled} of {total} photos settled, {rate:.1f} a second, {left} left")
                    logged = now
        return settled, settled / (time.monotonic() - begun)
