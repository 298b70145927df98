"""manage.py create_space"""

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from textwrap import fill
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.core.validators import validate_slug
from django.db import IntegrityError
from django.utils.text import capfirst

from catalog.management.explained_command import ExplainedCommand
from catalog.validators import MAX_KEY_LENGTH
from ml.learned_projection import COMPONENTS, Evidence, NothingToLearn, Ranking, TooFewFamilies
from ml.projection import FittedProjection, TooFewVectors
from ml.recipes import Option, Recipe, WeightsError, make_recipe
from ml.weights import fetch_weights, load_network
from search import projections, spaces
from search.family_labels import NoSuchColumn
from search.management.commands._named_space import named
from search.models import Space
from search.space_options import DERIVED, LEFT_OUT, OWN
from search.store import vectors

EXAMPLES = """examples:
  manage.py create_space gem --pooling gem
  manage.py create_space small --from resnet50-imagenet --pca 256
  manage.py create_space tuned --from resnet50-imagenet --learn name
  manage.py create_space vgg --backbone vgg16 --metric l2
  manage.py create_space mine --backbone autoencoder --weights var/autoencoder.safetensors
  manage.py create_space mid --layer layer3 --input-size 320 --fit squash --dry-run
"""


class Command(ExplainedCommand):
    epilog = EXAMPLES
    help = (
        "Make a space, one way of turning photos into vectors, beside the live one. The workers build it while "
        "searches go on; activate_space has it answer. With --from, its vectors are stored ones projected by PCA or, "
        "with --learn, by a map that is learned from your families and proven on families held out."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", help="letters, digits, - and _")
        _add_options(parser.add_argument_group("a space of its own", fill(LEFT_OUT, 100)), OWN)
        derived = parser.add_argument_group("a space derived from another")
        derived.add_argument("--from", dest="source", metavar="SPACE", help="the space whose vectors are projected")
        _add_options(derived, DERIVED)
        parser.add_argument("--dry-run", action="store_true", help="say what would be made, and make nothing")

    def handle(self, *args: Any, name: str, source: str | None, dry_run: bool, **options: Any) -> None:
        try:
            validate_slug(name)
        except ValidationError as error:
            raise CommandError(f"NAME: {error.messages[0]}", returncode=2) from error
        given = _given(OWN, options)
        if source is not None:
            if given:
                flags = ", ".join(map(_flag, given))
                raise CommandError(f"{flags}: the recipe is that of --from {source}; leave this out.", returncode=2)
            chosen = {option: options[option] for option in DERIVED}
            self._derive(name, named(source, "--from"), dry_run=dry_run, **chosen)
        elif derived := _given(DERIVED, options):
            flags = ", ".join(map(_flag, derived))
            raise CommandError(f"{flags}: name the space to derive from with --from.", returncode=2)
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

    def _derive(
        self, name: str, source: Space, pca: int | None, whiten: bool, learn: str | None, dry_run: bool
    ) -> None:
        if learn and whiten:
            raise CommandError("--whiten: a learned map sets its own scales; leave this out.", returncode=2)
        if pca is not None and pca < 1:
            raise CommandError("--pca: give a number of components, 1 or more.", returncode=2)
        if pca is None and not learn:
            raise CommandError("--from: say how many components to keep, such as --pca 256.", returncode=2)
        components, learn = pca or COMPONENTS, learn or ""
        if existing := Space.objects.filter(name=name).first():
            recipe = Recipe.from_dict(existing.recipe)
            there = (existing.source_id, recipe.pca, recipe.whiten, recipe.learn)
            if there != (source.pk, components, whiten, learn):
                raise CommandError(f"NAME: there is another space {name}; choose another name.", returncode=2)
            self.stdout.write(f"There is such a space already: {existing}, {existing.state}.")
            return
        fitted, evidence = self._fitted(source, components, whiten, learn)
        before, after = (vectors.bytes_on_disk(dimensions) for dimensions in (source.dimensions, components))
        self.stdout.write(
            f"{components} of {source.dimensions} components hold {fitted.explained_variance:.1%} of the variance; "
            f"a vector takes {after:,} bytes on disk instead of {before:,} ({1 - after / before:.0%} less)."
        )
        if evidence:
            self._show(evidence, source.name, name)
        if not dry_run:
            with _free_name(name):
                self._made(spaces.derive(name, source, fitted, learn, evidence))

    def _fitted(
        self, source: Space, components: int, whiten: bool, learn: str
    ) -> tuple[FittedProjection, Evidence | None]:
        try:
            if learn:
                return projections.learn(source, learn, components)
            return projections.fit(source, components, whiten), None
        except projections.IsProjection as error:
            raise CommandError(f"--from: {error}.", returncode=2) from error
        except (NoSuchColumn, TooFewFamilies, NothingToLearn) as error:
            raise CommandError(f"--learn {learn:.{MAX_KEY_LENGTH}}: {error}", returncode=2) from error
        except ValueError as error:
            raise CommandError(f"--pca: {error}.", returncode=2) from error
        except TooFewVectors as error:
            raise CommandError(f"--pca: {error}. Photos indexed into {source} count.", returncode=2) from error

    def _show(self, evidence: Evidence, source: str, name: str) -> None:
        """A row for the source, one for the learned space, and what follows from them."""
        width = max(len(source), len(name))
        self.stdout.write(f"{'':{width}}    R@1   R@10    mAP")
        for row, ranking in ((source, evidence.before), (name, evidence.after)):
            self.stdout.write(f"{row:{width}}  {_cells(ranking)}")
        verdict = (
            "It finds them better, beyond chance."
            if evidence.is_better
            else "That is not better beyond chance: activate_space refuses it without --force."
        )
        self.stdout.write(f"{capfirst(str(evidence))}. {verdict}")

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
            f"`manage.py index --space {space}` and `manage.py maintain`, then `manage.py evaluate --space {space}` "
            f"and `manage.py activate_space {space}`."
        )

    def _describe(self, space: Space) -> None:
        size = f"{vectors.bytes_on_disk(space.dimensions):,} bytes a photo, indexes apart"
        about = f"{space.get_metric_display()}, {space.dimensions:,} dimensions, {size}"
        self.stdout.write(f"{space}: {space.summary}; {about}.")


def _cells(ranking: Ranking) -> str:
    shares = (ranking.recall_at_1, ranking.recall_at_10, ranking.mean_average_precision)
    return "  ".join(f"{share:.3f}" for share in shares)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _add_options(group: argparse._ArgumentGroup, options: Mapping[str, Option]) -> None:
    for name, option in options.items():
        if option.kind is bool:
            group.add_argument(_flag(name), action="store_true", help=option.help)
        else:
            choices, metavar = option.choices or None, "N" if option.kind is int else None
            group.add_argument(_flag(name), type=option.kind, choices=choices, metavar=metavar, help=option.help)


def _given(options: Mapping[str, Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of those options that are given on the command line. 0 counts as given; None and False do not."""
    return {name: values[name] for name in options if values[name] is not None and values[name] is not False}


@contextmanager
def _free_name(name: str) -> Iterator[None]:
    """Refuse a name that is taken: somebody else may have made, or dropped, a space since we looked."""
    try:
        yield
    except IntegrityError as error:
        raise CommandError(f"NAME: {name} was not made, the spaces changed meanwhile: try again.") from error
