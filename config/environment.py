"""What the environment says. A value that cannot be used ends the process at its start, whichever it is."""

import sys
from typing import Any, NoReturn

import environ


class Environment(environ.Env):
    """The environment, and the names that were read and are set: a backup lists them, without their values."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get_value(self, var: str, *arguments: Any, **options: Any) -> Any:
        """A number that cannot be read ends the process."""
        if var in self.ENVIRON:
            self.names.add(var)
        try:
            return super().get_value(var, *arguments, **options)
        except ValueError:
            kind = "a whole number" if options.get("cast") is int else "a number"
            refuse(var, f"is {self.ENVIRON[var]!r}: set it to {kind}")

    def choice(self, name: str, *choices: str) -> str:
        """One of the choices, the first by default. Any other ends the process."""
        value: str = self.str(name, default=choices[0]).lower()
        return value if value in choices else refuse(name, f"is {value!r}: set it to one of {', '.join(choices)}")

    def share(self, name: str) -> float:
        """A number from 0 to 1, 0 by default. Any other ends the process."""
        value: str = self.str(name, default="0")
        is_share = value.replace(".", "", 1).isdecimal() and float(value) <= 1
        return float(value) if is_share else refuse(name, f"is {value!r}: set it to a number from 0 to 1")


def refuse(name: str, why: str) -> NoReturn:
    """End the process with exit code 2. `why` says what is wrong and the cure, in words that follow the name."""
    print(f"lamplight: {name} {why}", file=sys.stderr)
    raise SystemExit(2)
