"""The spaces there are, side by side: how far each is built, and what it takes."""

from dataclasses import dataclass

from catalog.models import Photo
from search.models import Embedding, Rejection, Space
from search.store import partitions


@dataclass(frozen=True)
class Overview:
    """A space and the numbers that its owner wants to see."""

    space: Space
    photos: int
    """In the catalogue."""
    indexed: int
    rejected: int
    leaves: int
    """Categories with a leaf."""
    hnsw: int
    """Leaves that have an HNSW index; the others are scanned exactly."""
    size: partitions.Size

    @property
    def pending(self) -> int:
        """Photos still to be settled; counted beside a worker, it may stray for a moment."""
        return max(0, self.photos - self.indexed - self.rejected)

    @property
    def progress(self) -> float:
        """The settled share of the photos, 0 to 1."""
        return 1 - self.pending / self.photos if self.photos else 1.0

    @property
    def stage(self) -> str:
        """The state, and whether a space that is being built is ready to be activated."""
        ready = self.space.state == Space.State.BUILDING and self.photos and not self.pending
        return "ready" if ready else str(self.space.state)

    @property
    def bytes_per_photo(self) -> int:
        """Vectors and indexes; 0 in an empty space."""
        return round((self.size.vectors + self.size.indexes) / self.indexed) if self.indexed else 0


def of(space: Space) -> Overview:
    leaves = partitions.leaves(space)
    return Overview(
        space=space,
        photos=Photo.objects.count(),
        indexed=Embedding.objects.filter(space_id=space.pk).count(),
        rejected=Rejection.objects.in_force().filter(space_id=space.pk).count(),
        leaves=len(leaves),
        hnsw=space.indexes.count(),
        size=partitions.size(space),
    )
