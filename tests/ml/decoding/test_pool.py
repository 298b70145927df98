"""Photos are decoded in processes of their own. Whatever a photo does to one, the others go on."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image
from prometheus_client import REGISTRY

from ml.decoding import messages, pool
from ml.decoding.headers import Header
from ml.decoding.pool import Decoders, needed
from ml.decoding.problems import DecodersBusy, UnreadablePhoto
from ml.images import MAX_BYTES, MAX_PIXELS, WHOLE, AtLeast
from tests.bombs import AVIF_THAT_LIES, encoded, png_of_profiles, png_of_work, webp_of_nothing

ROOT = Path(__file__).resolve().parents[3]
RED = Image.new("RGB", (40, 30), (255, 0, 0))
PHOTO = encoded(RED, "PNG")


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    own = Decoders(places=2)
    yield own
    own.end()


@pytest.fixture(scope="module")
def costly() -> bytes:
    """A photo that takes some seconds to decode."""
    return png_of_work()


def running() -> set[int]:
    """The decoders that this process has."""
    own = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "-f", "ml.decoding.process"], capture_output=True, text=True, check=False
    )
    return {int(pid) for pid in own.stdout.split()}


def computed(pid: int) -> float:
    """The seconds that a process has computed; none if it has ended."""
    with suppress(OSError):
        user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return 0


def test_a_photo_comes_back_as_it_would_in_this_process(decoders):
    photo = decoders.shrunk(PHOTO, 20)
    assert (type(photo), photo.mode, photo.size, photo.info) == (Image.Image, "RGB", (20, 15), {})
    assert photo.getpixel((3, 3)) == (255, 0, 0)
    assert decoders.scaled(PHOTO, AtLeast(shorter=15), WHOLE).size == (20, 15)
    assert decoders.scaled(PHOTO, AtLeast(longer=30), (0, 0, 0.5, 1)).size == (20, 30)


@pytest.mark.parametrize("size", [(20_460, 1023), (31_620, 1581), (7071, 7071)])
def test_the_largest_and_longest_photos_come_back_as_they_are_where_their_shorter_side_is_looked_at(decoders, size):
    before = running()
    photo = decoders.scaled(encoded(Image.new("RGB", size, (255, 0, 0)), "JPEG"), AtLeast(shorter=size[1]), WHOLE)
    assert (photo.size, photo.getpixel((size[0] - 1, size[1] - 1))) == (size, (254, 0, 0))
    assert len(running() - before) == 1


def test_a_decoder_serves_one_photo_after_the_other(decoders):
    before = running()
    for _ in range(5):
        decoders.shrunk(PHOTO, 20)
    with suppress(UnreadablePhoto):
        decoders.shrunk(PHOTO[:60], 20)
    assert len(running() - before) == 1


def test_threads_have_decoders_of_their_own(decoders):
    with ThreadPoolExecutor(6) as threads:
        sizes = list(threads.map(lambda side: decoders.shrunk(PHOTO, side).width, [16, 18, 20, 22, 24, 26] * 5))
    assert sizes == [16, 18, 20, 22, 24, 26] * 5


def test_a_photo_that_computes_too_long_is_refused_and_its_decoder_ended(costly):
    hasty = Decoders(places=1, seconds=0)
    before = running()
    began = time.monotonic()
    with pytest.raises(UnreadablePhoto) as caught:
        hasty.shrunk(costly, 1000)
    assert caught.value.code == "too_costly"
    assert time.monotonic() - began < 20
    assert running() == before
    assert hasty.shrunk(PHOTO, 20).size == (20, 15)
    hasty.end()


@pytest.mark.parametrize(
    "data",
    [AVIF_THAT_LIES, webp_of_nothing(7000), png_of_profiles(190)],
    ids=["AVIF that lies", "WebP of nothing", "profiles"],
)
def test_a_bomb_is_refused_or_read_within_its_memory(decoders, data):
    with suppress(UnreadablePhoto):
        assert decoders.shrunk(data, 100).size == (64, 64)
    (decoder,) = decoders._idle
    status = Path(f"/proc/{decoder.pid}/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
    assert peak < 200_000_000 + needed(Header("WEBP", 49_000_000), 0) * (b"WEBP" in data[:16])


def test_an_avif_may_not_be_larger_than_it_claims(decoders):
    with pytest.raises(UnreadablePhoto) as caught:
        decoders.shrunk(AVIF_THAT_LIES, 100)
    assert caught.value.code in ("corrupt", "too_costly")


def test_a_decoder_that_was_killed_is_replaced(decoders):
    before = running()
    decoders.shrunk(PHOTO, 20)
    (pid,) = running() - before
    os.kill(pid, signal.SIGKILL)
    assert decoders.shrunk(PHOTO, 20).size == (20, 15)


def test_a_photo_whose_decoders_are_killed_three_times_is_refused(decoders, costly):
    before = running()
    killed: list[int] = []

    def kill() -> None:
        while len(killed) < pool.TRIES:
            for pid in running() - before - {*killed}:
                if computed(pid) > 0.5:  # Starting takes less.
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(UnreadablePhoto) as caught:
        decoders.shrunk(costly, 1000)
    killer.join()
    assert (caught.value.code, len(killed)) == ("too_costly", 3)


def test_a_decoder_that_cannot_start_is_no_fault_of_the_photo(decoders, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DecodersBusy):
        decoders.shrunk(PHOTO, 20)


def test_a_process_with_a_thousand_open_files_decodes_photos(decoders):
    open_files = [os.open("/dev/null", os.O_RDONLY) for _ in range(1_050)]
    try:
        assert decoders.shrunk(PHOTO, 20).size == (20, 15)
    finally:
        for file in open_files:
            os.close(file)


def test_a_decoder_for_which_there_is_no_descriptor_is_no_fault_of_the_photo(decoders, monkeypatch):
    def no_more() -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(messages, "shared_memory", no_more)
    with pytest.raises(DecodersBusy):
        decoders.shrunk(PHOTO, 20)


def test_slow_photos_hold_up_no_others_and_one_too_many_is_told_to_come_again(monkeypatch):
    monkeypatch.setattr(pool, "QUICK", 0.5)
    slower = png_of_work(5500)  # Two of the largest would not have memory enough.
    hurried = Decoders(places=2, slow_places=1, patience=5)
    with ThreadPoolExecutor(2) as threads:
        slow = [threads.submit(hurried.shrunk, slower, 1000) for _ in range(2)]
        time.sleep(0.8)
        began = time.monotonic()
        assert hurried.shrunk(PHOTO, 20).size == (20, 15)
        assert time.monotonic() - began < 2
        outcomes = [type(one.exception()) for one in slow]
    assert outcomes.count(DecodersBusy) == 1
    hurried.end()


def test_waiting_for_a_place_is_bounded(costly):
    one = Decoders(places=1, patience=0.1)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(one.shrunk, costly, 1000)
        time.sleep(0.5)
        with pytest.raises(DecodersBusy, match="Try again in a few seconds"):
            one.shrunk(PHOTO, 20)
        assert slow.result().size == (1000, 1000)
    one.end()


def test_the_largest_photo_of_each_format_has_memory():
    for kind in pool.BYTES_A_PIXEL:
        assert needed(Header(kind, MAX_PIXELS), MAX_BYTES) <= pool.MEMORY


def test_a_process_that_serves_customers_has_decoders_at_once_and_ends_with_them():
    code = (
        "import subprocess, os; from ml.decoding import pool; pool.serve_customers();"
        "print(subprocess.run(['pgrep', '-P', str(os.getpid()), '-f', 'ml.decoding.process'],"
        " capture_output=True, text=True).stdout)"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    started = told.stdout.split()
    assert len(started) == pool.PLACES
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)


def test_photos_are_decoded_under_a_limit_that_the_shop_was_started_with():
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30));"
        "from ml.decoding import pool; photo = sys.stdin.buffer.read();"
        "print([pool.decoders.shrunk(photo, side).size for side in (20, 16)])"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, input=PHOTO, capture_output=True, check=True)
    assert told.stdout == b"[(20, 15), (16, 12)]\n"


def test_decoders_end_when_their_owner_is_killed():
    code = "import os, signal; from ml.decoding import pool; pool.decoders.start(); print(os.getpid(), flush=True);"
    code += "print([one.pid for one in pool.decoders._idle], flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    pids = told.stdout.splitlines()[1].strip("[]").split(", ")
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_forked_process_starts_decoders_of_its_own(decoders):
    decoders.shrunk(PHOTO, 20)
    pool.decoders.shrunk(PHOTO, 20)
    if not (child := os.fork()):
        try:
            os._exit(0 if pool.decoders.shrunk(PHOTO, 20).size == (20, 15) else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert pool.decoders.shrunk(PHOTO, 20).size == (20, 15)


def test_what_becomes_of_photos_is_counted(decoders):
    def counted(outcome: str) -> float:
        return REGISTRY.get_sample_value("lamplight_decoder_photos_total", {"outcome": outcome}) or 0

    before = {outcome: counted(outcome) for outcome in ("decoded", "corrupt")}
    decoders.shrunk(PHOTO, 20)
    with pytest.raises(UnreadablePhoto):
        decoders.shrunk(PHOTO[:60], 20)
    assert {outcome: counted(outcome) - number for outcome, number in before.items()} == {"decoded": 1, "corrupt": 1}
    assert REGISTRY.get_sample_value("lamplight_decoder_places_in_use", {"lane": "quick"}) == 0
