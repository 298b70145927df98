"""What `make demo CHECK=1` says and judges; .ci/run runs the whole of it."""

import csv

import pytest
from PIL import Image

from demo.__main__ import CATALOG, QUERIES, QUERY, report, wrong

INDEX = {"categories": [{"slug": "lamp", "photos": 3, "indexed": 3, "pending": 0, "rejected": 0}], "head": {}}
HIT = {"similarity": 0.8765, "product": {"sku": "LAM-001", "name": "ALMA table lamp"}}
ANSWER = {
    "weights": "random",
    "gate": {
        "categories": [
            {"slug": "lamp", "name": "Lamp", "probability": 0.91, "searched": True},
            {"slug": "bed", "name": "Bed", "probability": 0.09, "searched": False},
            {"slug": "new", "name": "New", "probability": None, "searched": True},
        ]
    },
    "results": [HIT],
    "timings_ms": {"encode": 61.2, "total": 70.1},
}


def test_a_right_answer_passes():
    assert wrong(INDEX, ANSWER, "lamp") == ""


@pytest.mark.parametrize(
    ("index", "answer", "reason"),
    [
        (
            {"categories": [{"photos": 3, "indexed": 1}]},
            ANSWER,
            "2 photos were not indexed: see Rejections in the admin",
        ),
        (INDEX, {**ANSWER, "results": []}, "the sample query found no match"),
    ],
)
def test_a_wrong_answer_is_told_why(index, answer, reason):
    assert wrong(index, answer, "lamp") == reason


def test_a_wrong_category_is_told():
    assert wrong(INDEX, ANSWER, "bed") == "the sample photo shows a bed, and was taken for a lamp"


def test_the_report_shows_categories_matches_and_weights():
    text = report(ANSWER)
    assert "Seen as: Lamp 91%, Bed 9%   (weights: random)" in text
    assert "1.      0.876  LAM-001  ALMA table lamp" in text
    assert "encode 61 ms, total 70 ms" in text


def test_the_sample_catalogue_is_whole():
    products = list(csv.DictReader(CATALOG.open(newline="")))
    queries = list(csv.DictReader((QUERIES / "queries.csv").open(newline="")))
    assert len(products) == len(queries) == 150
    assert {product["sku"] for product in products} == {query["sku"] for query in queries}
    assert QUERY in {query["sku"] for query in queries}
    photos = [CATALOG.parent / name for product in products for name in product["image"].split("|")]
    pictures = photos + [QUERIES / query["image"] for query in queries]
    assert len(set(pictures)) == 450
    for picture in pictures:
        with Image.open(picture) as image:
            assert (image.mode, image.size) == ("RGB", (400, 400))
    assert sum(picture.stat().st_size for picture in pictures) < 8_000_000
