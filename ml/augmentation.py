"""What lies between a shop's photo and a customer's: frame, light and backdrop, drawn at random for a whole batch.

Photos are (n, 3, height, width), 0 to 1, on any device. The same generator state gives the same photos.
"""

import torch
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

# How far a customer's photo strays from the shop's.
SHIFT, ZOOM, UNEVEN = 0.05, 0.15, 0.05  # shares of the side
LIGHT, BALANCE = 0.3, 0.08  # of brightness and gamma, and of each colour by itself
WHITE, SHARPNESS = 0.93, 60  # what counts as a shop's white backdrop, and how sudden its end is


def flip(photos: Tensor, generator: Generator) -> Tensor:
    """Half of the photos mirrored."""
    mirrored = _uniform(photos, generator, 1, 1, 1) < 0
    return torch.where(mirrored, photos.flip(3), photos)


def disturb(photos: Tensor, generator: Generator) -> Tensor:
    """The photos as a customer's camera might take them."""
    return _relight(_change_backdrop(_move(photos, generator), generator), generator)


def _move(photos: Tensor, generator: Generator) -> Tensor:
    """Shifted by up to SHIFT and zoomed by up to ZOOM, with a little of it uneven; white comes in from the edges."""
    zoom = 1 + ZOOM * _uniform(photos, generator)
    transform = photos.new_zeros(len(photos), 2, 3)
    transform[:, 0, 0] = zoom
    transform[:, 1, 1] = zoom * (1 + UNEVEN * _uniform(photos, generator))
    transform[:, :, 2] = 2 * SHIFT * _uniform(photos, generator, 2)
    grid = affine_grid(transform, list(photos.shape), align_corners=False)
    return 1 - grid_sample(1 - photos, grid, align_corners=False)


def _relight(photos: Tensor, generator: Generator) -> Tensor:
    """Another exposure, contrast (gamma) and white balance, each photo its own."""
    gamma = torch.exp(LIGHT * _uniform(photos, generator, 1, 1, 1))
    exposure = 1 + LIGHT * _uniform(photos, generator, 1, 1, 1)
    balance = 1 + BALANCE * _uniform(photos, generator, 3, 1, 1)
    return (photos.clamp(min=1e-3) ** gamma * exposure * balance).clamp(0, 1)


def _change_backdrop(photos: Tensor, generator: Generator) -> Tensor:
    """Half of the photos with a soft gradient of colours wherever they were white."""
    chosen = _uniform(photos, generator, 1, 1, 1) < 0
    white = torch.sigmoid((photos.amin(1, keepdim=True) - WHITE) * SHARPNESS) * chosen
    walls = 0.7 * _uniform(photos, generator, 3, 1, 1, low=0) + 0.3 * _uniform(photos, generator, 3, 2, 2, low=0)
    backdrop = interpolate(walls, size=photos.shape[2:], mode="bilinear", align_corners=False)
    return photos * (1 - white) + backdrop * white


def _uniform(like: Tensor, generator: Generator, *shape: int, low: float = -1, high: float = 1) -> Tensor:
    """(n, *shape) numbers from `low` to `high` for n photos. Drawn on the CPU: every device sees the same ones."""
    return torch.rand(len(like), *shape, generator=generator).mul(high - low).add(low).to(like.device)
