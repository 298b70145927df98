"""The parts of the stack and the embedded servers, kept running, and told of."""

import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread

from config.embedded.server_process import EmbeddedServerError, Server
from config.logs.setup import terminal
from config.stack import process_groups
from config.stack.errors import StackError
from config.stack.log_rotation import last_line, shorten
from config.stack.part import HANGS_SECONDS, Part

STOP_SECONDS = 60  # A worker first ends its turn, which takes ten seconds and a batch.
LOOK_SECONDS = 10  # How often is looked for what hangs, and for long logs. A look takes 10 ms.
RESCUE_SECONDS = 5  # A server starts in 0.2 to 4 s, and is then stopped with the stack.
# With less free on the disk, what dies at once is tried until there is space: beat cannot keep its schedule then, and
# searches go on without it.
FULL_BYTES = 50_000_000
STATE = "parts.json"


class Supervisor:
    """Keeps parts and servers running as long as `tend` is called every second or so.

    It has one thread, and a second one while a server is started: PostgreSQL may replay its log for minutes.
    """

    def __init__(self, home: Path, folder: Path, environment: Mapping[str, str], servers: Iterable[Server]) -> None:
        """Parts are started in `home`; `folder` is the data folder; `servers` are embedded ones, started if need be."""
        self.home = home
        self.folder = folder
        self.environment = environment
        self.parts: dict[str, Part] = {}
        self.servers = {server.name: (server, server.pid()) for server in servers}
        self.server_restarts = dict.fromkeys(self.servers, 0)
        self.next_look = self.next_rescue = 0.0
        self.rescue: Thread | None = None
        self.written = ""

    def start(self, name: str) -> None:
        """Start a part that is down."""
        self.parts[name].start(self.home, self.environment)
        self._tell_web()

    def stop(self, *names: str) -> None:
        """End parts, asked all at once and waited for STOP_SECONDS at most. They stay down until `start`."""
        parts = [self.parts[name] for name in names]
        for part in parts:
            part.ask_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for part in parts:
            part.await_stop(deadline)
        self._tell_web()

    def stop_all(self) -> None:
        self.stop(*self.parts)
        if self.rescue:
            self.rescue.join(RESCUE_SECONDS)
        (self.folder / STATE).unlink(missing_ok=True)

    def restart(self, name: str) -> None:
        self.stop(name)
        self.start(name)

    def pid(self, name: str) -> int:
        """The process id of a part, which leads a group of its own. Raises StackError while it is down."""
        pid = self.parts[name].pid
        if pid is None:
            raise StackError(f"the {name} process is down")
        return pid

    def log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"

    def tend(self) -> None:
        """Start what died, end what hangs, shorten logs. Takes a millisecond as long as nothing is wrong.

        Raises StackError when a part dies at once again and again, though the disk is not full.
        """
        now = time.monotonic()
        for part in self.parts.values():
            if cause := part.cause_of_death():
                self._plan_restart(part, cause)
            elif part.due is not None and now >= part.due:
                self._start_again(part)
        for name in self.servers:
            self._keep_up(name)
        if now >= self.next_look:
            self._look()
            self.next_look = now + LOOK_SECONDS
        self._tell_web()

    def state(self) -> dict[str, dict[str, str | int]]:
        """Of each part and server, whether it is up, and how often it was started again."""
        parts = {part.name: (part.process is not None, part.restarts) for part in self.parts.values()}
        servers = {name: (pid is not None, self.server_restarts[name]) for name, (_, pid) in self.servers.items()}
        return {
            name: {"state": "up" if up else "down", "restarts": restarts}
            for name, (up, restarts) in {**parts, **servers}.items()
        }

    def _start_again(self, part: Part) -> None:
        try:
            self.start(part.name)
            part.restarts += 1
        except OSError as error:  # There is no memory for another process, for now.
            terminal.error("the %s process cannot be started (%s) and is tried again", part.name, error.strerror)
            part.due = time.monotonic() + LOOK_SECONDS

    def _plan_restart(self, part: Part, cause: str) -> None:
        line = last_line(part.log)
        pause = part.bury()
        if part.is_hopeless() and shutil.disk_usage(self.folder).free > FULL_BYTES:
            raise StackError(f"the {part.name} process {cause} at once, again and again ({line}): see {part.log}")
        told = "the %s process %s and starts again in %g s. Its last line: %s"
        terminal.error(told, part.name, cause, pause, line)

    def _keep_up(self, name: str) -> None:
        """Start an embedded server that died, unless a process that needed it was faster."""
        server, known = self.servers[name]
        pid = server.pid()
        is_rescuing = self.rescue is not None and self.rescue.is_alive()
        if pid is None and not is_rescuing and time.monotonic() >= self.next_rescue:
            self.rescue = Thread(target=self._rescue, args=(server,), name="rescue", daemon=True)
            self.rescue.start()
        if pid is not None and pid != known:
            self.server_restarts[name] += 1
            terminal.error("%s died and was started again. Its last line: %s", name, last_line(server.log))
        self.servers[name] = (server, pid)

    def _rescue(self, server: Server) -> None:
        try:
            server.ensure_running()
        except EmbeddedServerError as error:
            terminal.error("%s", error)
            self.next_rescue = time.monotonic() + LOOK_SECONDS

    def _look(self) -> None:
        stopped = process_groups.stopped()
        for part in self.parts.values():
            if part.pid and part.hangs(stopped):
                terminal.warning("the %s process has not answered for %g s, and is killed", part.name, HANGS_SECONDS)
                process_groups.kill(part.pid)
        for log in (self.folder / "log").glob("*.log"):
            shorten(log)

    def _tell_web(self) -> None:
        """Leave the state in a file for /readyz, which ignores a file that is not touched, and for the next stack."""
        processes = [(pid, process_groups.begun_at(pid)) for part in self.parts.values() if (pid := part.pid)]
        text = json.dumps({"parts": self.state(), "processes": processes})
        file, new = self.folder / STATE, self.folder / f"{STATE}.new"
        with suppress(OSError):  # A full disk ends no stack.
            if text != self.written:
                new.write_text(text)
                new.replace(file)
                self.written = text
            os.utime(file)


def kill_leftovers(folder: Path) -> None:
    """Kill the parts that a killed supervisor left and that are still at their last work, in its data folder."""
    try:
        processes = json.loads((folder / STATE).read_text())["processes"]
    except (OSError, ValueError, KeyError):
        return
    for pid, begun in processes:
        if process_groups.begun_at(pid) == begun:
            process_groups.kill(pid)
