"""What decoding a photo in a process of its own costs, and what it keeps from harm.

First, photos of usual sizes, each decoded in this process and in a decoder in turn, and seen by a network. Then the
largest photos of each format: the seconds of computing and the memory, which the limits of ml.decoding.pool stand on.
Last, photos made to harm, eight at once, as a web process takes them, with ordinary photos beside them.

    python -m benchmarks.decoding
    python -m benchmarks.decoding --photos 200 --bombs-only
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from ml.decoding import pixels, pool
from ml.decoding.problems import DecodersBusy, UnreadablePhoto
from ml.encoder import Encoder
from ml.images import WHOLE, AtLeast
from ml.preprocessing import enough
from ml.recipes import make_recipe
from tests import bombs

# What EfficientNet-Lite2 looks at.
LEAST = AtLeast(longer=260)
SIDES = (400, 1024, 1600, 3000)
LARGEST = (8160, 6120)
# The most that a photo takes: a small region of it is kept as sharp as it is.
CORNER = (0.0, 0.0, 0.01, 0.01)
KINDS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 90},
    "JPEG, progressive": {"quality": 85, "progressive": True, "subsampling": 0},
    "JPEG, CMYK": {"quality": 85, "progressive": True},
    "PNG": {"compress_level": 1},
    "PNG, clear": {"compress_level": 1},
    "PNG, 16 bits of grey": {"compress_level": 1},
    "WEBP": {"quality": 70, "method": 0},
    "WEBP, clear": {"quality": 70, "method": 0},
    "AVIF": {"quality": 60, "speed": 10, "subsampling": "4:4:4"},
    "AVIF, clear": {"quality": 60, "speed": 10},
    "HEIF": {"quality": 60},
    "HEIF, clear": {"quality": 60},
    "GIF": {},
}
BOMBS = {
    "AVIF that lies about its size": lambda: bombs.AVIF_THAT_LIES,
    "JPEG of 2,000 scans": lambda: bombs.jpeg_of_scans(4000, 2_000),
    "JPEG of 100 scans": lambda: bombs.jpeg_of_scans(7000, 85),
    "JPEG of 4.5 million segments": lambda: bombs.jpeg_of_segments(4_500_000),
    "PNG of 19,000 profiles": lambda: bombs.png_of_profiles(19_000),
    "PNG of 190 profiles": lambda: bombs.png_of_profiles(190),
    "PNG that takes two seconds": bombs.png_of_work,
    "WebP of 38 bytes": lambda: bombs.webp_of_nothing(7000),
}


def scene(width: int, height: int) -> Image.Image:
    """A picture with as much detail as a photo's."""
    small = Image.effect_noise((width // 8, height // 8), 80).convert("RGB")
    return small.resize((width, height), Image.Resampling.BICUBIC)


def compare(photos: int) -> None:
    """Decode each photo and have EfficientNet-Lite2 see it, as a search does: so the caches are as cold as there."""
    encoder = Encoder(make_recipe("imagenet", "efficientnet_lite2"))
    encoder.warm()
    least = enough(encoder.recipe)

    def search(opened: Callable[..., Image.Image], data: bytes) -> None:
        encoder.encode([opened(data, least, WHOLE)])

    print(f"median of {photos}, in turn\n{'pixels':>14} {'bytes':>9} {'this process':>13} {'decoder':>9} {'more':>8}")
    for side in SIDES:
        data = bombs.encoded(scene(side, side * 3 // 4), "JPEG", quality=85)
        here, there = [], []
        for _ in range(photos):
            here.append(seconds(search, pixels.scaled, data))
            there.append(seconds(search, pool.decoders.scaled, data))
        ours, theirs = (statistics.median(times) * 1000 for times in (here, there))
        size = f"{side:>7} x {side * 3 // 4:>4}"
        print(f"{size} {len(data):>9,} {ours:>10.2f} ms {theirs:>6.2f} ms {theirs - ours:>5.2f} ms")


def seconds(work: Callable[..., object], *arguments: object) -> float:
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


def measure_largest() -> None:
    """Each format in a fresh process, which tells what it took."""
    print(f"\n{'of 50 megapixels':>22} {'computing':>10} {'memory':>9} {'a pixel':>9} {'allowed':>9}")
    photo = scene(*LARGEST)
    modes = {"clear": "RGBA", "CMYK": "CMYK", "16 bits of grey": "I;16"}
    for name, options in KINDS.items():
        kind, _, variant = name.partition(", ")
        mode = "P" if kind == "GIF" else modes.get(variant, "RGB")
        data = bombs.encoded(photo.convert("L" if mode == "I;16" else "RGB").convert(mode), kind, **options)
        command = [sys.executable, "-m", "benchmarks.decoding", "--one"]
        environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}
        told = subprocess.run(command, input=data, capture_output=True, check=True, env=environment).stdout.split()
        computing, memory, size = float(told[0]), int(told[1]), LARGEST[0] * LARGEST[1]
        allowed = pool.BYTES_A_PIXEL[kind]
        print(f"{name:>22} {computing:>8.1f} s {memory / 1e6:>6.0f} MB {memory / size:>7.1f} B {allowed:>7} B")


def measure_one() -> None:
    """Decode the photo on the standard input, at its own scale; print the seconds and the bytes of memory."""
    from PIL import AvifImagePlugin

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    data = sys.stdin.buffer.read()
    before, began = memory_of("self", "VmSize"), time.process_time()
    pixels.scaled(data, LEAST, CORNER)
    print(time.process_time() - began, memory_of("self", "VmPeak") - before)


def memory_of(pid: int | str, name: str) -> int:
    """A line of /proc/PID/status, in bytes; 0 once the process has ended."""
    try:
        found = re.search(rf"{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def throw_bombs() -> None:
    print(f"\n{'eight at once':>30} {'bytes':>11} {'all':>7} {'decoders':>9} {'ordinary':>9}  answers")
    ordinary = bombs.encoded(scene(1024, 768), "JPEG", quality=85)
    for name, make in BOMBS.items():
        data, decoders = make(), pool.Decoders(slow_places=pool.SLOW_PLACES, patience=pool.PATIENCE)
        decoders.start()
        with ThreadPoolExecutor(8) as threads:
            began = time.perf_counter()
            thrown = [threads.submit(attempt, decoders, data) for _ in range(8)]
            slowest, most = 0.0, 0
            while not all(one.done() for one in thrown):
                slowest = max(slowest, seconds(attempt, decoders, ordinary))
                most = max(most, sum(memory_of(pid, "VmRSS") for pid in children()))
            lasted, outcomes = time.perf_counter() - began, Counter(one.result() for one in thrown)
        decoders.end()
        told = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.most_common())
        print(f"{name:>30} {len(data):>11,} {lasted:>5.1f} s {most / 1e6:>6.0f} MB {slowest:>7.1f} s  {told}")


def attempt(decoders: pool.Decoders, data: bytes) -> str:
    try:
        decoders.scaled(data, LEAST, WHOLE)
    except UnreadablePhoto as refusal:
        return refusal.code
    except DecodersBusy:
        return "come again"
    return "read"


def children() -> list[str]:
    return [pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.decoding", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=100, help="photos of each usual size (%(default)s)")
    parser.add_argument("--bombs-only", action="store_true", help="leave out the rest")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return measure_one()
    if not options.bombs_only:
        compare(options.photos)
        measure_largest()
    throw_bombs()
    return None


if __name__ == "__main__":
    main()
