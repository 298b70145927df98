"""A hostile client: sends a real site thousands of requests that no honest client sends, and tells what came back.

A tenth is drawn from the site's own OpenAPI schema. The others are hostile by kind (benchmarks.hostile_requests):
charsets, halves of surrogate pairs, huge numbers, torn photos, wrong methods and hosts, traversal, filters of the
admin. Half are sent as staff. No answer may be a 5xx but a 503. It writes and deletes: never point it at a shop that
is in use. A site named by --url has to run with SEARCH_THROTTLE, PAGE_THROTTLE and PHOTO_THROTTLE off, or most of the
answers are 429.
"""

import argparse
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import hypothesis
import requests
import schemathesis
from hypothesis import strategies
from schemathesis.core.result import Ok
from tqdm import tqdm

from benchmarks.hostile_requests import DEMO, KINDS, Asked
from benchmarks.shop import Network, data_folder

EXAMPLES = """examples:
  python -m benchmarks.hostile
  python -m benchmarks.hostile --requests 2000 --seed 7
  python -m benchmarks.hostile --url http://127.0.0.1:8000 --user admin --password secret

exit status: 0 every answer was one, 1 there was a 5xx other than 503, or no answer
"""
CLIENTS = 4
SECONDS = 60  # to wait for an answer
NO_ANSWER = 0
SCHEMA = "schema"
# One of so many requests is drawn from the schema: to invent one takes longer than an answer.
SHARE = 10


@dataclass
class Site:
    """The site and what it answered."""

    url: str
    folder: Path
    """Where requests are kept that were answered with a 5xx."""
    cookies: dict[str, str] = field(default_factory=dict)
    """Of a member of staff; empty without."""
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")

    def log_in(self, user: str, password: str) -> None:
        """Raises SystemExit where the site does not take them."""
        session = requests.Session()
        page = f"{self.url}/admin/login/"
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', session.get(page, timeout=SECONDS).text)
        form = {"username": user, "password": password, "csrfmiddlewaretoken": token and token[1]}
        session.post(page, data=form, headers={"Referer": page}, timeout=SECONDS)
        self.cookies = {name: value or "" for name, value in session.cookies.get_dict().items()}
        if "sessionid" not in self.cookies:
            sys.exit(f"hostile: {self.url} does not let {user} into its admin")

    def send(self, kind: str, number: int, asked: Asked, as_staff: bool) -> None:
        """Send a request and count its answer."""
        sent = {**asked, "url": asked.get("url") or self.url + asked["path"]}
        sent.pop("path", None)
        if as_staff and self.cookies:
            sent["headers"] = {
                "X-CSRFToken": self.cookies["csrftoken"],
                "Referer": self.url,
                **(sent.get("headers") or {}),
            }
            sent["cookies"] = self.cookies
        try:
            prepared = requests.Request(**sent).prepare()
        except ValueError:  # requests itself refuses to send it.
            return
        begun = time.perf_counter()
        try:
            status = requests.Session().send(prepared, timeout=SECONDS, allow_redirects=False).status_code
        except requests.RequestException:
            status = NO_ANSWER
        told = f"{kind} {number}: {prepared.method} {prepared.url}"[:200]
        self.slowest = max(self.slowest, (time.perf_counter() - begun, told))
        self.answers[kind, status] += 1
        if status == NO_ANSWER or (status >= 500 and status != 503):
            file = self.folder / f"{kind}-{number}.http"
            file.write_bytes(as_bytes(prepared))
            self.failures.append(
                f"{status or 'no answer'}  {told}\n     nc {self.url.partition('//')[2].replace(':', ' ')} < {file}"
            )


def as_bytes(sent: requests.PreparedRequest) -> bytes:
    """The request as it went over the wire."""
    lines = [f"{sent.method} {sent.path_url} HTTP/1.1".encode(), b"Host: localhost", b"Connection: close"]
    lines += [
        name.encode() + b": " + (v if isinstance(v, bytes) else v.encode("latin-1")) for name, v in sent.headers.items()
    ]
    body = sent.body or b""
    return b"\r\n".join([*lines, b"", body if isinstance(body, bytes) else str(body).encode()])


