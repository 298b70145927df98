"""The form with which staff make a space in the admin."""

import shlex
from typing import Any

from django import forms
from django.utils.text import capfirst
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from ml.learned_projection import COMPONENTS, Evidence, NothingToLearn, TooFewFamilies
from ml.projection import FittedProjection, TooFewVectors
from ml.recipes import IMAGENET, Option, Recipe, WeightsError, make_recipe
from search import projections, spaces
from search.family_labels import NoSuchColumn
from search.models import Embedding, Space
from search.space_options import DERIVED, OWN

# The most photos of a space from which a map is learned within a request: 20,000 keep the process that answers searches
# busy for 30 to 40 seconds, and the time grows with the photos.
LEARNED_AT_ONCE = 5_000


def form_field(option: Option) -> forms.Field:
    """The field that asks for an option. If it is empty, the option is left out."""
    about: dict[str, Any] = {
        "required": False,
        "label": option.label or None,
        "help_text": f"{capfirst(option.help)}.",
    }
    if option.choices:
        names = [("", "default"), *((name, name) for name in option.choices)]
        return forms.ChoiceField(choices=names, widget=UnfoldAdminSelectWidget, **about)
    if option.kind is int:
        widget = UnfoldAdminIntegerFieldWidget
        return forms.IntegerField(min_value=option.least, max_value=option.most, widget=widget, **about)
    if option.kind is bool:
        return forms.BooleanField(widget=UnfoldBooleanSwitchWidget, **about)
    return forms.CharField(widget=UnfoldAdminTextInputWidget, **about)


class SpaceForm(forms.ModelForm):
    """Asks for a recipe of the space's own, or for a projection of another space's vectors. `save` makes the space."""

    source = forms.ModelChoiceField(
        Space.objects.all(),
        required=False,
        label="derived from",
        help_text="Its vectors are projected, by PCA or by a map learned from families.",
        widget=UnfoldAdminSelectWidget,
    )
    # In the body of a class, names put into locals() become its attributes.
    locals().update({name: form_field(option) for name, option in {**OWN, **DERIVED}.items()})

    class Meta:
        model = Space
        fields = ["name"]

    fitted: FittedProjection | None = None
    evidence: Evidence | None = None
    recipe: Recipe | None = None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            if data["source"]:
                self._fit(data)
            elif any(data[field] for field in DERIVED):
                self.add_error("pca", "Choose the space to derive from.")
            else:
                self._make_recipe(data)
        return data

    def save(self, commit: bool = True) -> Space:
        name, metric = self.cleaned_data["name"], self.cleaned_data["metric"] or Space.Metric.COSINE
        if self.fitted:
            source, learn = self.cleaned_data["source"], self.cleaned_data["learn"]
            self.instance = spaces.derive(name, source, self.fitted, learn, self.evidence)
        elif self.recipe:
            self.instance = spaces.create(name, self.recipe, metric)
        return self.instance

    def save_m2m(self) -> None:
        """The admin calls it; there is nothing to save."""

    def _fit(self, data: dict[str, Any]) -> None:
        for field in OWN:
            if data[field]:
                self.add_error(field, "A derived space has the recipe of its source: leave this empty.")
        if not (data["pca"] or data["learn"]):
            self.add_error("pca", "Say how many components to keep, such as 256.")
        if data["learn"] and data["whiten"]:
            self.add_error("whiten", "A learned map sets its own scales: leave this empty.")
        if data["learn"]:
            self._refuse_long_work(data)
        if self.errors:
            return
        try:
            if data["learn"]:
                components = data["pca"] or COMPONENTS
                self.fitted, self.evidence = projections.learn(data["source"], data["learn"], components)
            else:
                self.fitted = projections.fit(data["source"], data["pca"], data["whiten"])
        except projections.IsProjection as error:
            self.add_error("source", f"{error}.")
        except (NoSuchColumn, TooFewFamilies, NothingToLearn) as error:
            self.add_error("learn", capfirst(str(error)))
        except ValueError as error:
            self.add_error("pca", f"{error}.")
        except TooFewVectors as error:
            self.add_error("pca", f"{error}. Photos indexed into {data['source']} count.")

    def _refuse_long_work(self, data: dict[str, Any]) -> None:
        photos = Embedding.objects.filter(space_id=data["source"].pk).count()
        if photos > LEARNED_AT_ONCE:
            pca = f" --pca {data['pca']}" if data["pca"] else ""
            self.add_error(
                "learn",
                f"Learning from {photos:,} photos would hold up searches: the admin learns from {LEARNED_AT_ONCE:,} at "
                f"most. Run on the server: manage.py create_space {data['name']} --from {data['source']} "
                f"--learn {shlex.quote(data['learn'])}{pca}",
            )

    def _make_recipe(self, data: dict[str, Any]) -> None:
        given = {field: data[field] for field in OWN if data[field] and field != "metric"}
        backbone, weights = spaces.origin(given.pop("backbone", None))
        weights = given.pop("weights", weights)
        try:
            recipe = make_recipe(weights, backbone, **given)
            recipe.dimensions  # noqa: B018  raises ValueError where there is no such layer
            check_weights(recipe)
        except WeightsError as error:
            self.add_error("weights", str(error))
        except ValueError as error:
            self.add_error("layer", str(error))
        else:
            self.recipe = recipe


def check_weights(recipe: Recipe) -> None:
    """Raises WeightsError if the weights do not fit, or are not downloaded: that takes longer than a request."""
    from ml.weights import imagenet_path, load_network

    if recipe.weights == IMAGENET and not imagenet_path(recipe).is_file():
        raise WeightsError(
            f"The ImageNet weights of {recipe.backbone} are not on the server yet. Run there: "
            f"manage.py create_space NAME --backbone {recipe.backbone} --weights imagenet"
        )
    load_network(recipe)
