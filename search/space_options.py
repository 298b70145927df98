"""What a person may say of a new space, by create_space or in the admin: fields of a recipe, and the metric."""

from ml.recipes import OPTIONS, Option
from search.models import Space

METRIC = Option("how vectors are compared; l2 takes them as they are", choices=Space.Metric.values)
OWN = {name: option for name, option in OPTIONS.items() if not option.derived} | {"metric": METRIC}
DERIVED = {name: option for name, option in OPTIONS.items() if option.derived}
LEFT_OUT = (
    "Left out, backbone and weights are the live space's, or LAMPLIGHT_WEIGHTS for another backbone; "
    "layer and input size are the backbone's own; of all else the first choice stands."
)
