"""Commands whose --help ends with examples."""

import argparse
from textwrap import fill
from typing import Any

from django.core.management.base import BaseCommand


class ExplainedCommand(BaseCommand):
    """`epilog` stands below the options as it is written; `help` is wrapped."""

    epilog = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        kwargs |= {"epilog": self.epilog, "formatter_class": argparse.RawDescriptionHelpFormatter}
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.description = fill(self.help, 100)
        return parser
