"""manage.py create_space"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.core.validators import validate_slug
from django.db import IntegrityError

from ml.backbones import BACKBONES
from ml.projection import TooFewVectors
from ml.recipes import CHOICES, Recipe, WeightsError, make_recipe
from ml.weights import fetch_weights, load_network
from search import spaces
from search.management.commands._explained import ExplainedCommand
from search.management.commands._spaces import named
from search.models import Space
from search.store import partitions

EXAMPLES = """examples:
  manage.py create_space gem --pooling gem
  manage.py create_space small --from resnet50-imagenet --pca 256
  manage.py create_space vgg --backbone vgg16 --metric l2
  manage.py create_space mine --backbone autoencoder --weights var/autoencoder.safetensors
  manage.py create_space mid --layer layer3 --input-size 320 --fit squash --dry-run
"""
RECIPE_OPTIONS = ("backbone", "weights", "layer", "pooling", "input_size", "fit", "interpolation", "metric")


class Command(ExplainedCommand):
    epilog = EXAMPLES
    help = (
        "Make a space, one way of turning photos into vectors, beside the live one. The workers build it while "
        "searches go on; activate_space has it answer. With --from, its vectors are stored ones projected by PCA."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", help="letters, digits, - and _")
        recipe = parser.add_argument_group("a space of its own")
        recipe.add_argument("--backbone", choices=BACKBONES, help="network (that of the live space)")
        recipe.add_argument(
            "--weights",
            help="imagenet, random or the path of a state dict (the live space's, or LAMPLIGHT_WEIGHTS)",
        )
        recipe.add_argument("--layer", help="any module by name, or an alias: fc1, fc2, pool5 of vgg16 (layer4)")
        recipe.add_argument("--pooling", choices=CHOICES["pooling"], help="of the layer's maps (avg)")
        recipe.add_argument("--input-size", type=int, help="side of the square the network sees, in pixels")
        recipe.add_argument("--fit", choices=CHOICES["fit"], help="how a photo becomes that square (pad)")
        recipe.add_argument("--interpolation", choices=CHOICES["interpolation"], help="for scaling (bilinear)")
        recipe.add_argument("--metric", choices=Space.Metric.values, help="l2 compares vectors as they are (cosine)")
        derived = parser.add_argument_group("a space derived from another")
        derived.add_argument("--from", dest="source", metavar="SPACE", help="the space whose vectors are projected")
        derived.add_argument("--pca", type=int, metavar="N", help="components to keep")
        derived.add_argument("--whiten", action="store_true", help="scale the components to equal variance")
        parser.add_argument("--dry-run", action="store_true", help="say what would be made, and make nothing")

    def handle(self, *args: Any, name: str, source: str | None, dry_run: bool, **options: Any) -> None:
        try:
            validate_slug(name)
        except ValidationError as error:
            raise CommandError(f"NAME: {error.messages[0]}", returncode=2) from error
        given = {key: options[key] for key in RECIPE_OPTIONS if options[key] is not None}
        if source is not None:
            if given:
                flags = ", ".join(f"--{key.replace('_', '-')}" for key in given)
                raise CommandError(f"{flags}: the recipe is that of --from {source}; leave this out.", returncode=2)
            self._derive(name, named(source, "--from"), options["pca"], options["whiten"], dry_run)
        elif options["pca"] is not None or options["whiten"]:
            raise CommandError("--pca: name the space to derive from with --from.", returncode=2)
        else:
            self._create(name, given, dry_run)

    def _create(self, name: str, given: dict[str, Any], dry_run: bool) -> None:
        metric = Space.Metric(given.pop("metric", Space.Metric.COSINE))
        backbone, weights = spaces.origin(given.pop("backbone", None))
        weights = given.pop("weights", weights)
        try:
            recipe = make_recipe(weights, backbone, normalize=metric == Space.Metric.COSINE, **given)
            unsaved = Space(name=name, recipe=recipe.as_dict(), dimensions=recipe.dimensions, metric=metric)
            if dry_run:
                return self._describe(unsaved)
            if self._is_there(unsaved):
                return None
            fetch_weights(recipe)
            load_network(recipe)  # Weights that do not fit are refused here, not again and again by the workers.
        except WeightsError as error:
            raise CommandError(f"--weights: {error}", returncode=2) from error
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from error
        with _free_name(name):
            self._made(spaces.create(name, recipe, metric))
        return None

    def _derive(self, name: str, source: Space, components: int | None, whiten: bool, dry_run: bool) -> None:
        if components is not None and components < 1:
            raise CommandError("--pca: give a number of components, 1 or more.", returncode=2)
        if components is None:
            raise CommandError("--from: say how many components to keep, such as --pca 256.", returncode=2)
        if existing := Space.objects.filter(name=name).first():
            recipe = Recipe.from_dict(existing.recipe)
            if (existing.source_id, recipe.pca, recipe.whiten) != (source.pk, components, whiten):
                raise CommandError(f"NAME: there is another space {name}; choose another name.", returncode=2)
            self.stdout.write(f"There is such a space already: {existing}, {existing.state}.")
            return
        try:
            fitted = spaces.fit(source, components, whiten)
        except (TooFewVectors, ValueError) as error:
            raise CommandError(f"--pca: {error}. Photos indexed into {source} count.", returncode=2) from error
        before, after = (partitions.bytes_on_disk(dimensions) for dimensions in (source.dimensions, components))
        self.stdout.write(
            f"{components} of {source.dimensions} components hold {fitted.explained_variance:.1%} of the variance; "
            f"a vector takes {after:,} bytes on disk instead of {before:,} ({1 - after / before:.0%} less)."
        )
        if not dry_run:
            with _free_name(name):
                self._made(spaces.derive(name, source, fitted))

    def _is_there(self, wanted: Space) -> bool:
        existing = Space.objects.filter(name=wanted.name).first()
        if existing is None:
            return False
        recipes = {Recipe.from_dict(space.recipe) for space in (existing, wanted)}
        if len(recipes) > 1 or existing.metric != wanted.metric:
            raise CommandError(f"NAME: there is another space {wanted.name}; choose another name.", returncode=2)
        self.stdout.write(f"There is such a space already: {existing}, {existing.state}.")
        return True

    def _made(self, space: Space) -> None:
        self._describe(space)
        self.stdout.write(
            "The workers build it while searches go on. See how far with `manage.py spaces`, build it here with "
            f"`manage.py index --space {space}`, then `manage.py evaluate --space {space}` and "
            f"`manage.py activate_space {space}`."
        )

    def _describe(self, space: Space) -> None:
        size = f"{partitions.bytes_on_disk(space.dimensions):,} bytes a photo, indexes apart"
        vectors = f"{space.get_metric_display()}, {space.dimensions:,} dimensions, {size}"
        self.stdout.write(f"{space}: {space.summary}; {vectors}.")


@contextmanager
def _free_name(name: str) -> Iterator[None]:
    """Somebody else may have made, or dropped, a space since we looked."""
    try:
        yield
    except IntegrityError as error:
        raise CommandError(f"NAME: {name} was not made, the spaces changed meanwhile: try again.") from error
