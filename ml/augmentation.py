"""Changes a shop's photos at random as a customer's camera would: in frame, light and backdrop, a batch at a time.

Photos are (n, 3, height, width), 0 to 1, on any device. The same generator state gives the same photos.
"""

import torch
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

# How far a customer's photo may stray from the shop's.
SHIFT, ZOOM, UNEVEN = 0.05, 0.15, 0.05  # shares of the side
LIGHT, BALANCE = 0.3, 0.08  # LIGHT changes brightness and gamma, BALANCE each colour by itself
WHITE, SHARPNESS = 0.93, 60  # brighter than WHITE is backdrop; SHARPNESS is how suddenly it ends


def flip(photos: Tensor, generator: Generator) -> Tensor:
    """The photos, each mirrored with a chance of one half."""
    mirrored = _uniform(photos, generator, 1, 1, 1) < 0
    return torch.where(mirrored, photos.flip(3), photos)


def disturb(photos: Tensor, generator: Generator) -> Tensor:
    """The photos as a customer's camera might take them."""
    return _relight(_change_backdrop(_move(photos, generator), generator), generator)


def _move(photos: Tensor, generator: Generator) -> Tensor:
    """The photos shifted by up to SHIFT and zoomed by up to ZOOM, a little unevenly; white comes in from the edges."""
    zoom = 1 + ZOOM * _uniform(photos, generator)
    transform = photos.new_zeros(len(photos), 2, 3)
    transform[:, 0, 0] = zoom
    transform[:, 1, 1] = zoom * (1 + UNEVEN * _uniform(photos, generator))
    transform[:, :, 2] = 2 * SHIFT * _uniform(photos, generator, 2)
    grid = affine_grid(transform, list(photos.shape), align_corners=False)
    return 1 - grid_sample(1 - photos, grid, align_corners=False)


def _relight(photos: Tensor, generator: Generator) -> Tensor:
    """The photos with another exposure, contrast (gamma) and white balance each."""
    gamma = torch.exp(LIGHT * _uniform(photos, generator, 1, 1, 1))
    exposure = 1 + LIGHT * _uniform(photos, generator, 1, 1, 1)
    balance = 1 + BALANCE * _uniform(photos, generator, 3, 1, 1)
    return (photos.clamp(min=1e-3) ** gamma * exposure * balance).clamp(0, 1)


def _change_backdrop(photos: Tensor, generator: Generator) -> Tensor:
    """The photos; each with a chance of one half gets a soft gradient of colours wherever it was white."""
    chosen = _uniform(photos, generator, 1, 1, 1) < 0
    white = torch.sigmoid((photos.amin(1, keepdim=True) - WHITE) * SHARPNESS) * chosen
    walls = 0.7 * _uniform(photos, generator, 3, 1, 1, low=0) + 0.3 * _uniform(photos, generator, 3, 2, 2, low=0)
    backdrop = interpolate(walls, size=photos.shape[2:], mode="bilinear", align_corners=False)
    return photos * (1 - white) + backdrop * white


def _uniform(like: Tensor, generator: Generator, *shape: int, low: float = -1, high: float = 1) -> Tensor:
    """(n, *shape) numbers from `low` to `high` for n photos. The CPU draws them: every device gets the same ones."""
    return torch.rand(len(like), *shape, generator=generator).mul(high - low).add(low).to(like.device)
