"""manage.py train_autoencoder"""

import argparse
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management.base import CommandError
from tqdm import tqdm

from catalog.management.explained_command import ExplainedCommand
from ml.autoencoder import SIZE
from ml.autoencoder_training import (
    MAX_PHOTOS,
    MIN_PHOTOS,
    SHEET_PHOTOS,
    CheckpointError,
    TooFewPhotos,
    Training,
    TrainingPlan,
    sheet,
)
from ml.recipes import WeightsError
from search.autoencoder_photos import read_photos, sampled_photos
from search.management.commands._seeds import check_seed
from search.models import Space

MISUSE, INTERRUPTED = 2, 130

EPILOG = f"""
The network squeezes each photo through a few hundred numbers and paints it again from them; those numbers are what
the search compares. It needs no labels and nothing from the internet. Every tenth product is held out, to see when
more training would only learn the photos by heart.

Ctrl-C, or a crash, loses at most one epoch: the same command goes on from the checkpoint beside the output. On the
same machine, without a GPU, the outcome is the same as without the interruption.

Memory: 49 kB a photo ({SIZE} x {SIZE} pixels), so at most 1 GB for the {MAX_PHOTOS:,} photos it takes.

examples:
  manage.py train_autoencoder
  manage.py train_autoencoder --output models/sofas.safetensors --epochs 200 --sheet sofas.png
  manage.py train_autoencoder --photos 5000 --seed 1 --fresh

exit status: 0 trained, 2 bad arguments or too few photos, 130 interrupted
"""


