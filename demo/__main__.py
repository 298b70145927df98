"""make demo: the whole of Lamplight on the sample catalogue.

It starts the stack, imports the sample catalogue and waits until a Celery worker has indexed every photo and trained
the category head. Then it asks one question over HTTP (a customer photo that was never indexed) and leaves the site up.
"""

import argparse
import csv
import os
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command

from config.stack import Stack, StackError, check_data_folder, count, free_port, run_or_exit, running, welcome
from ml.recipes import WeightsError, make_recipe
from ml.weights import fetch_weights

DEMO = Path(__file__).resolve().parent
CATALOG = DEMO / "catalog" / "catalog.csv"
QUERIES = DEMO / "queries"
AUTOENCODER = DEMO / "autoencoder.safetensors"
QUERY = "BED-017"  # The product whose customer photo is the query: even untrained weights classify it.


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description=__doc__,
        epilog="Example: PORT=8001 LAMPLIGHT_VAR=/tmp/demo python -m demo --check",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="exit after the sample query: 0 when the answer is right")
    check = parser.parse_args().check
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("LAMPLIGHT_VAR", "var/demo")  # The shop of `make run` has another folder.
    os.environ.setdefault("STOREFRONT_SAMPLES", str(QUERIES))
    with run_or_exit(interrupted=130 if check else 0):
        check_data_folder()
        free_port()
        choose_weights()
        print("Starting PostgreSQL, Redis, Celery workers and the web server ...")
        with running() as stack:
            import_catalog()
            index = stack.wait_until_indexed()
            answer, expected = ask(stack)
            print(report(answer))
            if problem := wrong(index, answer, expected):
                raise StackError(problem)
            if not check:
                print(welcome(stack))
                stack.wait()


def choose_weights() -> None:
    """Fall back to the sample catalogue's autoencoder, and say so, if ImageNet's weights cannot be fetched.

    An untrained ResNet50 needs no file, but finds a fifth as many of the products in the customer photos
    (docs/relevance.md).
    """
    if settings.LAMPLIGHT_WEIGHTS != "imagenet":
        return
    try:
        fetch_weights(make_recipe("imagenet", settings.LAMPLIGHT_BACKBONE))
    except WeightsError as error:
        chosen = {"LAMPLIGHT_BACKBONE": "autoencoder", "LAMPLIGHT_WEIGHTS": str(kept_autoencoder())}
        os.environ |= chosen
        for name, value in chosen.items():
            setattr(settings, name, value)
        print(f"LAMPLIGHT_WEIGHTS: {error}")
        print(
            "A new demo goes on with an AUTOENCODER that has seen nothing but the 300 photos of the sample catalogue:"
        )
        print("matches show how Lamplight works, not how well it sees with ResNet50.\n")


def kept_autoencoder() -> Path:
    """Copy the weights into the data folder: their space stays whole if the checkout moves or brings other weights."""
    copy: Path = settings.VAR / "weights" / AUTOENCODER.name
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(AUTOENCODER, copy)
    return copy


def import_catalog() -> None:
    try:
        call_command("import_catalog", CATALOG)
    except CommandError as error:
        raise StackError(f"the sample catalogue at {CATALOG} was not imported whole ({error})") from error


def ask(stack: Stack) -> tuple[dict[str, Any], str]:
    """The answer to the sample query, and the category that is right."""
    with (QUERIES / "queries.csv").open(newline="") as file:
        query = next(row for row in csv.DictReader(file) if row["sku"] == QUERY)
    print(f"\nA customer's photo of {QUERY}, never indexed ({QUERIES / query['image']}):")
    photo = (query["image"], (QUERIES / query["image"]).read_bytes())
    return stack.ask("POST", "search/", files={"image": photo}, data={"limit": 5}), query["category"]


def report(answer: dict[str, Any]) -> str:
    """The answer as a table."""
    gate = answer["gate"]
    seen = ", ".join(
        f"{c['name']} {c['probability']:.0%}" for c in gate["categories"][:3] if c["probability"] is not None
    )
    lines = [f"  Seen as: {seen}   (weights: {answer['weights']})", "", "     similarity  sku      product"]
    for rank, hit in enumerate(answer["results"], start=1):
        product = hit["product"]
        lines.append(f"  {rank}. {hit['similarity']:10.3f}  {product['sku']:<8} {product['name']}")
    lines += ["", "  " + ", ".join(f"{stage} {ms:.0f} ms" for stage, ms in answer["timings_ms"].items())]
    return "\n".join(lines)


def wrong(index: dict[str, Any], answer: dict[str, Any], expected: str) -> str:
    """What is wrong, in one line; empty when nothing is."""
    missing = count(index, "photos") - count(index, "indexed")
    if missing:
        return f"{missing} photos were not indexed: see Rejections in the admin"
    predicted = answer["gate"]["categories"][0]["slug"]
    if predicted != expected:
        return f"the sample photo shows a {expected}, and was taken for a {predicted}"
    return "" if answer["results"] else "the sample query found no match"


if __name__ == "__main__":
    main()
