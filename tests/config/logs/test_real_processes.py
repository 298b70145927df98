"""A real web server and worker: from a customer's complaint to its lines, and nothing of what customers sent."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
import requests

from config.embedded.postgresql_server import PostgreSQLServer
from config.embedded.server_process import Users
from config.logs.privacy import LEFT_OUT
from config.settings import BASE_DIR
from config.version import VERSION
from tests.config.logs.sentry_server import SentryServer, sentry_server
from tests.conftest import picture
from tests.installation import Installation, free_port, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PHOTO = BASE_DIR / "demo" / "catalog" / "photos" / "LAM-001-1.webp"
# Part of all that is sent and must be in no line and no report.
MARK = "markzq"
# Somebody of the staff, a task that fails with an error that quotes its argument, and one that no worker knows.
SET_UP = f"""
from django.contrib.auth import get_user_model
from rest_framework.authtoken.models import Token
from config import celery_app
from search.tasks import drop_space
drop_space.delay("{MARK}-argument")
celery_app.send_task("shop.gone", ["{MARK}-argument"])
print(Token.objects.create(user=get_user_model().objects.create_superuser("eva", password="x")).key)
"""
QUEUES = "celery,maintenance"  # Of a worker, whose name these are.
# A failure, a task that failed, one that no worker knows, and a worker's child that was killed.
REPORTED = {"/api/v1/search/text/", "search.tasks.drop_space", "celery.worker.consumer.consumer", "multiprocessing"}


@dataclass
class Shop:
    """What a shop with LOG_FORMAT=json and a Sentry of its own wrote and reported."""

    installation: Installation
    sentry: SentryServer
    url: str
    key: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    """X-Request-ID of each answer, by what was asked."""
    statuses: dict[str, int] = field(default_factory=dict)

    def ask(self, name: str, method: str, path: str, **request: Any) -> requests.Response:
        headers = {"Referer": f"https://{MARK}-referer.example", "User-Agent": f"{MARK}-agent"}
        cookies = {"sessionid": f"{MARK}-session", "other": f"{MARK}-cookie"}
        request = {"headers": headers, "cookies": cookies, "timeout": 60, **request}
        answer = requests.request(method, self.url + path, **request)
        self.ids[name], self.statuses[name] = answer.headers["X-Request-Id"], answer.status_code
        return answer

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.installation.log().splitlines()]

    def lines_of(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line.get("request_id") == self.ids[name]]

    def has_line(self, name: str) -> bool:
        return any(line["event"] == "request" for line in self.lines_of(name))

    def reports(self) -> set[str]:
        """What was reported: a request or a task, otherwise who logged it."""
        return {one.get("transaction") or one["logger"] for one in list(self.sentry.events)}

    def sql(self, statement: str) -> None:
        server = PostgreSQLServer(self.installation.var, Users(self.installation.var / ".users.lock"))
        with psycopg.connect(host=str(server.socket_folder), dbname="lamplight", user="lamplight") as connection:
            connection.execute(statement)


def ask_everything(shop: Shop) -> None:
    """Searches, refusals, wrong passwords and failures, each with a mark in all that a customer may send."""
    words = {"q": f"{MARK}-words"}
    photo = {"image": (f"{MARK}-photo.webp", PHOTO.read_bytes())}
    token = {"Authorization": f"Token {MARK}-token"}
    shop.ask("words", "GET", "/api/v1/search/text/", params=words)
    shop.ask("photo", "POST", "/api/v1/search/", files=photo, data={"mode": "words", "words": f"{MARK}-beside"})
    shop.ask("no photo", "POST", "/api/v1/search/", files={"image": (f"{MARK}.jpg", f"{MARK}".encode())})
    shop.ask("wrong key", "GET", "/api/v1/products/", headers={"Authorization": f"Bearer pk_{MARK}"})
    shop.ask("wrong token", "GET", "/api/v1/products/", headers=token)
    shop.ask("wrong number", "GET", "/api/v1/products/", params={"price_min": MARK})
    shop.ask("NUL", "GET", "/api/v1/search/text/", params={"q": f"{MARK}\0"})
    shop.ask("basket", "POST", "/api/v1/baskets/", json={"budget": MARK, "things": [{"sku": MARK}]})
    shop.ask("broken JSON", "POST", "/api/v1/events/", data=f'{{"{MARK}', headers={"Content-Type": "application/json"})
    shop.ask("charset", "GET", f"/?{MARK}", headers={"Content-Type": "text/plain; charset=hex"})
    shop.ask("many fields", "GET", f"/admin/login/?{'&'.join([MARK] * 1_001)}")
    shop.ask("unsafe id", "GET", "/nowhere", headers={"X-Request-ID": f"{MARK} a b"})
    with requests.Session() as session:
        login = f"{shop.url}/admin/login/"
        session.get(login, timeout=60)
        form = {
            "username": "admin",
            "password": f"{MARK}-password",
            "csrfmiddlewaretoken": session.cookies["csrftoken"],
        }
        answer = session.post(f"{login}?next=/admin/{MARK}", data=form, timeout=60)
        assert "correct username and password" in answer.text
        shop.ask("forged form", "POST", "/admin/login/", data={"password": f"{MARK}-password"})
    shop.sql("ALTER TABLE catalog_product RENAME COLUMN search_vector TO gone")
    shop.ask("failure", "GET", "/api/v1/search/text/", params=words, headers={"X-Request-ID": "failure-1"})


def upload(shop: Shop) -> None:
    """A product's photo, of which the worker is told by the request itself."""
    token = shop.installation.manage("shell", "-v0", "-c", SET_UP).split()[-1]
    staff = {"Authorization": f"Token {token}"}
    for path, body in (
        ("categories/", {"slug": "lamp", "name": "Lamp"}),
        ("products/", {"sku": "L-1", "name": "Lamp", "category": "lamp"}),
    ):
        assert requests.post(f"{shop.url}/api/v1/{path}", json=body, headers=staff, timeout=60).status_code == 201
    wait_for(lambda: sum("task" in line for line in shop.lines()) >= 3, "the worker's first tasks")
    image = {"image": (f"{MARK}.png", picture("red"))}
    shop.ask("upload", "POST", "/api/v1/products/L-1/photos/", files=image, headers=staff)
    shop.key = shop.installation.manage("make_key", "secret", "--name", "logs", "--scope", "read").split()[-1]
    shop.ask("key", "GET", "/api/v1/products/", headers={"Authorization": f"Bearer {shop.key}"})


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Iterator[Shop]:
    port = free_port()
    with sentry_server() as sentry:
        settings = {"LOG_FORMAT": "json", "SENTRY_DSN": sentry.dsn, "SENTRY_ENVIRONMENT": "test"}
        var = tmp_path_factory.mktemp("logs") / "var"
        with Installation(var, PORT=str(port), SEARCH_THROTTLE="off", **settings) as installation:
            shop = Shop(installation, sentry, f"http://127.0.0.1:{port}")
            installation.start("-m", "config.web")
            celery = ("celery", "-A", "config", "--quiet", "worker", "-Q", QUEUES, "--concurrency", "1")
            worker = installation.start("-m", *celery)
            wait_for(lambda: " ready." in installation.log() and "Listening at" in installation.log(), "the shop")
            upload(shop)
            ask_everything(shop)
            wait_for(lambda: len([line for line in shop.lines_of("upload") if "task" in line]) > 0, "the upload's task")
            kill_a_child(worker.pid)
            wait_for(lambda: shop.reports() >= REPORTED, "the reports", 30)
            wait_for(lambda: all(shop.has_line(name) for name in shop.ids), "the requests' lines", 30)
            yield shop


