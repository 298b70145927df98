"""Settings as a shop writes them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_a_command_whose_database_is_away_says_so_in_a_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "spaces"],
        env={**os.environ, "LAMPLIGHT_VAR": str(tmp_path), "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/shop"},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last == "The database does not answer. Try again in a moment. The same command goes on from there."


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


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("LOG_FORMAT", "xml", "is 'xml': set it to one of text, json"),
        ("LOG_LEVEL", "debug", "is 'debug': set it to one of info, warning, error"),
        ("SENTRY_TRACES_SAMPLE_RATE", "2", "is '2': set it to a number from 0 to 1"),
        ("SENTRY_TRACES_SAMPLE_RATE", "half", "is 'half': set it to a number from 0 to 1"),
        ("METRICS_TOKEN", "shop", "has fewer than 16 characters, which may be guessed: make one"),
        ("WEB_PROCESSES", "two", "is 'two': set it to a whole number"),
        ("WEB_PROCESSES", "0", "is 0: set it to 1 or more"),
        ("NUM_PROXIES", "-1", "is -1: set it to 0 or more"),
        ("NUM_PROXIES", "$PROXIES", "is '$PROXIES': set it to a whole number"),
        ("BUILD_SHARE", "half", "is 'half': set it to a number"),
        ("DEBUG", "$DEBUG", "is '$DEBUG': set it to 1 or 0"),
        ("BEHIND_TLS", "maybe", "is 'maybe': set it to 1 or 0"),
        ("LOG_FORMAT", "$LOG_FORMAT", "is '$log_format': set it to one of text, json"),
        ("METRICS_TOKEN", "$short", "has fewer than 16 characters, which may be guessed: make one"),
        ("DATABASE_URL", "$DB", "is no address: set it to one like postgres://"),
        ("REDIS_URL", "$REDIS", "is no address: set it to one like redis://"),
        ("DATABASE_URL", "postgres://shop:a/b@db:5432/shop", "is no address: set it to one like postgres://"),
        ("DATABASE_URL", "mysql://shop@db/shop", "is no address: set it to one like postgres://"),
        ("DATABASE_URL", "shop", "is no address: set it to one like postgres://"),
        ("REDIS_URL", "redis://:a/b@redis:6379", "is no address: set it to one like redis://"),
        ("FETCH_NETWORKS", "10.20.0.0/16,shop", "names no network ('shop' does not appear to be"),
        ("FETCH_NETWORKS", "10.20.0.1/16", "names no network (10.20.0.1/16 has host bits set): write it like"),
        ("FETCH_CONTACT", "https://shöp.example", "goes into a header: write a page or an address of mail"),
        ("SENTRY_DSN", "https://sentry.example/7", "is no DSN (Missing public key): copy it from"),
        ("STOREFRONT_KEY", "sk_0123456789", "is no publishable key (pk_...), and anybody can read the page"),
        ("SENTRY_DSN", "key", "is no DSN (Unsupported scheme ''): copy it from"),
    ],
)
def test_a_value_that_cannot_be_used_ends_the_process_with_its_name_and_the_cure(name, value, told, tmp_path):
    done = started("manage.py", "check", var=tmp_path, **{name: value})
    assert done.returncode == 2
    assert done.stderr.startswith(f"lamplight: {name} {told}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "program", [("-m", "config.web"), ("-m", "config.stack"), ("-m", "celery", "-A", "config", "worker")]
)
def test_so_it_does_whichever_process_it_is(program, tmp_path):
    done = started(*program, var=tmp_path, LOG_FORMAT="xml")
    assert (done.returncode, done.stderr) == (2, "lamplight: LOG_FORMAT is 'xml': set it to one of text, json\n")


def started(*program: str, var: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *program],
        env={**os.environ, "LAMPLIGHT_VAR": str(var), **environment},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
    )
