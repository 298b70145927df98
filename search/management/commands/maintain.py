"""manage.py maintain"""

from typing import Any

from django.core.management.base import BaseCommand

from search import maintenance


class Command(BaseCommand):
    help = (
        "Build the HNSW indexes that large categories lack and drop what deleted categories left. The workers do it "
        "every ten minutes; run it after a large import to have the indexes at once."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        changed = maintenance.maintain()
        self.stdout.write("\n".join(changed) or "Nothing to do.")