def kill_a_child(pid: int) -> None:
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=True).stdout.split()
    os.kill(int(children[-1]), signal.SIGKILL)


def test_every_line_is_an_object_that_says_when_where_and_how_grave(shop):
    lines = shop.lines()
    assert len(lines) > 30
    for line in lines:
        assert {"time", "level", "logger", "event", "process", "pid"} <= set(line), line
    assert {line["process"] for line in lines} == {"web", QUEUES}


def test_each_request_and_each_task_has_one_line(shop):
    for name, request_id in shop.ids.items():
        [told] = [line for line in shop.lines() if line["event"] == "request" and line["request_id"] == request_id]
        assert (told["status"], "?" in told["path"]) == (shop.statuses[name], False), name
    [told] = [line for line in shop.lines() if line["event"] == "task" and line["task"] == "search.tasks.drop_space"]
    assert (told["outcome"], told["ms"] > 0, len(told["task_id"])) == ("failure", True, 36)


def test_the_answers_are_of_all_kinds(shop):
    assert set(shop.statuses.values()) == {200, 201, 400, 401, 403, 404, 500}


def test_no_line_and_no_report_holds_anything_that_was_sent(shop):
    wrote = [*shop.installation.log().splitlines(), *shop.sentry.bodies]
    wrote += [line for log in (shop.installation.var / "log").glob("*") for line in log.read_text().splitlines()]
    assert [line for line in wrote if MARK in line.lower()] == []


