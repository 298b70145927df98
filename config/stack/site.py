"""The running site: its parts, what is asked of it, and how it is started and stopped."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import requests
from django.conf import settings
from tqdm import tqdm

from config.logs.setup import announce, configure_early, end, terminal
from config.stack.errors import StackError, StalledError
from config.stack.log_rotation import last_line
from config.stack.part import Part
from config.stack.preparation import prepare
from config.stack.start_checks import check_data_folder, free_port, only_stack
from config.stack.supervisor import Supervisor, kill_leftovers

READY_SECONDS = 120  # A cold start on 2 cores, modules to compile and weights to read, takes 20 s.
STALLED_SECONDS = 120  # A batch takes 5 s on 2 cores: if no photo is indexed for so long, something is wrong.
# Seconds that /readyz may take. It takes 3, and up to 20 where the model is loaded only then: it is asked again.
ANSWER_SECONDS = 10
PROBE_SECONDS = 5  # /livez takes a millisecond, and this process waits for it.
# A head is trained anew at this many times the photos that it learned from (search.head_training.CHANGED_ENOUGH).
OUTGROWN = 1.1
CELERY = ("celery", "-A", "config", "--quiet")  # Its banners are no lines of a log.
ONE = ("--concurrency", "1")
COMMANDS = {
    "worker": (*CELERY, "worker", "-n", "index@%h", *ONE),
    "maintenance": (*CELERY, "worker", "-Q", "maintenance", "-n", "maintenance@%h", *ONE),
    "fetching": (*CELERY, "worker", "-Q", "fetching", "-n", "fetching@%h", *ONE),
    "captions": (*CELERY, "worker", "-Q", "captions", "-n", "captions@%h", *ONE),
    "beat": (*CELERY, "beat"),
    "web": ("config.web",),
}
# What these workers do takes minutes and is begun anew: a cold shutdown gives it up.
COLD = ("maintenance", "captions")


def url_of(host: str, port: int) -> str:
    """The address of the site on this machine, which also answers where it listens at all addresses."""
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{own}]:{port}" if ":" in own else f"http://{own}:{port}"


class Stack(Supervisor):
    """The running parts, by name, and the site that they make."""

    def __init__(self, host: str, port: int, way_in: str) -> None:
        """`way_in` says how to log in to the admin."""
        from config.embedded import servers  # Who imports it reads the settings at its end at the latest.

        # Web server and worker share the cores: a thread of torch that waits must not spin meanwhile.
        environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "HOST": host, "PORT": str(port)}
        super().__init__(settings.BASE_DIR, settings.VAR, environment, servers.in_use())
        self.url = url_of(host, port)
        self.way_in = way_in
        self.http = requests.Session()
        self.http.trust_env = False  # The stack is on this machine: no proxy.
        for name in wanted():
            stop_signal = signal.SIGQUIT if name in COLD else signal.SIGTERM
            self.parts[name] = Part(name, COMMANDS[name], self.log(name), stop_signal)
        self.parts["web"].answers = self.is_alive

    def is_alive(self) -> bool:
        """Whether the web process answers, be it ready or not. It is busy, 503, where strangers send many probes."""
        try:
            return self.http.get(f"{self.url}/livez", timeout=PROBE_SECONDS).status_code in (200, 503)
        except requests.RequestException:
            return False

    def wait_until_ready(self) -> None:
        """Return when the site answers searches, or after READY_SECONDS if it is alive and waits for what it needs.

        Raises StackError if it does not answer by then, or its model cannot be loaded.
        """
        deadline = time.monotonic() + READY_SECONDS
        reason = "no answer"
        while time.monotonic() < deadline:
            self.tend()
            try:
                answer = self.http.get(f"{self.url}/readyz", timeout=ANSWER_SECONDS)
                if answer.ok:
                    return
                reasons = answer.json().get("reasons", {})
                reason = "; ".join(reasons.values())
                if "model" in reasons:  # It will not load however long we wait.
                    raise StackError(f"the model cannot be loaded: {last_line(self.log('web'), 'Not ready: ')}")
            except requests.RequestException:
                pass  # Not listening yet.
            time.sleep(0.2)
        if not self.is_alive():
            raise StackError(f"not ready after {READY_SECONDS} s ({reason}): see {self.log('web')}")
        terminal.warning("not ready after %g s (%s), and goes on waiting for it", READY_SECONDS, reason)

    def wait_until_indexed(self) -> dict[str, Any]:
        """Wait until no photo is pending and the head has learned from all. Returns the index state of the API.

        Raises:
            StalledError: nothing went on for STALLED_SECONDS.
            StackError: a part died again and again.
        """
        deadline = time.monotonic() + STALLED_SECONDS
        index = self.ask("GET", "index/")
        with tqdm(total=count(index, "photos"), desc="Indexing", unit="photo", disable=None) as bar:
            while True:
                done = count(index, "photos") - count(index, "pending")
                if done > bar.n:
                    deadline = time.monotonic() + STALLED_SECONDS
                    bar.update(done - bar.n)
                if done == bar.total and has_learned(index):
                    return index
                self.tend()
                if time.monotonic() > deadline:
                    if done == bar.total:
                        raise StalledError(f"the category head is not trained yet: see {self.log('maintenance')}")
                    raise StalledError(f"indexing stopped at {done} of {bar.total} photos: see {self.log('worker')}")
                time.sleep(1)
                index = self.ask("GET", "index/")

    def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """The API's answer to a request below /api/v1/. Waits while the site is throttled or is being started again.

        Raises StackError if it refuses, or is not back in READY_SECONDS.
        """
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                answer = self.http.request(method, f"{self.url}/api/v1/{path}", timeout=60, **request)
            except requests.RequestException as error:
                passing, reason = True, f"was not answered ({error})"
            else:
                if answer.ok:
                    body: dict[str, Any] = answer.json()
                    return body
                passing, reason = answer.status_code in (429, 503), f"was answered with {answer.status_code}"
                reason += f": {answer.text}"
                if answer.status_code == 429:  # SEARCH_THROTTLE is low, or somebody tries the page meanwhile.
                    deadline = time.monotonic() + READY_SECONDS
            if not passing or time.monotonic() > deadline:
                raise StackError(f"{path} {reason}; see {self.log('web')}")
            self.tend()
            time.sleep(1)

    def wait(self) -> None:
        """Keep the parts running for ever. Raises StackError when one dies again and again."""
        while True:
            self.tend()
            time.sleep(1)


def count(index: dict[str, Any], name: str) -> int:
    """The number of "photos", or of "indexed", "pending" or "rejected" ones, in all categories of an index state."""
    return sum(category[name] for category in index["categories"])


def has_learned(index: dict[str, Any]) -> bool:
    """Whether there is a head that learned from nearly all indexed photos, and so is not due to be trained anew."""
    return index["head"] is not None and count(index, "indexed") <= OUTGROWN * index["head"]["photos"]


@contextmanager
def running(announcement: str = "") -> Iterator[Stack]:
    """A stack that answers at HOST and PORT, on the data folder LAMPLIGHT_VAR. It stops at the end of the block.

    The announcement is printed once nothing stands in the way of a start.

    Raises:
        StackError: it cannot be started, or a part of it died again and again.
    """
    signal.signal(signal.SIGTERM, _exit)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it.
        signal.signal(signal.SIGHUP, _exit)
    # A shell's background jobs ignore it, and so would the parts until they take it up themselves: a worker that is
    # told to stop as it starts would go on until it is killed.
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    check_data_folder()
    configure_early()
    with only_stack():
        kill_leftovers(settings.VAR)
        port = free_port()
        if announcement:
            announce(announcement)
        stack = Stack(settings.HOST, port, prepare())
        try:
            # Customers wait for the web process alone. It would start half as fast beside three others, of which one
            # takes a core when photos are pending.
            stack.start("web")
            stack.wait_until_ready()
            for name in stack.parts:
                if name != "web":
                    stack.start(name)
            yield stack
        finally:
            with suppress(OSError):  # The terminal may be gone.
                announce("\nStopping ...")
            stack.stop_all()


def wanted() -> list[str]:
    """The processes that the shop needs. Captions are made where it has a model to make them."""
    return [name for name in COMMANDS if name != "captions" or settings.CAPTION_URL]


def welcome(stack: Stack) -> str:
    """What a person needs to know of a running stack."""
    return (
        f"\n  Page   {stack.url}/\n  API    {stack.url}/api/docs/\n  Admin  {stack.url}/admin/  {stack.way_in}\n"
        f"  Logs   {settings.VAR / 'log'}\n\nCtrl-C stops everything."
    )


def _exit(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


@contextmanager
def run_or_exit(interrupted: int = 0) -> Iterator[None]:
    """Turn a StackError into one line and exit code 1. Turn Ctrl-C into a quiet end with the code `interrupted`."""
    try:
        yield
    except StackError as error:
        end(str(error))
    except KeyboardInterrupt:
        sys.exit(interrupted)
