"""What the environment says. A value that cannot be used ends the process at its start, whichever it is."""

import sys
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, NoReturn

import environ

NO = {"", "0", "false", "f", "no", "n", "off"}
KINDS = {int: "a whole number", float: "a number", bool: "1 or 0"}


class Environment(environ.Env):
    """The environment, and the names that were read and are set: a backup lists them, without their values."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get_value(self, var: str, cast: Any = None, **options: Any) -> Any:
        """A number, and a yes or no, that cannot be read ends the process. Text is taken as it is."""
        if (given := self.ENVIRON.get(var)) is None:
            return super().get_value(var, cast=cast, **options)
        self.names.add(var)
        if cast is str:  # django-environ would take a text that begins with $ for the name of another variable.
            return given
        is_read = cast is not bool or given.lower() in {*self.BOOLEAN_TRUE_STRINGS, *NO}
        with suppress(ValueError):
            if is_read and not given.startswith("$"):
                return super().get_value(var, cast=cast, **options)
        return refuse(var, f"is {given!r}: set it to {KINDS.get(cast, 'a list')}")

    def count(self, name: str, default: int, least: int = 0) -> int:
        """A whole number, of `least` or more. Any other ends the process."""
        value: int = self.int(name, default=default)
        return value if value >= least else refuse(name, f"is {value}: set it to {least} or more")

    def choice(self, name: str, *choices: str) -> str:
        """One of the choices, the first by default. Any other ends the process."""
        value: str = self.str(name, default=choices[0]).lower()
        return value if value in choices else refuse(name, f"is {value!r}: set it to one of {', '.join(choices)}")

    def share(self, name: str) -> float:
        """A number from 0 to 1, 0 by default. Any other ends the process."""
        value: str = self.str(name, default="0")
        is_share = value.replace(".", "", 1).isdecimal() and float(value) <= 1
        return float(value) if is_share else refuse(name, f"is {value!r}: set it to a number from 0 to 1")

    def networks(self, name: str) -> list[IPv4Network | IPv6Network]:
        """Networks with commas between them, none by default. What is none ends the process."""
        told = [text.strip() for text in self.str(name, default="").split(",") if text.strip()]
        try:
            return [ip_network(text) for text in told]
        except ValueError as error:
            return refuse(name, f"names no network ({error}): write it like 10.20.0.0/16")


def refuse(name: str, why: str) -> NoReturn:
    """End the process with exit code 2. `why` says what is wrong and the cure, in words that follow the name."""
    print(f"lamplight: {name} {why}", file=sys.stderr)
    raise SystemExit(2)