def test_of_a_key_its_prefix_is_told(shop):
    [told] = shop.lines_of("key")
    assert (told["status"], f"{told['key']}_") == (200, shop.key[:14])
    assert shop.key[14:] not in shop.installation.log()


def test_an_id_leads_from_an_answer_to_its_search_and_to_all_its_lines(shop):
    [(kind, results)] = shop.installation.rows(
        "SELECT kind, results FROM search_query WHERE request_id = %s", [shop.ids["words"]]
    )
    assert (kind, results) == ("text", 0)
    lines = shop.lines_of("failure")
    assert {line["level"] for line in lines} == {"info", "error"}
    [failed] = [line for line in lines if "exception" in line]
    assert (
        "psycopg.errors.UndefinedColumn: column catalog_product.search_vector does not exist [SQLSTATE 42703]"
        in failed["exception"]
    )


def test_an_id_goes_on_with_the_task_that_the_request_sends(shop):
    [told] = [line for line in shop.lines_of("upload") if line["event"] == "task"]
    assert (told["process"], told["task"], told["outcome"]) == (QUEUES, "search.tasks.index_pending", "success")


def test_a_task_that_no_worker_knows_and_a_child_that_is_killed_are_lines(shop):
    [told] = [line for line in shop.lines() if line["logger"] == "celery.worker.consumer.consumer"]
    assert told["event"] == "Received unregistered task of type 'shop.gone'"
    [told] = [line for line in shop.lines() if line["logger"] == "multiprocessing"]
    assert "signal 9" in told["event"]


def test_server_errors_failed_tasks_and_what_dies_are_reported_and_nothing_else(shop):
    assert shop.reports() == REPORTED
    assert len(shop.sentry.events) == len(REPORTED)
    reports = {one.get("transaction"): one for one in shop.sentry.events}
    failed = reports["/api/v1/search/text/"]
    assert failed["tags"] == {"process": "web", "request_id": "failure-1"}
    assert (failed["release"], failed["environment"]) == (f"lamplight@{VERSION}", "test")
    assert failed["request"] == {"method": "GET", "url": f"{shop.url}/api/v1/search/text/"}
    assert failed["exception"]["values"][-1]["type"] == "ProgrammingError"
    assert failed["exception"]["values"][-1]["value"].endswith("search_vector does not exist [SQLSTATE 42703]")
    assert not {"user", "breadcrumbs", "extra", "modules"} & set(failed)
    assert all("vars" not in frame for frame in failed["exception"]["values"][-1]["stacktrace"]["frames"])
    task = reports["search.tasks.drop_space"]
    assert (task["tags"]["process"], len(task["tags"]["task_id"])) == (QUEUES, 36)
    assert task["exception"]["values"][-1]["value"] == LEFT_OUT
