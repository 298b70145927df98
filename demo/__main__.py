"""make demo: the whole of Lamplight on the sample catalogue.

It starts the stack, imports the sample catalogue and waits until a Celery worker has indexed every photo and trained
the category head. Then it asks over HTTP with a customer's photo that was never indexed, and leaves the site up.
"""

import argparse
import csv
import os
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command
from tqdm import tqdm

from config.stack.errors import StackError, StalledError
from config.stack.site import Stack, count, run_or_exit, running, welcome

DEMO = Path(__file__).resolve().parent
CATALOG = DEMO / "catalog" / "catalog.csv"
QUERIES, ROOMS = DEMO / "queries", DEMO / "rooms"
QUERY = "LAM-008"  # The product whose customer photo is asked about unless another one is named.
EXAMPLE = "SOF-001"  # The product on /example/, a page of a shop with the widget.
PHOTOS = 300  # Of the sample catalogue's products.
SHOWN, FIRST_PAGE = 5, 10


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description=__doc__,
        epilog="Example: PORT=8001 LAMPLIGHT_VAR=/tmp/demo python -m demo --query LAM-004 --check",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--query", default=QUERY, metavar="SKU", help="ask with this product's photo (%(default)s)")
    parser.add_argument(
        "--check", action="store_true", help="ask with all customer photos, then exit: 0 when the first answer is right"
    )
    options = parser.parse_args()
    queries = customers_photos()
    if options.query not in queries:
        parser.error(f"--query: {options.query!r} is none of the 150, from {min(queries)} to {max(queries)}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("LAMPLIGHT_VAR", "var/demo")  # The shop of `make run` has another folder.
    os.environ.setdefault("STOREFRONT_SAMPLES", f"{ROOMS},{QUERIES}")
    os.environ.setdefault("STOREFRONT_EXAMPLE", EXAMPLE)
    starting = "Starting PostgreSQL, Redis, Celery workers and the web server ..."
    with run_or_exit(interrupted=130 if options.check else 0), running(starting) as stack:
        import_catalog()
        index = stack.wait_until_indexed() if options.check else settled_index(stack)
        query = queries[options.query]
        print(f"\nA customer's photo of {query['sku']}, never indexed ({QUERIES / query['image']}):")
        answer = ask(stack, query)
        print(report(answer))
        problem = wrong(index, answer, query)
        if options.check:
            print(summary([(ask(stack, query), query) for query in tqdm(queries.values(), disable=None)]))
            if problem:
                raise StackError(problem)
        else:
            print(f"\n{sentence(problem)}" if problem else "")
            if count(index, "photos") > PHOTOS:
                print("Your own photos are searched as well, and the sample's neighbours are others than without.")
            print(f"\nA shop's own page, with Lamplight's widget: {stack.url}/example/")
            print(welcome(stack))
            stack.wait()


def customers_photos() -> dict[str, dict[str, str]]:
    """The rows of queries.csv by sku: image, sku, category."""
    with (QUERIES / "queries.csv").open(newline="") as file:
        return {row["sku"]: row for row in csv.DictReader(file)}


def settled_index(stack: Stack) -> dict[str, Any]:
    """The index state once nothing is pending, or, told in words, when nothing has gone on for long.

    Many photos of one's own take minutes to learn from, and the site answers meanwhile.
    """
    try:
        return stack.wait_until_indexed()
    except StalledError as error:
        print(f"\n{sentence(str(error))} The site goes on.")
        return stack.ask("GET", "index/")


def sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def import_catalog() -> None:
    try:
        call_command("import_catalog", CATALOG)
    except CommandError as error:
        raise StackError(f"the sample catalogue at {CATALOG} was not imported whole ({error})") from error


def ask(stack: Stack, query: dict[str, str]) -> dict[str, Any]:
    """The answer to a customer's photo."""
    photo = (query["image"], (QUERIES / query["image"]).read_bytes())
    return stack.ask("POST", "search/", files={"image": photo}, data={"limit": FIRST_PAGE})


def report(answer: dict[str, Any]) -> str:
    """The answer as a table."""
    gate = answer["gate"]
    seen = ", ".join(
        f"{c['name']} {c['probability']:.0%}" for c in gate["categories"][:3] if c["probability"] is not None
    )
    lines = [f"  Seen as: {seen}   (space {answer['space']})", "", "     similarity  sku      product"]
    for rank, hit in enumerate(answer["results"][:SHOWN], start=1):
        product = hit["product"]
        lines.append(f"  {rank}. {hit['similarity']:10.3f}  {product['sku']:<8} {product['name']}")
    lines += ["", "  " + ", ".join(f"{stage} {ms:.0f} ms" for stage, ms in answer["timings_ms"].items())]
    return "\n".join(lines)


def wrong(index: dict[str, Any], answer: dict[str, Any], query: dict[str, str]) -> str:
    """What is wrong, in one line; empty when nothing is."""
    missing = count(index, "photos") - count(index, "indexed")
    if missing:
        return f"{missing} photos were not indexed: see Rejections in the admin"
    if not names_category(answer, query):
        taken = answer["gate"]["categories"][0]["slug"]
        return f"the sample photo shows a {query['category']}, and was taken for a {taken}"
    first = found(answer)[:1]
    if first == [query["sku"]]:
        return ""
    return f"the sample photo shows {query['sku']}, and found {''.join(first) or 'nothing'}"


def names_category(answer: dict[str, Any], query: dict[str, str]) -> bool:
    return bool(answer["gate"]["categories"][0]["slug"] == query["category"])


def found(answer: dict[str, Any]) -> list[str]:
    """The skus on the first page."""
    return [hit["product"]["sku"] for hit in answer["results"]]


def summary(asked: list[tuple[dict[str, Any], dict[str, str]]]) -> str:
    """A line about all customers' photos."""
    named = sum(names_category(answer, query) for answer, query in asked) / len(asked)
    found_ten = sum(query["sku"] in found(answer) for answer, query in asked) / len(asked)
    return (
        f"\n  All {len(asked)} customers' photos: category right {named:.1%}, "
        f"own product among the first {FIRST_PAGE} {found_ten:.1%}"
    )


if __name__ == "__main__":
    main()
