"""What a fault left behind, by looking at every photo."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count

from catalog.models import Photo
from search.models import Embedding


@dataclass(frozen=True)
class Damage:
    lost: int
    """Photos that a 201 told of and no row names, and rows whose file is missing or empty."""
    doubled: int
    """Vectors beyond one for each photo and space."""
    alone: int
    """Files that no row names. They are deleted, so that they count once."""


def damage(accepted: set[str]) -> Damage:
    named = set(Photo.objects.values_list("file", flat=True))
    root = settings.MEDIA_ROOT
    stored = {str(path.relative_to(root)): path.stat().st_size for path in root.rglob("*.jpg")}
    broken = sum(not stored.get(name) for name in named)
    vectors = Embedding.objects.values("space_id", "photo_id").annotate(count=Count("*")).filter(count__gt=1)
    doubled = sum(row["count"] - 1 for row in vectors)
    alone = stored.keys() - named
    for name in alone:
        (root / name).unlink()
    return Damage(len(accepted - named) + broken, doubled, len(alone))
