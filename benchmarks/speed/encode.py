"""How fast photos become vectors: networks beside torch and beside each other, under load, decoding, a web process.

Everything that a bar compares is measured in the same run, by contenders in turn, and given as medians. The first
network is also measured under load and in a web process.
"""

import argparse
import io
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image
from requests import ConnectionError

from benchmarks.photos import Pixels
from benchmarks.shop import Network, add_networks, data_folder
from benchmarks.speed.query import Client, jpeg
from ml.backbones import BACKBONES
from ml.encoder import Encoder
from ml.images import as_jpeg
from ml.preprocessing import preprocess
from ml.recipes import RANDOM, Recipe

if TYPE_CHECKING:
    from torch import nn

    from config.stack.site import Stack

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo" / "catalog"
CLIENTS, QUERIES, INDEXED = 16, 8, 64  # threads that ask, times that each asks, photos of a batch
WEB_QUERIES, WEB_CLIENTS = 100, 8
BATCHES_ON_A_GPU, PASSES = (1, 8, 32, 64, 128), 4
WORTH_COLLECTING = 1.25  # times the photos a second; for less, no query should wait for others
PRECISIONS = {"bf16": "bfloat16", "f32": "float32"}
COUNTS = (1, 8)  # photos that wait together
REFERENCE, TOGETHER = "torch, eager, float32", "the same, all 8 in one request"
Contender = tuple[Recipe, str, int]
"""A network, a runtime and a number of photos."""
Name = TypeVar("Name", str, Contender)

