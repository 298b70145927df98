"""What a person may choose for a new space, by create_space or in the admin: fields of a recipe, and the metric."""

from ml.recipes import OPTIONS, Option
from search.models import Space

METRIC = Option("how vectors are compared; l2 takes them as they are", choices=Space.Metric.values)
OWN = {name: option for name, option in OPTIONS.items() if not option.derived} | {"metric": METRIC}
DERIVED = {name: option for name, option in OPTIONS.items() if option.derived}
LEFT_OUT = (
    "What you leave out has a default: the live space's backbone and weights, or LAMPLIGHT_WEIGHTS for another "
    "backbone; the backbone's own layer and input size; for all else the first choice."
)
