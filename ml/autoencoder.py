"""A convolutional autoencoder: a backbone that a shop trains on its own photos (ml.autoencoder_training).

The network squeezes a photo through a bottleneck of LATENT numbers, which are the embedding, and paints the photo
again from them (Hinton and Salakhutdinov 2006, "Reducing the Dimensionality of Data with Neural Networks").
"""

from torch import Tensor, nn

SIZE = 128  # px; 224 would take three times as long
LATENT = 256  # 520 bytes a photo in the database; a choice, not a measurement
GRID = 8  # side of the last maps, SIZE / 2**4

# How far the decoder's ReLUs leak. Without a leak they all learn to mean "white", and whatever is dark is painted one
# brown: measured as for WHITENING, 0.413 of the customers' photos instead of 0.480 find their product.
LEAK = 0.2


class Autoencoder(nn.Module):
    """Photos (n, 3, SIZE, SIZE), normalised as their recipe says -> the same photos, painted from the bottleneck.

    `bottleneck` gives the embedding, (n, LATENT). It takes photos of any size; the painted ones have SIZE.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(_halve(3, 16), _halve(16, 32), _halve(32, 64), _halve(64, 128))
        self.bottleneck = nn.Sequential(
            nn.AdaptiveAvgPool2d(GRID),  # nothing to do at SIZE
            nn.Flatten(),
            nn.Linear(128 * GRID**2, LATENT, bias=False),
            # Centres the embedding: otherwise what all photos share (a white backdrop) rules their cosine.
            nn.BatchNorm1d(LATENT, affine=False),
        )
        # Narrower than the encoder: it is no part of the embedding, and it works on larger maps.
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, 96 * GRID**2),
            nn.Unflatten(1, (96, GRID, GRID)),
            nn.LeakyReLU(LEAK, inplace=True),
            _double(96, 48),
            _double(48, 24),
            _double(24, 12),
            # Sub-pixel convolution (Shi et al. 2016): paints at half the size, a quarter of the work.
            nn.Conv2d(12, 3 * 2**2, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def forward(self, photos: Tensor) -> Tensor:
        painted: Tensor = self.decoder(self.bottleneck(self.encoder(photos)))
        return painted


def _halve(inputs: int, outputs: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _double(inputs: int, outputs: int) -> nn.Sequential:
    # Scaled up and then convolved: a transposed convolution leaves a chequerboard (Odena et al. 2016).
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(
        nn.Upsample(scale_factor=2), convolution, nn.BatchNorm2d(outputs), nn.LeakyReLU(LEAK, inplace=True)
    )
