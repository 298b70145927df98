"""A real shop of several processes, scraped by hand and by a real Prometheus."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from config.settings import BASE_DIR
from tests.installation import Installation, free_port, wait_for
from tests.operations.monitoring.scraped import DEPLOY, alert_rules, dashboard_expressions, samples

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PHOTO = BASE_DIR / "demo" / "catalog" / "photos" / "LAM-001-1.webp"
TOKEN = "a-token-of-the-shop"


class Shop:
    """Two web processes and a worker."""

    def __init__(self, installation: Installation, port: int) -> None:
        self.url, self.port = f"http://127.0.0.1:{port}", port
        self.web = installation.start("-m", "config.web")
        wait_for(self.is_ready, "the web server")
        installation.worker()

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=30).ok
        except requests.ConnectionError:
            return False

    def search(self, times: int) -> None:
        for _ in range(times):
            answer = requests.post(f"{self.url}/api/v1/search/", files={"image": PHOTO.read_bytes()}, timeout=60)
            assert answer.status_code == 200

    def text(self) -> str:
        answer = requests.get(f"{self.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
        assert answer.status_code == 200
        return answer.text

    def value(self, name: str) -> float:
        return samples(self.text()).get(name, 0)

    def processes(self) -> set[int]:
        children = Path(f"/proc/{self.web.pid}/task/{self.web.pid}/children").read_text().split()
        return {int(pid) for pid in children}


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Iterator[Shop]:
    port = free_port()
    settings = {"PORT": str(port), "WEB_PROCESSES": "2", "METRICS_TOKEN": TOKEN, "SEARCH_THROTTLE": "off"}
    with Installation(tmp_path_factory.mktemp("shop") / "var", **settings) as installation:
        yield Shop(installation, port)


def test_the_counts_of_all_processes_add_up_and_survive_the_death_of_one(shop):
    searches = "lamplight_searches_total{kind=photo,outcome=empty}"
    shop.search(8)
    assert shop.value(searches) == 8
    wait_for(
        lambda: shop.value("lamplight_tasks_total{state=success,task=search.tasks.index_pending}") >= 1, "the worker"
    )
    wait_for(lambda: shop.value("lamplight_web_lane_threads{lane=search}") == 8, "both web processes")
    before = shop.processes()
    os.kill(min(before), signal.SIGKILL)
    wait_for(lambda: shop.value("lamplight_web_lane_threads{lane=search}") == 4, "its live metrics to go")
    wait_for(lambda: len(shop.processes() - before) == 1, "another process")
    wait_for(lambda: shop.value("lamplight_web_lane_threads{lane=search}") == 8, "both web processes")
    assert shop.value(searches) == 8
    shop.search(4)
    assert shop.value(searches) == 12
    assert shop.value("lamplight_search_stage_duration_seconds_count{kind=photo,stage=encode}") == 12


def test_what_is_refused_is_counted_at_whichever_door_and_what_is_wrong_in_itself_is_not(shop):
    def refused(reason: str) -> float:
        return shop.value(f"lamplight_refusals_total{{reason={reason}}}")

    def answered(view: str, method: str, status: int) -> float:
        return shop.value(f"lamplight_http_requests_total{{method={method},status={status},view={view}}}")

    before = refused("forbidden"), refused("request_too_large")
    assert requests.post(f"{shop.url}/admin/login/", timeout=30).status_code == 403  # Without a CSRF token.
    large = {"Content-Length": "99999999"}
    assert requests.request("GET", f"{shop.url}/", headers=large, timeout=30).status_code == 413
    assert requests.post(f"{shop.url}/api/v1/search/", timeout=30).status_code == 400
    assert requests.get(f"{shop.url}/", headers={"Host": "other"}, timeout=30).status_code == 400
    assert requests.request("MADE", f"{shop.url}/api/v1/search/", timeout=30).status_code == 405
    assert (refused("forbidden"), refused("request_too_large")) == (before[0] + 1, before[1] + 1)
    assert (answered("admin", "write", 403), answered("search", "write", 400), answered("search", "write", 405)) == (
        1,
        1,
        1,
    )
    text = shop.text()
    assert 'reason="required"' not in text
    assert 'reason="method_not_allowed"' not in text
    assert "MADE" not in text


def test_every_task_that_ended_was_begun(shop):
    ended = "lamplight_tasks_total{state=success,task=search.tasks.index_pending}"
    begun = "lamplight_tasks_begun_total{task=search.tasks.index_pending}"
    wait_for(lambda: shop.value(begun) == shop.value(ended) >= 1, "the tasks")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool: apt-get install prometheus")
def test_prometheus_finds_nothing_to_complain_of(shop):
    shop.search(1)
    checked = subprocess.run(["promtool", "check", "metrics"], input=shop.text(), capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.fixture
def prometheus(shop, tmp_path) -> Iterator[str]:
    """The address of a Prometheus with our configuration, which scrapes the shop each second."""
    if shutil.which("prometheus") is None:
        pytest.skip("no Prometheus: apt-get install prometheus")
    folder = Path(shutil.copytree(DEPLOY / "prometheus", tmp_path / "prometheus"))
    config = yaml.safe_load((folder / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{shop.port}"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (folder / "metrics-token").write_text(TOKEN)
    port = free_port()
    # Debian's keeps what it scraped in a folder of the machine, and would answer with that of a former run, too.
    kept = f"--storage.tsdb.path={tmp_path / 'kept'}"
    command = ["prometheus", "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}", kept]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def ask(prometheus: str, expression: str) -> list[dict]:
    """The samples of an expression; none before Prometheus is ready."""
    try:
        answered = requests.get(f"{prometheus}/api/v1/query", {"query": expression}, timeout=10)
    except requests.ConnectionError:
        return []
    if answered.status_code == 503:
        return []
    answer = answered.json()
    assert answer["status"] == "success", (expression, answer)
    return list(answer["data"]["result"])


def test_a_real_prometheus_reads_the_shop_and_its_alerts_and_panels_can_be_asked(shop, prometheus):
    shop.search(2)
    wait_for(lambda: [one["value"][1] for one in ask(prometheus, 'up{job="lamplight"}')] == ["1"], "a scrape", 30)

    def rate_is_seen() -> bool:
        shop.search(1)  # Between two scrapes: what came before the first is no rate.
        return bool(ask(prometheus, "sum(rate(lamplight_searches_total[1m])) > 0"))

    wait_for(rate_is_seen, "a rate", 30)
    for expression in dashboard_expressions():
        ask(prometheus, expression)
    firing = {rule["alert"] for rule in alert_rules() if ask(prometheus, rule["expr"])}
    assert "LamplightNeverBackedUp" in firing
    assert firing.isdisjoint({"LamplightDown", "LamplightDatabaseDown", "LamplightRedisDown", "LamplightErrors"})
    rules = requests.get(f"{prometheus}/api/v1/rules", timeout=10).json()["data"]["groups"]
    assert {rule["health"] for group in rules for rule in group["rules"]} <= {"ok", "unknown"}
