"""manage.py attribute_types"""

import argparse
import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import CommandError
from django.db import transaction

from catalog import attribute_types, product_numbers
from catalog.management.explained_command import ExplainedCommand
from catalog.models import AttributeType
from catalog.units import UNITS

STILL_READ = "Another process reads the numbers of products anew. It goes on in the background."
FIELDS = ("name", "kind", "number", "unit", "is_chosen", "products", "samples")
EPILOG = """
examples:
  manage.py attribute_types
  manage.py attribute_types --json
  manage.py attribute_types Breite --kind number --number width_cm --unit mm --dry-run
  manage.py attribute_types Breite --by-values

exit status: 0 listed or changed, 2 there is no such attribute, or no value could be read so
"""


class Command(ExplainedCommand):
    epilog = EPILOG
    help = (
        "List the types of attributes, or change one. Its kind says how values are read, its number what range filters "
        "are called, its unit what values are in that name none. All products are then read anew."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="the attribute to change; without it all are listed")
        parser.add_argument("--kind", choices=AttributeType.Kind.values)
        parser.add_argument("--number", help="such as width_cm, weight_kg or seats")
        parser.add_argument("--unit", choices=["", *UNITS])
        parser.add_argument("--by-values", action="store_true", help="find it out by the values again")
        parser.add_argument("--dry-run", action="store_true", help="check and tell the change, and make none")
        parser.add_argument("--json", action="store_true", help="print a list of objects instead of lines")

    def handle(self, *args: Any, name: str | None, **options: Any) -> None:
        if name is None:
            return self._list(options["json"])
        one = AttributeType.objects.filter(name=name).first()
        if one is None:
            raise CommandError(f"No attribute is called {name}. `manage.py attribute_types` lists them.", returncode=2)
        before = _line(one)
        with transaction.atomic():
            if options["by_values"]:
                one.is_chosen = False
            else:
                self._choose(one, options)
            one.save()
            if options["by_values"]:
                attribute_types.collect()
            after = _line_of(name)
            transaction.set_rollback(options["dry_run"])
        if options["dry_run"]:
            self.stdout.write(f"{before}\n  would become\n{after}")
            return None
        changed = product_numbers.refresh()
        read = f"{changed} numbers of products changed." if product_numbers.is_read() else STILL_READ
        self.stdout.write(f"{after}\n{read}")
        return None

    def _choose(self, one: AttributeType, options: dict[str, Any]) -> None:
        given = {field: options[field] for field in ("kind", "number", "unit") if options[field] is not None}
        if not given:
            raise CommandError("Say what is to change: --kind, --number, --unit or --by-values.", returncode=2)
        for field, value in given.items():
            setattr(one, field, value)
        one.is_chosen = True
        try:
            attribute_types.check(one)
        except ValidationError as error:
            told = "; ".join(f"--{field}: {' '.join(messages)}" for field, messages in error.message_dict.items())
            raise CommandError(told, returncode=2) from error

    def _list(self, as_json: bool) -> None:
        types = list(AttributeType.objects.all())
        if as_json:
            self.stdout.write(json.dumps([{field: getattr(one, field) for field in FIELDS} for one in types], indent=2))
        elif types:
            self.stdout.write("\n".join(map(_line, types)))
        else:
            self.stderr.write("There are no types yet: a worker finds them out once there are products.")


def _line_of(name: str) -> str:
    one = AttributeType.objects.filter(name=name).first()
    return _line(one) if one else f"{name}  is gone: no product has it any more"


def _line(one: AttributeType) -> str:
    reads = " in ".join(filter(None, [one.number, one.unit]))
    return "  ".join(filter(None, [one.name, one.kind, reads, "chosen by staff" if one.is_chosen else ""]))
