"""Settings as a shop writes them."""

import os
import re
import subprocess
import sys

from config.settings import BASE_DIR

EXAMPLE = (BASE_DIR / ".env.example").read_text()
LINES = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", EXAMPLE, flags=re.M))


def test_every_line_of_the_example_can_be_taken_as_it_is(tmp_path):
    environment = {**os.environ, **LINES, "LAMPLIGHT_VAR": str(tmp_path)}
    program = "from config import settings as s; print(s.ALLOWED_HOSTS[0], s.PORT, s.BEHIND_TLS, s.LAMPLIGHT_WEIGHTS)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=BASE_DIR, capture_output=True, text=True, check=True
    )
    assert done.stdout == "shop.example 8000 True imagenet\n"
    assert not [line for line in LINES.values() if " " in line]


def test_the_docs_explain_every_variable_of_the_example():
    page = (BASE_DIR / "docs" / "configuration.md").read_text()
    assert [name for name in LINES if f"`{name}`" not in page and name != "POSTGRES_PASSWORD"] == []


def test_a_command_on_a_database_without_tables_says_what_to_do(tmp_path):
    kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    done = subprocess.run(
        [sys.executable, "manage.py", "train_head"],
        env={**kept, "LAMPLIGHT_VAR": str(tmp_path)},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("There are no tables in this database yet: run `make run`")
