"""The application that workers and beat load."""

import subprocess
import sys

from config.settings import BASE_DIR

LOAD = """
import sys
from config.celery import app
app.loader.import_default_modules()
print("search.tasks" in sys.modules, *sorted({"torch", "scipy", "sklearn"} & sys.modules.keys()))
"""


def test_a_process_that_knows_all_tasks_has_imported_nothing_that_only_training_needs():
    done = subprocess.run([sys.executable, "-c", LOAD], cwd=BASE_DIR, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
