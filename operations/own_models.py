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


def new_places(files: dict[Path, str], data_folder: Path) -> dict[str, Path]:
    """Where the files of a backup go in this installation, whose data folder may be another one.

    A file of the data folder goes to the same place there. A file that lies elsewhere stays if it still is there with
    these bytes. All others go below `weights` in the data folder, with all of their folder: an encoder is one of files.

    Args:
        files: the SHA-256 of each file, by the path that it was read from.
    """
    places = {path: _same_place(path, data_folder) for path in files}
    taken = {path.parent for path, place in places.items() if not _may_have(path, place, files[path], data_folder)}
    for path in files:
        if path.parent in taken:
            places[path] = settings.VAR / FOLDER / path.relative_to(path.anchor)
    return {str(path): place.resolve() for path, place in places.items()}


def _same_place(path: Path, data_folder: Path) -> Path:
    return settings.VAR / path.relative_to(data_folder) if path.is_relative_to(data_folder) else path


def _may_have(path: Path, place: Path, sha256: str, data_folder: Path) -> bool:
    """Whether a file may go to this place, or is there already."""
    free = path.is_relative_to(data_folder) and not place.exists()
    return free or (place.is_file() and sha256_of(place) == sha256)


def point_spaces_to(places: dict[str, Path]) -> None:
    """Have the spaces read their weights from new places, by old ones. The vectors stay: the bytes are the same."""
    for space in Space.objects.filter(recipe__weights__in=list(places)):
        space.recipe["weights"] = str(places[space.recipe["weights"]])
        Space.objects.filter(pk=space.pk).update(recipe=space.recipe)


def settings_to_change(places: dict[str, Path]) -> Iterator[str]:
    """What to set anew, as NAME=VALUE, since a setting names what is not there, or is another encoder."""
    weights = settings.LAMPLIGHT_WEIGHTS
    if weights not in (IMAGENET, RANDOM) and not Path(weights).expanduser().is_file():
        moved = places.get(str(Path(weights).expanduser().resolve()))
        yield f"LAMPLIGHT_WEIGHTS={moved or IMAGENET}"
    encoder = settings.TEXT_ENCODER
    if encoder not in ("", NONE):
        folder = Path(encoder).resolve()
        moved = places.get(str(folder / "config.json"))
        if moved and moved.parent != folder:
            yield f"TEXT_ENCODER={moved.parent}"
        elif not folder.is_dir():
            yield "TEXT_ENCODER="
