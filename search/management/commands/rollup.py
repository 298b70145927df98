"""manage.py rollup"""

from typing import Any

from django.core.management.base import BaseCommand

from search.log import days
from search.models import Day

HEADINGS = ("day", "searches", "clicked@1", "@5", "@10", "carts", "purchases")


class Command(BaseCommand):
    help = (
        f"Sum up the searches of today and the {days.LATE} days before: how many had a click among the first 1, 5 "
        "and 10 results, and what came into carts and was bought. The workers do it every night; the admin shows all "
        "days, by category too."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        summed = Day.objects.filter(date__in=days.roll_up(), category=None)
        rows = [HEADINGS, *map(_cells, summed)] if summed else [("Nobody has searched.",)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            self.stdout.write("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def _cells(day: Day) -> tuple[str, ...]:
    clicked = (f"{count / day.searches:.1%}" for count in (day.clicked_1, day.clicked_5, day.clicked_10))
    return (str(day.date), f"{day.searches:,}", *clicked, f"{day.carts:,}", f"{day.purchases:,}")
