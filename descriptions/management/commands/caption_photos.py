"""manage.py caption_photos"""

import argparse
import sys
import time
from contextlib import closing
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from catalog.management.explained_command import ExplainedCommand
from descriptions.caption_leases import pending
from descriptions.caption_progress import Progress, progress
from descriptions.captioning import Outcome, Turn, shops_model
from descriptions.models import Caption
from descriptions.vision_model import VisionModel

EXAMPLES = """examples:
  manage.py caption_photos --dry-run     how many photos would be asked about; nobody is asked
  manage.py caption_photos --limit 20    a few, to read what the model writes before it sees them all
  manage.py caption_photos
  manage.py caption_photos --retry       those that were given up as well
"""
NO_SERVER = "There is no model to ask: set CAPTION_URL and CAPTION_MODEL (docs/configuration.md)."
LOG_EVERY = 10  # Seconds between the lines that are written where no terminal shows a bar.


class Command(ExplainedCommand):
    epilog = EXAMPLES
    help = (
        "Have the vision-language model at CAPTION_URL describe the first photo of each product that has no caption of "
        "this model and prompt yet. The captions worker does the same by itself; both may run at once. Interrupt it at "
        "any time: the requests under way are waited for, and nothing is lost."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say how many are pending, and ask nobody")
        parser.add_argument("--limit", type=int, help="ask about so many products at most")
        parser.add_argument("--retry", action="store_true", help="ask about those that were given up, too")

    def handle(self, *args: Any, dry_run: bool, limit: int | None, retry: bool, **options: Any) -> None:
        model = shops_model()
        if model is None:
            raise CommandError(NO_SERVER, returncode=2)
        if limit is not None and limit < 1:
            raise CommandError("--limit: give a number of products, 1 or more.", returncode=2)
        given_up = Caption.objects.filter(maker=model.fingerprint).given_up()
        if dry_run:
            more = f", and {given_up.count()} that were given up" if retry else ""
            count = pending(model.fingerprint).count()
            self.stdout.write(f"{count} products wait for a caption of {_named(model)}{more}. Nobody was asked.")
            return
        if retry:
            given_up.ask_again()
        turn = Turn(model, most=float("inf") if limit is None else limit)
        made = self._make(turn)
        self.stdout.write(f"{made} captions made with {model.name}. {_told(progress(model))}")
        if turn.stopped_by:
            raise CommandError(f"Stopped: {turn.stopped_by} The same command goes on from here.", returncode=2)

    def _make(self, turn: Turn) -> int:
        """Ask about all. A terminal shows a bar; without one a line is written now and then. Returns captions made."""
        total = int(min(pending(turn.model.fingerprint).count(), turn.left))
        made = asked = 0
        logged = time.monotonic()
        with (
            closing(iter(turn)) as outcomes,  # Ctrl-C between two of them would leave it open.
            tqdm(total=total, unit="photo", disable=not sys.stderr.isatty()) as bar,
        ):
            for outcome in outcomes:
                asked += 1
                made += outcome.failure is None
                bar.update()
                if outcome.failure:
                    bar.clear()
                    self.stderr.write(_why(outcome))
                if bar.disable and time.monotonic() - logged > LOG_EVERY:
                    self.stderr.write(f"{asked} of {total} photos asked about, {made} captions made")
                    logged = time.monotonic()
        return made


def _named(model: VisionModel) -> str:
    """The model, and what tells its captions from those of another prompt."""
    return f"{model.name} (prompt and language: {model.fingerprint})"


def _why(outcome: Outcome) -> str:
    return f"{outcome.sku}: {outcome.failure}{' Given up.' if outcome.given_up else ''}"


def _told(now: Progress) -> str:
    """What is left, and what all captions took so far."""
    return (
        f"{now.pending} pending, {now.waiting} being made or tried again later, {now.given_up} given up. So far: "
        f"{now.requests:,} requests, {now.failures:,} of them failed, {now.prompt_tokens:,} tokens read, "
        f"{now.completion_tokens:,} written."
    )
