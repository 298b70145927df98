"""manage.py prepare"""

import shlex
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog import text_language
from catalog.models import Product
from ml.recipes import IMAGENET, Recipe, WeightsError, make_recipe
from ml.weights import fetch_weights, has_weights
from search import encoders, spaces, text_encoders
from search.models import Space

# Its ImageNet weights are installed with Lamplight.
INSTALLED = "efficientnet_lite2"


class Command(BaseCommand):
    help = (
        "Get ready to index and search: fetch the backbone's weights, make the live space with its partitions and "
        f"convert its network and the text encoder's, and stem the products' words in TEXT_LANGUAGE. Where ImageNet "
        f"weights cannot be fetched, the live space is made with {INSTALLED}, "
        "whose weights are installed. What is there already is left as it is. Run it after migrate, before the first "
        "worker starts."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self._prepare_words()
        try:
            wanted = make_recipe(settings.LAMPLIGHT_WEIGHTS, settings.LAMPLIGHT_BACKBONE)
            live = Space.objects.live()
            reason = "" if live else self._fetch(wanted)
        except WeightsError as error:
            raise CommandError(f"LAMPLIGHT_WEIGHTS: {error}", returncode=2) from error
        try:
            space = live or spaces.ensure_live(make_recipe(IMAGENET, INSTALLED) if reason else wanted)
            spaces.ensure_partitions()
            self._load(space)
        except (WeightsError, spaces.NameTaken) as error:
            raise CommandError(str(error), returncode=2) from error
        if not any(Recipe.from_dict(other.recipe).has_weights_of(wanted) for other in Space.objects.all()):
            told = f"{reason}: Lamplight sees with {space}" if reason else f"The live space stays {space}"
            self.stderr.write(f"{told}. To change to {wanted.name} later, without stopping: {way_to(wanted)}")
        self.stdout.write(f"Live space: {space} ({space.dimensions} dimensions, weights {space.weights})")

    def _prepare_words(self) -> None:
        """Set the language of the products' words, and convert the text encoder here, so that no web process has to."""
        language = settings.TEXT_LANGUAGE
        try:
            if language != text_language.current():
                with tqdm(total=Product.objects.count(), desc=f"words in {language}", disable=None) as bar:
                    for done in text_language.change(language):
                        bar.update(done - bar.n)
        except text_language.UnknownLanguageError as error:
            raise CommandError(f"TEXT_LANGUAGE: {error}", returncode=2) from error
        try:
            if encoder := text_encoders.text_encoder():
                encoder.warm()
        except WeightsError as error:
            raise CommandError(f"TEXT_ENCODER: {error}", returncode=2) from error

    def _fetch(self, recipe: Recipe) -> str:
        """Fetch the weights of the first space. Returns why that failed where others can take their place.

        Raises WeightsError where they cannot.
        """
        if not has_weights(recipe):
            self.stderr.write(f"Fetching the ImageNet weights of {recipe.backbone} ...")
        try:
            fetch_weights(recipe)
        except WeightsError as error:
            if not has_weights(make_recipe(IMAGENET, INSTALLED)):
                raise
            reason = str(error).partition(": give the path")[0]
            return f"{reason[0].upper()}{reason[1:]}"
        return ""

    def _load(self, space: Space) -> None:
        """Convert the network here, also as explanations need it, so that no web process has to import torch.

        Weights are fetched only if they are needed: a converted network that is kept outlives them.
        """
        encoder = encoders.encoder_for(space)
        try:
            encoder.warm()
        except WeightsError:
            fetch_weights(encoder.recipe)
            encoder.warm()
        try:
            encoder.warm_places()
        except WeightsError as error:  # An earlier version converted the network, and its weights are gone.
            self.stderr.write(f"No match can be explained, and things in rooms are looked for in crops: {error}")


def way_to(recipe: Recipe) -> str:
    """The commands that build a space of the recipe's backbone and weights beside the live one, and activate it."""
    weights = shlex.quote(recipe.weights)
    made = f"manage.py create_space {recipe.name} --backbone {recipe.backbone} --weights {weights}"
    return f"{made} && manage.py activate_space {recipe.name} --wait"