class Command(ExplainedCommand):
    epilog = EPILOG
    help = "Train an autoencoder on the catalogue's photos: the backbone of a space that is the shop's very own."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--output",
            type=Path,
            metavar="PATH",
            default=settings.VAR / "autoencoder.safetensors",
            help="the weights file to write (default: %(default)s)",
        )
        parser.add_argument(
            "--epochs", type=int, default=TrainingPlan.epochs, metavar="N", help="passes over the photos (%(default)s)"
        )
        parser.add_argument(
            "--patience",
            type=int,
            default=TrainingPlan.patience,
            metavar="N",
            help="end after so many epochs without a better held-out loss (%(default)s)",
        )
        parser.add_argument(
            "--photos", type=int, default=MAX_PHOTOS, metavar="N", help="sample at most so many (%(default)s)"
        )
        parser.add_argument(
            "--seed",
            type=int,
            default=TrainingPlan.seed,
            metavar="N",
            help="the seed of every random draw (%(default)s)",
        )
        parser.add_argument(
            "--batch", type=int, default=TrainingPlan.batch, metavar="N", help="photos a step (%(default)s)"
        )
        parser.add_argument(
            "--sheet", type=Path, metavar="PATH", help="the PNG of held-out photos, repainted (default: by the output)"
        )
        parser.add_argument("--fresh", action="store_true", help="start over, whatever checkpoint there is")

    def handle(self, *args: Any, output: Path, fresh: bool, **options: Any) -> None:
        self._check(output, options)
        pictures = options["sheet"] or output.with_suffix(".png")
        checkpoint = output.with_suffix(".checkpoint")
        plan = TrainingPlan(options["epochs"], options["patience"], options["batch"], options["seed"])
        try:
            with _misuse():
                _make_folders(output, pictures)
                training = Training(*self._photos(options["photos"], plan.seed), plan, settings.LAMPLIGHT_DEVICE)
                self._pick_up(training, checkpoint, fresh)
            self._run(training, checkpoint)
        except KeyboardInterrupt:
            self.stderr.write(_stopped(checkpoint))
            sys.exit(INTERRUPTED)
        training.save(output)
        sheet(training.best_network(), training.photos[training.held_out[:SHEET_PHOTOS]]).save(pictures)
        checkpoint.unlink(missing_ok=True)
        self._report(training, output, pictures)

    def _check(self, output: Path, options: dict[str, Any]) -> None:
        """Raise CommandError for what no run could use."""
        least = {"epochs": 1, "patience": 1, "batch": 2, "photos": MIN_PHOTOS}
        for option, bound in least.items():
            if options[option] < bound:
                raise CommandError(f"--{option}: give a number from {bound} up.", returncode=MISUSE)
        check_seed(options["seed"])
        if options["photos"] > MAX_PHOTOS:
            raise CommandError(f"--photos: at most {MAX_PHOTOS:,} fit into 1 GB of memory.", returncode=MISUSE)
        if output.suffix != ".safetensors":
            raise CommandError("--output: the file's name must end in .safetensors.", returncode=MISUSE)
        if options["sheet"] and options["sheet"].suffix.lower() != ".png":
            raise CommandError("--sheet: the file's name must end in .png.", returncode=MISUSE)
        # A space knows its weights by their hash, so it could not be loaded with others.
        if space := Space.objects.filter(recipe__weights=str(output.resolve())).first():
            raise CommandError(
                f"--output: the space {space} reads its weights from {output}; give another path.", returncode=MISUSE
            )

    def _photos(self, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The photos (n, SIZE, SIZE, 3) that can be read and their product ids (n,)."""
        ids = sampled_photos(most, seed)
        photos = np.empty((len(ids), SIZE, SIZE, 3), np.uint8)
        products: list[int] = []
        for found in tqdm(read_photos(ids), "reading", len(ids), unit="photo", disable=not sys.stderr.isatty()):
            if found is not None:
                product, photos[len(products)] = found
                products.append(product)
        if unread := len(ids) - len(products):
            self.stderr.write(f"{unread} photos cannot be read and are left out.")
        return photos[: len(products)], np.array(products, int)

    def _pick_up(self, training: Training, checkpoint: Path, fresh: bool) -> None:
        if fresh:
            checkpoint.unlink(missing_ok=True)
        elif checkpoint.exists():
            training.resume(checkpoint)
            self.stdout.write(f"Going on after epoch {len(training.done)}, from {checkpoint}.")

    def _run(self, training: Training, checkpoint: Path) -> None:
        total, done = training.plan.epochs * training.batches, len(training.done) * training.batches
        with tqdm(total=total, initial=done, unit="batch", disable=not sys.stderr.isatty()) as bar:
            for epoch in training.run(checkpoint, on_batch=lambda loss: bar.update()):
                bar.set_description(f"epoch {epoch.number} of {training.plan.epochs}")
                bar.set_postfix(loss=f"{epoch.loss:.3f}", held_out=f"{epoch.held_out_loss:.3f}")

    def _report(self, training: Training, output: Path, pictures: Path) -> None:
        best, count = training.best, len(training.done)
        assert best, "a run has at least one epoch"
        self.stdout.write(
            f"Trained on {len(training.learned)} photos for {count} epochs, {len(training.held_out)} held out. "
            f"Epoch {best.number} was best: loss {best.loss:.3f}, held out {best.held_out_loss:.3f}."
        )
        self.stdout.write(f"Weights: {output}\nHeld-out photos and what the network makes of them: {pictures}")
        self.stdout.write("Next, with a name of your choice:")
        self.stdout.write(
            f"  manage.py create_space NAME --backbone autoencoder --weights {shlex.quote(str(output.resolve()))}"
        )


@contextmanager
def _misuse() -> Iterator[None]:
    """End the command as misuse, with the cure, when something is wrong before training starts."""
    try:
        yield
    except TooFewPhotos as error:
        raise CommandError(f"{error}. Import more with manage.py import_catalog.", returncode=MISUSE) from error
    except CheckpointError as error:
        cure = "Give the options of that run to go on with it or, if photos came since, --fresh to start over."
        raise CommandError(f"{error}. {cure}", returncode=MISUSE) from error
    except WeightsError as error:
        raise CommandError(f"LAMPLIGHT_DEVICE: {error}", returncode=MISUSE) from error


def _make_folders(output: Path, pictures: Path) -> None:
    for option, path in {"--output": output, "--sheet": pictures}.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f"{option}: cannot make the folder {path.parent} ({error.strerror})."
            raise CommandError(reason, returncode=MISUSE) from error
        if not os.access(path.parent, os.W_OK):
            raise CommandError(f"{option}: no file can be written in {path.parent}.", returncode=MISUSE)


def _stopped(checkpoint: Path) -> str:
    if not checkpoint.exists():
        return "Stopped before the first epoch was done; run the same command again to start over."
    return f"Stopped. What was learned is in {checkpoint}; run the same command again, without --fresh, to go on."
