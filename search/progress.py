"""How far a space's index is."""

from typing import Any

from django.db.models import Count, F, QuerySet

from catalog.models import Category, Photo
from search.models import Embedding, Rejection, Space


def of(space: Space) -> dict[str, Any]:
    """Photos indexed, pending and rejected per category, and the head's metrics, as GET /api/v1/index/ answers."""
    photos = _per(Photo.objects.all(), "product__category_id")
    # A vector still under the product's former category is pending here, as it is for indexing.
    current = Embedding.objects.filter(space_id=space.pk, category_id=F("photo__product__category_id"))
    indexed = _per(current, "category_id")
    rejected = _per(Rejection.objects.in_force().filter(space_id=space.pk), "photo__product__category_id")
    indexes = {index.category_id: index for index in space.indexes.all()}
    categories = []
    for category in Category.objects.all():
        known = {
            "photos": photos.get(category.pk, 0),
            "indexed": indexed.get(category.pk, 0),
            "rejected": rejected.get(category.pk, 0),
        }
        # Counted one after the other beside a worker, the three may not add up for a moment.
        known["pending"] = max(0, known["photos"] - known["indexed"] - known["rejected"])
        categories.append({"slug": category.slug, **known, "index": indexes.get(category.pk)})
    return {"space": space.name, "weights": space.weights, "categories": categories, "head": _head(space)}


def _per(rows: QuerySet[Any], category: str) -> dict[int, int]:
    return dict(rows.order_by().values_list(category).annotate(count=Count("*")))


def _head(space: Space) -> dict[str, Any] | None:
    head = space.heads.defer("weights").newest()
    if head is None:
        return None
    return {
        "accuracy": head.metrics["top1"],
        "calibration_error": head.metrics["calibration_error"],
        "gate": head.metrics.get("gate"),  # A head stored by an older version has none.
        "photos": sum(head.photos.values()),
        "trained_at": head.trained_at,
    }
