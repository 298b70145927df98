"""manage.py prepare"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ml.recipes import Recipe, WeightsError, make_recipe
from ml.weights import fetch_weights
from search import encoders, spaces
from search.models import Space


class Command(BaseCommand):
    help = (
        "Get ready to index and search: fetch the backbone's weights, make the live space with its partitions and "
        "convert its network. What is there already is left as it is. Run it after migrate, before the first worker "
        "starts."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            recipe = make_recipe(settings.LAMPLIGHT_WEIGHTS, settings.LAMPLIGHT_BACKBONE)
            live = Space.objects.live()
            fetch_weights(Recipe.from_dict(live.recipe) if live else recipe)
        except WeightsError as error:
            raise CommandError(f"LAMPLIGHT_WEIGHTS: {error}", returncode=2) from error
        try:
            space = spaces.ensure_live(recipe)
        except spaces.NameTaken as error:
            raise CommandError(str(error), returncode=2) from error
        spaces.ensure_partitions()
        try:
            encoders.encoder_for(space).warm()  # Convert the network here, so that no web process has to import torch.
        except WeightsError as error:
            raise CommandError(str(error), returncode=2) from error
        if not any(Recipe.from_dict(other.recipe).has_weights_of(recipe) for other in Space.objects.all()):
            self.stderr.write(
                f"The live space stays {space}: no space was made with LAMPLIGHT_BACKBONE={recipe.backbone} "
                f"LAMPLIGHT_WEIGHTS={recipe.weights}. To change "
                "to these weights: manage.py create_space NAME, then, once it is built, activate_space NAME."
            )
        self.stdout.write(f"Live space: {space} ({space.dimensions} dimensions, weights {space.weights})")
