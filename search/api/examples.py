"""Answers shown in the API documentation."""

PRODUCT = {
    "sku": "LAM-004",
    "name": "ALMA table lamp",
    "category": "lamp",
    "price": "79.00",
    "currency": "EUR",
    "in_stock": True,
    "url": "",
    "attributes": {"color": "brass"},
}
HIT = {
    "product": PRODUCT,
    "photo": "https://shop.example/media/photos/3f/3f1c.jpg",
    "photo_id": 17,
    "similarity": 0.8712,
    "duplicates": [],
}
SIMILAR_ANSWER = {
    "query_id": "0b0c9a3e-4a55-4a0e-9d2e-2f9f7d0f8a11",
    "space": "resnet50-imagenet",
    "weights": "imagenet",
    "metric": "cosine",
    "results": [HIT],
    "left_out": {"similarity": 0.5124, "category": "lamp", "min_similarity": 0.55, "set_by": "category"},
    "timings_ms": {"search": 1.9, "total": 3.2},
}
WORDS = {
    "understood": [
        {
            "text": "metal",
            "spans": [[7, 12]],
            "kind": "attribute",
            "names": ["color"],
            "values": ["brass", "chrome", "copper"],
            "how": "material",
            "negated": False,
            "loosened": False,
        },
        {
            "text": "under 100",
            "spans": [[13, 22]],
            "kind": "price",
            "names": ["price_max"],
            "values": ["100.00"],
            "how": "exact",
            "negated": False,
            "loosened": False,
        },
    ],
    "ranked_by": "slim",
    "not_understood": ["80 cm"],
    "matches": 7,
}
SEARCH_ANSWER = {
    **SIMILAR_ANSWER,
    "words": WORDS,
    "gate": {
        "mode": "classifier",
        "confidence": 0.93,
        "low_confidence": False,
        "categories": [
            {"slug": "lamp", "name": "Lamp", "probability": 0.93, "searched": True},
            {"slug": "table", "name": "Table", "probability": 0.04, "searched": False},
        ],
    },
    "timings_ms": {"decode": 6.1, "words": 4.2, "encode": 61.0, "gate": 0.8, "search": 1.9, "total": 75.6},
}
EXPLAIN_ANSWER = {
    "similarity": 0.871203,
    "query": {
        "rows": 2,
        "columns": 2,
        "shares": [[0.201304, 0.187112], [0.310028, 0.172759]],
        "heat": [[0.412, 0.0], [1.0, 0.13]],
        "padding_share": 0.0,
    },
    "photo": {
        "rows": 2,
        "columns": 1,
        "shares": [[0.380201], [0.342991]],
        "heat": [[1.0], [0.702]],
        "padding_share": 0.148011,
    },
    "words": {"text": "the same style", "probabilities": {"piece": 0.412207, "style": 0.861034, "kind": 0.992811}},
    "attributes": {
        "agree": [{"name": "material", "value": "brass", "share": 0.81}],
        "differ": [{"name": "color", "value": "brass", "share": 0.62, "expected": "black"}],
    },
    "timings_ms": {"decode": 6.1, "encode": 14.0, "gate": 0.8, "explain": 21.4, "total": 42.9},
}
TEXT_ANSWER = {
    "query_id": "0b0c9a3e-4a55-4a0e-9d2e-2f9f7d0f8a11",
    "count": 1,
    "next": None,
    "previous": None,
    "mode": "both",
    "did_you_mean": None,
    "results": [
        {
            "product": PRODUCT,
            "photo": HIT["photo"],
            "photo_id": HIT["photo_id"],
            "rank": 0.6079,
            "found_by": "words",
            "similarity": 0.6313,
            "highlight": {
                "name": [
                    {"text": "ALMA ", "match": False},
                    {"text": "table", "match": True},
                    {"text": " lamp", "match": False},
                ],
                "description": [
                    {"text": "Warm light for a bedside ", "match": False},
                    {"text": "table", "match": True},
                ],
            },
        }
    ],
    "facets": None,
    "timings_ms": {"search": 9.8, "facets": 0.0, "total": 10.3},
}
INDEX_ANSWER = {
    "space": "resnet50-imagenet",
    "weights": "imagenet",
    "categories": [
        {"slug": "lamp", "photos": 60, "indexed": 58, "pending": 1, "rejected": 1, "index": None},
        {
            "slug": "sofa",
            "photos": 20000,
            "indexed": 20000,
            "pending": 0,
            "rejected": 0,
            "index": {"recall": 0.997, "ef_search": 64, "photos": 20000, "checked_at": "2026-11-20T12:00:00Z"},
        },
    ],
    "texts": {"encoder": "all-MiniLM-L6-v2-4cbb8a66c538", "products": 20060, "pending": 12},
    "head": {
        "accuracy": 0.96,
        "calibration_error": 0.03,
        "gate": {
            "queries": 300,
            "recall_of": "products",
            "hard": {"recall": 0.88, "work": 0.2},
            "soft": {"recall": 0.95, "work": 0.27},
            "open": {"recall": 0.95, "work": 1.0},
        },
        "photos": 300,
        "trained_at": "2026-11-20T12:00:00Z",
    },
}
EVENT = {
    "query_id": "0b0c9a3e-4a55-4a0e-9d2e-2f9f7d0f8a11",
    "kind": "click",
    "sku": "LAM-004",
    "position": 1,
}
WRONG_CATEGORY = {"query_id": "0b0c9a3e-4a55-4a0e-9d2e-2f9f7d0f8a11", "kind": "wrong_category", "category": "lamp"}
STORED_EVENT = {**EVENT, "category": None, "created_at": "2026-11-20T12:00:00Z"}
BASKETS = {
    "budget": "500.00",
    "currency": "EUR",
    "things": [
        {"candidates": [{"sku": "BED-009", "similarity": 0.8123}, {"sku": "BED-017", "similarity": 0.8712}]},
        {"candidates": [{"sku": "LAM-004", "similarity": 0.8712}]},
    ],
}
BASKETS_OF_A_SEARCH = {
    "budget": "500.00",
    "currency": "EUR",
    "query_id": "0b0c9a3e-4a55-4a0e-9d2e-2f9f7d0f8a11",
    "only": [0, 2],
    "keep": [{"thing": 2, "sku": "LAM-004"}],
    "limit": 3,
}
BED = {
    "sku": "BED-009",
    "name": "FJELL bed frame",
    "category": "bed",
    "price": "349.00",
    "currency": "EUR",
    "in_stock": True,
    "url": "https://shop.example/p/bed-009",
    "attributes": {"color": "oak"},
}
BASKET = {
    "total": "428.00",
    "similarity": 1.6835,
    "products": [
        {
            "thing": 0,
            "product": BED,
            "photo": "https://shop.example/media/photos/a0/a0b1.jpg",
            "similarity": 0.8123,
        },
        {"thing": 1, "product": PRODUCT, "photo": HIT["photo"], "similarity": 0.8712},
    ],
}
BASKETS_ANSWER = {
    "budget": "500.00",
    "currency": "EUR",
    "baskets": [BASKET],
    "missing": None,
    "left_out": [{"thing": 0, "sku": "BED-017", "reason": "out_of_stock"}],
    "timings_ms": {"read": 2.1, "choose": 0.6, "total": 4.0},
}
TOO_DEAR = {
    **BASKETS_ANSWER,
    "budget": "400.00",
    "baskets": [],
    "missing": {
        "text": "The cheapest basket is 28.00 EUR above the budget.",
        "things": [],
        "above": "28.00",
        "cheapest": BASKET,
    },
}
