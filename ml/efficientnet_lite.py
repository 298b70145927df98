"""EfficientNet-Lite (Liu 2020, "Higher accuracy on vision models with EfficientNet-Lite"), read for its features.

It is EfficientNet (Tan and Le 2019, "Rethinking Model Scaling for Convolutional Neural Networks") made for small
devices: no squeeze-and-excitation, ReLU6, and a stem and a head of one width whatever the scale.
"""

import math
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import pad

CLASSES = 1000
STEM, HEAD = 32, 1280  # channels
EPSILON, MOMENTUM = 1e-3, 0.01  # of the batch normalisations


@dataclass(frozen=True)
class Stage:
    """Blocks of one width; the first of them may halve the map."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


# Table 1 of the EfficientNet paper, for the scale 1.
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class EfficientNetLite(nn.Module):
    """Photos (n, 3, height, width) -> logits (n, 1000). `act_head` gives the last map, of 1,280 channels.

    Modules have the names of the published weights, without the underscores that those begin with.
    """

    def __init__(self, width: float, depth: float) -> None:
        """`width` scales the channels and `depth` the repeats of the stages; stem and head stay as they are."""
        super().__init__()
        self.conv_stem = SameConv2d(3, STEM, 3, stride=2)
        self.bn0 = _norm(STEM)
        self.act_stem = nn.ReLU6(inplace=True)
        self.blocks = nn.Sequential(*_blocks(width, depth))
        self.conv_head = SameConv2d(_scaled(STAGES[-1].channels, width), HEAD, 1)
        self.bn1 = _norm(HEAD)
        self.act_head = nn.ReLU6(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(HEAD, CLASSES)

    def forward(self, photos: Tensor) -> Tensor:
        maps = self.blocks(self.act_stem(self.bn0(self.conv_stem(photos))))
        maps = self.act_head(self.bn1(self.conv_head(maps)))
        logits: Tensor = self.fc(self.avgpool(maps).flatten(1))
        return logits


class InvertedResidual(nn.Module):
    """Widen by 1 x 1, filter each channel by itself, narrow by 1 x 1 (Sandler et al. 2018, MobileNetV2)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.is_residual = stride == 1 and inputs == outputs
        self.widens = expansion > 1
        if self.widens:
            self.expand_conv = SameConv2d(inputs, inner, 1)
            self.bn0 = _norm(inner)
            self.act0 = nn.ReLU6(inplace=True)
        self.depthwise_conv = SameConv2d(inner, inner, kernel, stride, groups=inner)
        self.bn1 = _norm(inner)
        self.act1 = nn.ReLU6(inplace=True)
        self.project_conv = SameConv2d(inner, outputs, 1)
        self.bn2 = _norm(outputs)

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.act0(self.bn0(self.expand_conv(maps))) if self.widens else maps
        inner = self.act1(self.bn1(self.depthwise_conv(inner)))
        narrowed: Tensor = self.bn2(self.project_conv(inner))
        return narrowed + maps if self.is_residual else narrowed


class SameConv2d(nn.Conv2d):
    """A convolution without bias that pads as TensorFlow's SAME does: a map of side n gets the side ceil(n / stride).

    Where a stride of 2 meets an even side, the side in front is padded by one less. The published weights were trained
    so; symmetric padding would shift every map by half a pixel.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)
        nn.init.kaiming_normal_(self.weight, mode="fan_out")
        self.behind = kernel // 2

    def forward(self, maps: Tensor) -> Tensor:
        if self.kernel_size == (1, 1):
            return super().forward(maps)
        before = [self.behind, self.behind]
        if self.stride == (2, 2):  # A side's remainder, not a condition: tracing sees no numbers.
            before = [self.behind - 1 + side % 2 for side in (maps.shape[2], maps.shape[3])]
        return super().forward(pad(maps, [before[1], self.behind, before[0], self.behind]))


def _blocks(width: float, depth: float) -> list[InvertedResidual]:
    inputs, blocks = STEM, []
    for place, stage in enumerate(STAGES):
        outputs = _scaled(stage.channels, width)
        is_end = place in (0, len(STAGES) - 1)
        repeats = stage.repeats if is_end else math.ceil(depth * stage.repeats)
        for repeat in range(repeats):
            stride = 1 if repeat else stage.stride
            blocks.append(InvertedResidual(inputs, outputs, stage.kernel, stride, stage.expansion))
            inputs = outputs
    return blocks


def _scaled(channels: int, width: float) -> int:
    """The nearest multiple of 8, at least nine tenths of the exact number."""
    exact = channels * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * exact else rounded + 8


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM)
