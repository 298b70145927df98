"""How far the captions are, and what they took."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Sum

from catalog.models import Photo, Product
from descriptions import caption_leases, server_rest
from descriptions.models import Caption
from descriptions.vision_model import VisionModel

# What is counted over all requests ever made for the products that are there.
COSTS = ("requests", "failures", "prompt_tokens", "completion_tokens")


@dataclass(frozen=True)
class Progress:
    """How far the captions are, and what they took so far."""

    model: str
    products: int
    """Those with photos."""
    made: int
    pending: int
    given_up: int
    reason: str
    """Why the last photo got none."""
    requests: int
    failures: int
    prompt_tokens: int
    completion_tokens: int
    rest: server_rest.Rest | None

    @property
    def waiting(self) -> int:
        """Those that are being made, or are tried again later."""
        return max(0, self.products - self.made - self.pending - self.given_up)


def progress(model: VisionModel) -> Progress:
    """How far the captions are. Takes a second or more among a million products."""
    maker, rows = model.fingerprint, Caption.objects.all()
    ours = rows.filter(maker=maker)
    failed = ours.exclude(reason="").filter(made_at=None).order_by("-asked_at").values_list("reason", flat=True)
    sums = rows.aggregate(*(Sum(name, default=0) for name in COSTS))
    return Progress(
        model.name,
        Product.objects.filter(Exists(Photo.objects.filter(product_id=OuterRef("pk")))).count(),
        ours.made().count(),
        caption_leases.pending(maker).count(),
        ours.given_up().count(),
        failed.first() or "",
        **{name: sums[f"{name}__sum"] for name in COSTS},
        rest=server_rest.current(),
    )
