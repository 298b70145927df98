"""The weights that nobody publishes: which files a shop needs of its own, and where they go when it is restored."""

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from ml.recipes import IMAGENET, RANDOM, Recipe, sha256_of
from ml.text_encoder import TextModel
from search.models import Space
from search.text_encoders import NONE

# Where files go whose own place is not below the data folder, or is taken.
FOLDER = "weights"


def own_files() -> dict[Path, str]:
    """The files that the spaces and the settings name, and the SHA-256 that each must have; "" where any will do."""
    spaces = (Recipe.from_dict(space.recipe) for space in Space.objects.only("recipe"))
    named = {Path(recipe.weights): recipe.weights_sha256 for recipe in spaces if recipe.has_file}
    return dict.fromkeys(_of_settings(), "") | named


def _of_settings() -> Iterator[Path]:
    if settings.LAMPLIGHT_WEIGHTS not in (IMAGENET, RANDOM):
        yield Path(settings.LAMPLIGHT_WEIGHTS).expanduser().resolve()
    if settings.TEXT_ENCODER not in ("", NONE):
        yield from TextModel.files_of(Path(settings.TEXT_ENCODER).resolve())


def new_place(path: Path, sha256: str, data_folder: Path) -> Path:
    """Where a file of a backup goes in this installation, whose data folder may be another one.

    A file of the data folder goes to the same place there. A file that lies elsewhere stays if it still is there with
    these bytes. All others go below `weights` in the data folder.
    """
    inside = path.is_relative_to(data_folder)
    wanted = settings.VAR / path.relative_to(data_folder) if inside else path
    if (inside and not wanted.exists()) or (wanted.is_file() and sha256_of(wanted) == sha256):
        return wanted.resolve()
    return (settings.VAR / FOLDER / path.relative_to(path.anchor)).resolve()


def point_spaces_to(places: dict[str, Path]) -> None:
    """Have the spaces read their weights from new places, by old ones. The vectors stay: the bytes are the same."""
    for space in Space.objects.filter(recipe__weights__in=list(places)):
        space.recipe["weights"] = str(places[space.recipe["weights"]])
        Space.objects.filter(pk=space.pk).update(recipe=space.recipe)


def settings_to_change(places: dict[str, Path]) -> Iterator[str]:
    """What to set anew, as NAME=VALUE, since a setting names a file that is not there."""
    weights = settings.LAMPLIGHT_WEIGHTS
    if weights not in (IMAGENET, RANDOM) and not Path(weights).expanduser().is_file():
        moved = places.get(str(Path(weights).expanduser().resolve()))
        yield f"LAMPLIGHT_WEIGHTS={moved or IMAGENET}"
    encoder = settings.TEXT_ENCODER
    if encoder not in ("", NONE) and not Path(encoder).is_dir():
        moved = places.get(str(Path(encoder).resolve() / "config.json"))
        yield f"TEXT_ENCODER={moved.parent if moved else ''}"
