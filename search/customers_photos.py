"""The photos that customers searched with, and what they told of them."""

from collections import Counter

import numpy as np
from django.conf import settings
from django.db.models import QuerySet
from numpy.typing import NDArray

from ml.arrays import Ints
from search.models import Query
from search.store import vectors


def told(labelled: QuerySet[Query], catalogue: Ints, dimensions: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Customers' photos, (m, dimensions), newest first, and their labels, (m,). None without LEARN_FROM_FEEDBACK.

    Of a label no more photos are taken than the catalogue has. So neither a customer who tells lies nor a page that
    always tells the same outweighs it. A photo's latest label counts: a customer who tries one after the other means
    the last.

    Args:
        labelled: searches whose vector was kept, each with its `label`.
        catalogue: (n,) the labels of the catalogue's photos. What is no label of these is left out.
    """
    room, heard, stored = Counter(catalogue.tolist()), set[bytes](), dict[bytes, int]()
    if settings.LEARN_FROM_FEEDBACK:
        newest = labelled.order_by("-asked_at")[: len(catalogue)]
        for vector, label in vectors.fetch(newest.values_list("vector", "label")):  # type: ignore[misc]  # annotated
            if vector not in heard and room[label]:
                stored[vector] = label
                room[label] -= 1
            heard.add(vector)
    return vectors.stacked(list(stored), dimensions), np.array(list(stored.values()), np.int64)
