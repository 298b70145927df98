"""The form by which staff make a space in the admin."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from ml.backbones import BACKBONES
from ml.projection import FittedProjection, TooFewVectors
from ml.recipes import CHOICES, IMAGENET, INPUT_SIZES, Recipe, WeightsError, make_recipe
from search import spaces
from search.models import Space

RECIPE = ("backbone", "weights", "layer", "pooling", "input_size", "fit", "interpolation")


def choices(names: Any) -> list[tuple[str, str]]:
    return [("", "default"), *((name, name) for name in names)]


class Choice(forms.ChoiceField):
    """One of several, or the default."""

    widget = UnfoldAdminSelectWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)


class SpaceForm(forms.ModelForm):
    """Either a recipe of its own, or a projection of another space's vectors. `save` makes the space."""

    source = forms.ModelChoiceField(
        Space.objects.all(),
        required=False,
        label="derived from",
        help_text="Its vectors are projected by PCA.",
        widget=UnfoldAdminSelectWidget,
    )
    pca = forms.IntegerField(
        required=False,
        min_value=1,
        label="PCA components",
        help_text="Such as 256.",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    whiten = forms.BooleanField(
        required=False, help_text="Scale the components to equal variance.", widget=UnfoldBooleanSwitchWidget
    )
    backbone = Choice(choices=choices(BACKBONES))
    weights = forms.CharField(
        required=False,
        help_text="imagenet, random or the path of a state dict on the server; empty: the live space's.",
        widget=UnfoldAdminTextInputWidget,
    )
    layer = forms.CharField(
        required=False,
        help_text="Any module by name; fc1, fc2, pool5 of vgg16; empty: the default.",
        widget=UnfoldAdminTextInputWidget,
    )
    pooling = Choice(choices=choices(CHOICES["pooling"]))
    input_size = forms.IntegerField(
        required=False,
        min_value=INPUT_SIZES[0],
        max_value=INPUT_SIZES[-1],
        help_text="Pixels; empty: the default.",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    fit = Choice(choices=choices(CHOICES["fit"]))
    interpolation = Choice(choices=choices(CHOICES["interpolation"]))
    metric = Choice(choices=choices(Space.Metric.values), help_text="l2 compares vectors as they are.")

    class Meta:
        model = Space
        fields = ["name"]

    fitted: FittedProjection | None = None
    recipe: Recipe | None = None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            if data["source"]:
                self._fit(data)
            elif data["pca"] or data["whiten"]:
                self.add_error("pca", "Choose the space to derive from.")
            else:
                self._make_recipe(data)
        return data

    def save(self, commit: bool = True) -> Space:
        name, metric = self.cleaned_data["name"], self.cleaned_data["metric"] or Space.Metric.COSINE
        if self.fitted:
            self.instance = spaces.derive(name, self.cleaned_data["source"], self.fitted)
        elif self.recipe:
            self.instance = spaces.create(name, self.recipe, metric)
        return self.instance

    def save_m2m(self) -> None:
        """The admin calls it; there is nothing to save."""

    def _fit(self, data: dict[str, Any]) -> None:
        for field in (*RECIPE, "metric"):
            if data[field]:
                self.add_error(field, "A derived space has the recipe of its source: leave this empty.")
        if not data["pca"]:
            self.add_error("pca", "Say how many components to keep, such as 256.")
        if self.errors:
            return
        try:
            self.fitted = spaces.fit(data["source"], data["pca"], data["whiten"])
        except (TooFewVectors, ValueError) as error:
            self.add_error("pca", str(error))

    def _make_recipe(self, data: dict[str, Any]) -> None:
        given = {field: data[field] for field in RECIPE if data[field]}
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
    """Raises WeightsError when the weights do not fit, or are to be fetched first: that takes longer than a request."""
    from ml.weights import imagenet_path, load_network

    if recipe.weights == IMAGENET and not imagenet_path(recipe).is_file():
        raise WeightsError(
            f"The ImageNet weights of {recipe.backbone} are not on the server yet. Run there: "
            f"manage.py create_space NAME --backbone {recipe.backbone} --weights imagenet"
        )
    load_network(recipe)
