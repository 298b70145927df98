"""manage.py doctor"""

import argparse
import json
import logging
import sys
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from catalog.management.explained_command import ExplainedCommand
from operations.doctor.examination import examine
from operations.doctor.finding import Finding, Level

EPILOG = """
Nothing of the shop is changed, and nothing is started. A server that does not run or does not answer is told, and the
rest is looked at all the same.

examples:
  manage.py doctor
  manage.py doctor --json | jq '.findings[] | select(.level != "ok")'

exit status: 0 no problem (there may be warnings), 1 a problem
"""


class Command(ExplainedCommand):
    epilog = EPILOG
    requires_system_checks: Any = []  # They are among what is told.
    help = (
        "Say whether all is well: versions, servers, workers, beat, spaces, weights, disk, backups and settings that "
        "are unsafe. Each line is ok, a warning or a problem, and says what to do."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON: the worst level, and the list of findings")

    def handle(self, *args: Any, **options: Any) -> None:
        import_string(settings.LOOK_ON)()
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # It warns of what is told here.
        findings: list[tuple[str, Finding]] = []
        for name, finding in examine():
            findings.append((name, finding))
            if not options["json"]:
                self._tell(name, finding)
        worst = max((finding.level for _, finding in findings), key=list(Level).index)
        if options["json"]:
            rows = [
                {"check": name, "level": finding.level, "text": finding.text, "cure": finding.cure}
                for name, finding in findings
            ]
            self.stdout.write(json.dumps({"level": worst, "findings": rows}, indent=2))
        if worst is Level.PROBLEM:
            sys.exit(1)

    def _tell(self, name: str, finding: Finding) -> None:
        style = {Level.OK: self.style.SUCCESS, Level.WARNING: self.style.WARNING, Level.PROBLEM: self.style.ERROR}
        self.stdout.write(f"{style[finding.level](f'{finding.level:8}')} {name:11} {finding.text}")
        if finding.cure:
            self.stdout.write(f"{'':20} {finding.cure}")