def attack(site: Site, count: int, seed: int) -> None:
    """Send so many requests, CLIENTS at once. The same seed sends the same."""
    invented = from_schema(site.url, count // SHARE, seed)

    def one(number: int) -> None:
        random = Random(f"{seed}-{number}")
        as_staff = random.random() < 0.5
        if number < len(invented):
            site.send(SCHEMA, number, invented[number], as_staff)
        else:
            kind = random.choice(KINDS)
            site.send(kind.__name__, number, kind(random), as_staff or kind.__name__.startswith("admin"))

    numbers = list(range(count))
    Random(seed).shuffle(numbers)
    with ThreadPoolExecutor(CLIENTS) as clients:
        for _ in tqdm(clients.map(one, numbers), total=count, desc="asking", leave=False):
            pass


def from_schema(url: str, count: int, seed: int) -> list[Asked]:
    """Requests that the site's schema allows, and some that it does not."""
    schema = schemathesis.openapi.from_url(f"{url}/api/schema/?format=json")
    modes = schemathesis.GenerationMode
    operations = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    every = [operation.as_strategy(mode) for operation in operations for mode in modes]
    found: list[Asked] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=max(1, count), deadline=None, database=None, phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @hypothesis.given(strategies.one_of(every))
    def invent(case: Any) -> None:
        found.append(case.as_transport_kwargs(base_url=url))

    invent()
    return found


@contextmanager
def own_site(folder: Path) -> Iterator[tuple[Site, int]]:
    """The real stack on the sample catalogue in a folder of its own, and the process id of its web server."""
    with data_folder(Network.from_text("efficientnet_lite0:imagenet")):
        import django

        django.setup()
        from django.core.management import call_command

        from config.stack.preparation import ADMIN
        from config.stack.site import running

        call_command("migrate", verbosity=0)
        call_command("import_catalog", DEMO / "catalog" / "catalog.csv", quiet=True)
        with running() as stack:
            stack.wait_until_indexed()
            site = Site(stack.url, folder)
            site.log_in(ADMIN, (Path(os.environ["LAMPLIGHT_VAR"]) / "admin-password").read_text())
            yield site, stack.pid("web")


def peak_memory(pid: int) -> int:
    """The most memory, in bytes, that a process or one that it started has had at once."""
    status = Path(f"/proc/{pid}/status").read_text()
    own = re.search(r"VmHWM:\s+(\d+) kB", status)
    children = [child for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]
    return max([int(own[1]) * 1_000 if own else 0, *(peak_memory(int(child)) for child in children)])


def report(site: Site, memory: int | None) -> str:
    """What came back, as tables."""
    statuses = sorted({status for _, status in site.answers})
    lines = ["kind           " + "".join(f"{status or 'none':>7}" for status in statuses)]
    for kind in sorted({kind for kind, _ in site.answers}):
        lines.append(f"{kind:<15}" + "".join(f"{site.answers[kind, status] or '':>7}" for status in statuses))
    totals = [sum(count for (_, status), count in site.answers.items() if status == one) for one in statuses]
    lines.append(f"{'all':<15}" + "".join(f"{total:>7}" for total in totals))
    seconds, told = site.slowest
    lines += ["", f"slowest answer: {seconds:.2f} s, {told}"]
    lines += [f"most memory of a web process: {memory / 1e6:.0f} MB"] if memory else []
    lines += [f"{len(site.failures)} answers were a failure of the site", *site.failures]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hostile",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--requests", type=int, default=20_000, help="how many to send (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed sends the same requests (%(default)s)")
    parser.add_argument("--url", help="a site that runs, instead of one of its own")
    parser.add_argument("--user", help="a member of staff there, for requests to the admin")
    parser.add_argument("--password", default="", help="their password")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="hostile-"))
    if options.url:
        site, memory = Site(options.url.rstrip("/"), folder), None
        if options.user:
            site.log_in(options.user, options.password)
        attack(site, options.requests, options.seed)
    else:
        with own_site(folder) as (site, pid):
            attack(site, options.requests, options.seed)
            memory = peak_memory(pid)
    print(report(site, memory))
    return 1 if site.failures else 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # The site needs the other cores.
    sys.exit(main())
