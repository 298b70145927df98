"""The weights that the spaces see with: they are there, and are the ones that made the vectors."""

from collections.abc import Iterator
from pathlib import Path

from ml.backbones import BACKBONES
from ml.recipes import IMAGENET, RANDOM, Recipe, sha256_of
from ml.weights import has_weights, imagenet_path
from operations.doctor.finding import Finding, ok, problem, warning
from search.models import Space


def networks() -> Iterator[Finding]:
    for space in Space.objects.order_by("pk"):
        recipe = Recipe.from_dict(space.recipe)
        if recipe.weights == RANDOM:
            yield warning(f"{space} sees with an untrained network", "Make another: manage.py create_space --help")
        elif recipe.weights == IMAGENET:
            yield _published(space, recipe)
        else:
            yield _own(space, recipe)


def _published(space: Space, recipe: Recipe) -> Finding:
    if not has_weights(recipe):  # A network that was converted once runs without them.
        cure = "Run manage.py prepare where pytorch.org can be reached."
        return warning(f"the ImageNet weights of {space} are not on this machine", cure)
    path, published = imagenet_path(recipe), BACKBONES[recipe.backbone].imagenet
    if published and not sha256_of(path).startswith(published.sha256):
        return problem(f"{path} is not the published file", "Delete it, then run manage.py prepare.")
    return ok(f"{space} has the published weights of {recipe.backbone}")


def _own(space: Space, recipe: Recipe) -> Finding:
    path = Path(recipe.weights)
    cure = "Bring the file back from a backup (manage.py restore), or make a new space."
    if not path.is_file():
        return problem(f"the weights of {space} are not at {path}", cure)
    if sha256_of(path) != recipe.weights_sha256:
        return problem(f"{path} is not the file that {space} was made with", cure)
    return ok(f"{space} has its own weights, {path}")