# A process that loads one network, encodes one photo and says how long that took and what it holds. It is given the
# backbone, the weights and a folder.
TORCH_PROCESS = """
import sys, torch
from ml.backbones import BACKBONES
entry = BACKBONES[sys.argv[1]]
with torch.device("meta"):
    network = entry.build()
network.set_submodule(entry.head, torch.nn.Identity())
network.load_state_dict(torch.load(f"{sys.argv[3]}/{sys.argv[1]}.pth", mmap=True), assign=True)
network.eval()
with torch.inference_mode():
    network(torch.zeros(1, 3, entry.input_size, entry.input_size))
"""
LAMPLIGHT_PROCESS = """
import sys
from pathlib import Path
from ml.encoder import Encoder
from ml.recipes import make_recipe
Encoder(make_recipe(sys.argv[2], sys.argv[1]), "cpu", cache=Path(sys.argv[3])).warm()
"""
RESIDENT = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS")))
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_networks(parser, "efficientnet_lite2:imagenet", "efficientnet_lite0:imagenet", "resnet50:random")
    parser.add_argument("--rounds", type=int, default=30, help="passes of each contender (%(default)s)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="(%(default)s)")


def run(options: argparse.Namespace) -> None:
    recipes = [network.recipe() for network in options.weights]
    if options.device == "cuda":
        for recipe in recipes:
            print(on_a_gpu(recipe, options.rounds), flush=True)
        return
    with tempfile.TemporaryDirectory(prefix="lamplight-") as folder:
        cache = Path(folder)
        print(networks(recipes, cache, options.rounds), flush=True)
        print(processes(recipes, cache), flush=True)
        for part in (concurrency, decoding):
            print(part(recipes[0], cache, options.rounds), flush=True)
    print(web_process(options.weights[0]))


def networks(recipes: Sequence[Recipe], cache: Path, rounds: int) -> str:
    """The networks' passes over photos that lie in memory, ready for each contender."""
    found = {recipe: _contenders(recipe, cache) for recipe in recipes}
    ways: dict[Contender, Callable[[], object]] = {
        (recipe, way, count): work for recipe, contenders in found.items() for (way, count), work in contenders.items()
    }
    took = _medians(ways, rounds)
    columns = ("network", "runtime", "1 photo, ms", "times as fast", "8 photos, ms", "times as fast", "photos a second")
    lines = [f"\n| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    bars = []
    for recipe in recipes:
        name = f"{recipe.backbone}, {recipe.input_size} px"
        for way in dict.fromkeys(way for way, _ in found[recipe]):
            cells = []
            for count in COUNTS:
                seconds, plain = took.get((recipe, way, count)), took[recipe, REFERENCE, count]
                cells += [f"{1000 * seconds:.1f}", f"{plain / seconds:.2f}"] if seconds else ["-", "-"]
            lines.append(f"| {name} | {way} | {' | '.join(cells)} | {COUNTS[-1] / took[recipe, way, COUNTS[-1]]:.0f} |")
        ours = next(way for way, _ in found[recipe] if way.startswith("Lamplight"))
        for count, least in zip(COUNTS, (2.5, 3), strict=True):
            gain = took[recipe, REFERENCE, count] / took[recipe, ours, count]
            bars.append(_bar(f"{name}, {count} at a time, times as fast as {REFERENCE}", gain, least))
        gain = took[recipe, ours, COUNTS[-1]] / took[recipe, TOGETHER, COUNTS[-1]]
        bars.append(
            f"- {name}: collecting {COUNTS[-1]} requests into one pass would serve {gain:.2f} times as many a second: "
            f"{'worth trying' if gain >= WORTH_COLLECTING else 'not worth it'} (from {WORTH_COLLECTING})."
        )
    return "\n".join([*lines, "", *bars])


def _contenders(recipe: Recipe, cache: Path) -> dict[tuple[str, int], Callable[[], object]]:
    """What each runtime does with so many photos, by its name and their number."""
    import torch
    from torch import nn

    from ml.openvino_networks import MODEL
    from ml.openvino_runtime import OpenvinoNetwork
    from ml.weights import load_network

    def headless() -> nn.Module:
        network = load_network(recipe)
        network.set_submodule(BACKBONES[recipe.backbone].head, nn.Identity())
        return network

    def of_torch(network: nn.Module, seen: torch.Tensor) -> Callable[[], object]:
        return torch.inference_mode()(lambda: network(seen))

    def of_openvino(network: OpenvinoNetwork, pixels: Pixels) -> Callable[[], object]:
        return lambda: network.start(pixels)()

    there = set(cache.glob(f"*/{MODEL}"))
    served, exact = (OpenvinoNetwork(recipe, cache, precision) for precision in ("", "f32"))
    [file] = set(cache.glob(f"*/{MODEL}")) - there
    plain, rows = headless(), headless().to(memory_format=torch.channels_last)
    halves = headless().bfloat16().to(memory_format=torch.channels_last)
    found: dict[tuple[str, int], Callable[[], object]] = {}
    for count in COUNTS:
        side = recipe.input_size
        pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
        photos = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div(255).contiguous()
        last = photos.to(memory_format=torch.channels_last)
        found |= {
            (REFERENCE, count): of_torch(plain, photos),
            ("torch, channels_last, float32", count): of_torch(rows, last),
            ("torch, channels_last, bfloat16", count): of_torch(halves, last.to(torch.bfloat16)),
            ("OpenVINO, float32", count): of_openvino(exact, pixels),
            (f"Lamplight: OpenVINO, {PRECISIONS[served.compiler.precision]}", count): of_openvino(served, pixels),
        }
    model = served.compiler.core.read_model(file)
    model.reshape(list(pixels.shape))
    request = served.compiler.compile(model).create_infer_request()
    found[TOGETHER, COUNTS[-1]] = lambda: request.infer({0: pixels})
    return found


def processes(recipes: Sequence[Recipe], cache: Path) -> str:
    """Fresh processes with a network on disk: torch's as a state dict, OpenVINO's converted."""
    import torch

    from ml.weights import load_network

    lines = ["\n| a fresh process | | first vector after, s | resident, MB |", "|---|---|---|---|"]
    for recipe in recipes:
        state, head = load_network(recipe).state_dict(), f"{BACKBONES[recipe.backbone].head}."
        kept = {name: value for name, value in state.items() if not name.startswith(head)}
        torch.save(kept, cache / f"{recipe.backbone}.pth")
        for name, script in (("torch", TORCH_PROCESS), ("Lamplight: OpenVINO", LAMPLIGHT_PROCESS)):
            command = [sys.executable, "-c", script + RESIDENT, recipe.backbone, recipe.weights, str(cache)]
            took, resident = [], []
            for _ in range(3):
                begun = time.perf_counter()
                done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
                took.append(time.perf_counter() - begun)
                resident.append(int(done.stdout) / 1000)
            lines.append(f"| {recipe.backbone} | {name} | {np.median(took):.2f} | {np.median(resident):.0f} |")
    return "\n".join(lines)


def concurrency(recipe: Recipe, cache: Path, rounds: int) -> str:
    """One process that answers many queries at once, or indexes beside them; then a worker in another process."""
    encoder = Encoder(recipe, "cpu", cache=cache)
    photos = [Image.effect_noise((300, 300), 50).convert("RGB") for _ in range(INDEXED)]
    query = partial(_seconds, partial(encoder.encode, photos[:1]))
    alone, beside, both, shares = [], [], [], []
    encoder.warm()
    for _ in range(max(1, rounds // 10)):
        before = [query() for _ in range(CLIENTS * QUERIES // 2)]
        waits, took = _clients(query)
        after = [query() for _ in range(CLIENTS * QUERIES // 2)]
        alone += before + after
        both += waits
        shares.append(sum(before + after) / took)
        beside += _beside(query, partial(encoder.encode, photos))
    lines = ["\n| encoding one photo, ms | p50 | p95 | longest |", "|---|---|---|---|"]
    rows = {
        "alone, one after the other": alone,
        f"{CLIENTS} at once": both,
        "beside a batch being indexed in the same process": beside,
        "beside a worker that indexes in another process": _beside_a_worker(query, recipe, cache),
    }
    for name, times in rows.items():
        p50, p95, longest = 1000 * np.percentile(times, [50, 95, 100])
        lines.append(f"| {name} | {p50:.0f} | {p95:.0f} | {longest:.0f} |")
    share = float(np.median(shares))
    lines += ["", _bar(f"{CLIENTS} at once, as many a second as one after the other", share, 0.9)]
    longest = float(max(both) / np.median(both))
    lines.append(_bar(f"the longest wait of {CLIENTS} at once, times their median", longest, at_most=2))
    return "\n".join(lines)


def _clients(query: Callable[[], float]) -> tuple[list[float], float]:
    """The time of each of QUERIES queries by each of CLIENTS threads, and of all of them together."""
    waits: list[float] = []
    threads = [threading.Thread(target=lambda: waits.extend(query() for _ in range(QUERIES))) for _ in range(CLIENTS)]

    def together() -> None:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    took = _seconds(together)
    return waits, took


def _beside(query: Callable[[], float], index: Callable[[], object]) -> list[float]:
    times = []
    batch = threading.Thread(target=index)
    batch.start()
    while batch.is_alive():
        times.append(query())
        time.sleep(0.03)  # A customer pauses, a loop does not.
    return times


def _beside_a_worker(query: Callable[[], float], recipe: Recipe, cache: Path) -> list[float]:
    script = (
        "import os, sys; from pathlib import Path; from PIL import Image; from ml.encoder import Encoder\n"
        "from ml.recipes import make_recipe; os.nice(10)  # as config.celery\n"
        "encoder = Encoder(make_recipe(sys.argv[2], sys.argv[1]), 'cpu', cache=Path(sys.argv[3]))\n"
        "encoder.warm(); print(flush=True)\n"
        "photos = [Image.effect_noise((300, 300), 50).convert('RGB')] * 32\n"
        "while True: encoder.encode(photos)\n"
    )
    command = [sys.executable, "-c", script, recipe.backbone, recipe.weights, str(cache)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as worker:
        try:
            assert worker.stdout
            worker.stdout.readline()
            times = []
            for _ in range(60):
                times.append(query())
                time.sleep(0.03)
        finally:
            worker.kill()
    return times


def decoding(recipe: Recipe, cache: Path, rounds: int) -> str:
    """From a JPEG's bytes to what the network sees."""
    encoder = Encoder(recipe, "cpu", cache=cache)
    files = sorted((DEMO / "photos").glob("*.webp"))[::30]
    lines = ["\n| JPEG to the network's input | whole, ms | Lamplight, ms | times as fast | cosine, least |"]
    lines.append("|---|---|---|---|---|")
    bars = []
    for size in ((3000, 2000), (800, 800)):
        photos = [as_jpeg(Image.open(file).convert("RGB").resize(size, Image.Resampling.LANCZOS)) for file in files]
        ways: dict[str, Callable[[bytes], Image.Image]] = {"whole": _opened_whole, "ours": encoder.open}
        took: dict[str, list[float]] = {name: [] for name in ways}
        for photo in photos * max(1, rounds // len(photos)):
            for name, way in ways.items():
                took[name].append(_seconds(partial(_seen, way, photo, recipe)))
        whole, ours = (float(np.median(took[name])) for name in ways)
        vectors = [encoder.encode(map(way, photos)) for way in ways.values()]
        cosine = float((vectors[0] * vectors[1]).sum(axis=1).min())
        lines.append(
            f"| {size[0]} x {size[1]} | {1000 * whole:.1f} | {1000 * ours:.1f} | {whole / ours:.1f} | {cosine:.4f} |"
        )
        if size == (3000, 2000):
            bars.append(_bar("3000 x 2000, times as fast as the full decode", whole / ours, 2))
        if recipe.weights != RANDOM:
            bars.append(_bar(f"{size[0]} x {size[1]}, cosine to the full decode", cosine, 0.995))
    return "\n".join([*lines, "", *bars])


def _seen(way: Callable[[bytes], Image.Image], photo: bytes, recipe: Recipe) -> object:
    return preprocess(way(photo), recipe)


def _opened_whole(photo: bytes) -> Image.Image:
    return Image.open(io.BytesIO(photo)).convert("RGB")


def web_process(network: Network) -> str:
    """The web server of a real stack over the sample catalogue: what it holds, and how soon it answers."""
    with data_folder(network):
        import django

        django.setup()
        from django.core.management import call_command

        from config.stack.site import running

        call_command("migrate", verbosity=0)
        call_command("prepare", verbosity=0)
        call_command("import_catalog", DEMO / "catalog.csv", quiet=True)
        photos = [file.read_bytes() for file in sorted((DEMO / "photos").glob("*.webp"))[:WEB_QUERIES]]
        with running() as stack:
            stack.wait_until_indexed()
            stack.stop("web")
            first = _seconds(lambda: _start_and_ask(stack, photos[0]))
            for photo in photos:
                stack.ask("POST", "search/", files={"image": photo})
            large = [jpeg(Image.open(io.BytesIO(photo)).convert("RGB"), (3000, 2000)) for photo in photos[:WEB_CLIENTS]]
            with ThreadPoolExecutor(WEB_CLIENTS) as clients:
                list(clients.map(lambda photo: [Client(stack.url).ask(photo) for _ in range(QUERIES)], large))
            resident = max(map(_resident, _family(stack.pid("web"))))
    return "\n".join(
        [
            "",
            _bar("a fresh web process's first answer, s after its start", first, at_most=2),
            _bar(
                f"a web process after {WEB_QUERIES} queries, then {WEB_CLIENTS} clients with 6 megapixels, MB resident",
                resident,
                at_most=450,
            ),
        ]
    )


def _start_and_ask(stack: "Stack", photo: bytes) -> None:
    """Start the web server and ask until it answers."""
    stack.start("web")
    while True:
        try:
            answer = stack.http.post(f"{stack.url}/api/v1/search/", files={"image": photo}, timeout=60)
            answer.raise_for_status()
            return
        except ConnectionError:
            time.sleep(0.01)


def _family(pid: int) -> list[int]:
    """A process and its children."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def _resident(pid: int) -> float:
    """Resident memory in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


def on_a_gpu(recipe: Recipe, rounds: int) -> str:
    """Photos a second by batch, from JPEGs to vectors; one thread decodes."""
    from ml.network import build
    from ml.torch_runtime import LARGEST_BATCH

    files = sorted((DEMO / "photos").glob("*.webp"))[::30]
    jpegs = [jpeg(Image.open(file).convert("RGB"), (800, 800)) for file in files]
    network = build(recipe).to("cuda")
    lines = ["\n| photos in a pass on the GPU | Lamplight, photos/s | torch autocast, photos/s |", "|---|---|---|"]
    for size in (*BATCHES_ON_A_GPU, None):
        encoder = Encoder(recipe, "cuda", size)
        photos = list(islice(cycle(jpegs), PASSES * (size or LARGEST_BATCH)))
        ways: dict[str, Callable[[], object]] = {
            "ours": partial(_served, encoder, photos),
            "plain": partial(_plainly, network, photos, size or LARGEST_BATCH, recipe),
        }
        rates = [f"{len(photos) / took:.0f}" for took in _medians(ways, max(1, rounds // 10)).values()]
        lines.append(f"| {size or 'as Lamplight chooses'} | {' | '.join(rates)} |")
    return "\n".join(lines)


def _served(encoder: Encoder, photos: Sequence[bytes]) -> None:
    encoder.encode(map(encoder.open, photos))


def _plainly(network: "nn.Module", photos: Sequence[bytes], size: int, recipe: Recipe) -> None:
    """The plain way: a batch is decoded in full, copied, computed and copied back before the next."""
    import torch

    for start in range(0, len(photos), size):
        seen = np.stack([preprocess(_opened_whole(photo), recipe) for photo in photos[start : start + size]])
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
            network(torch.from_numpy(seen).to("cuda")).cpu()


def _medians(contenders: Mapping[Name, Callable[[], object]], rounds: int) -> dict[Name, float]:
    """Median seconds of each contender. They take turns, so that other work of the machine slows all alike."""
    times: dict[Name, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 2):
        for name, work in contenders.items():
            work()  # The first run is not timed: it fills the caches with the contender's own data.
            took = _seconds(work)
            if number > 1:
                times[name].append(took)
    return {name: float(np.median(taken)) for name, taken in times.items()}


def _bar(what: str, value: float, at_least: float = 0.0, at_most: float = float("inf")) -> str:
    limit = f"at least {at_least}" if at_least else f"at most {at_most}"
    return f"- {'met' if at_least <= value <= at_most else 'MISSED'}: {what}: {value:.4g} ({limit})"


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
