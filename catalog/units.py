"""Units of what products measure and weigh. Lengths are kept in cm, masses in kg."""

from collections.abc import Mapping
from types import MappingProxyType

# By unit: the one that its quantity is kept in, and how many of these it is.
UNITS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "mm": ("cm", 0.1),
        "cm": ("cm", 1.0),
        "m": ("cm", 100.0),
        "in": ("cm", 2.54),
        "ft": ("cm", 30.48),
        "g": ("kg", 0.001),
        "kg": ("kg", 1.0),
        "lb": ("kg", 0.45359237),
    }
)
KEPT_IN = tuple(dict.fromkeys(kept for kept, _ in UNITS.values()))


def kept_in(number: str) -> str:
    """The unit that a number is kept in, by its name: cm of width_cm. Empty if it has none."""
    stem, _, unit = number.rpartition("_")
    return unit if stem and unit in KEPT_IN else ""


def convert(value: float, unit: str, to: str) -> float:
    """The value in another unit of the same quantity. Raises ValueError if it is of another one."""
    (kept, factor), (other, divisor) = UNITS[unit], UNITS[to]
    if kept != other:
        raise ValueError(f"{unit} cannot be converted to {to}")
    return value * factor / divisor
