"""The two networks: small enough for a chip, and for minutes of one core.

A stage is a valid 3x3 convolution, a 2x2 maximum where it shrinks, a normalisation and a ReLU. The
first stage is the paper's: 32 kernels 3x3 (32x32 -> 30x30 on CIFAR-10).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor, nn
from torch.nn import functional

from sw.cli import InputError

from .data import PIXEL_STEP
from .options import Options

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "Network",
    "Stage",
    "architecture_of",
    "first_convolution",
]

CLASSES = 10


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Shapes of a network.

    Parameters
    ----------
    input_shape : (C, H, W)
    centre : int
        Taken from each pixel, about the mean: without it a step of the first layer's weights moves
        its outputs' means far more than their differences. Since no convolution pads, it is an
        offset a kernel, which an export adds to the biases.
    stages : tuple of (kernels, whether a 2x2 maximum follows)
    """

    input_shape: tuple[int, int, int]
    centre: int
    stages: tuple[tuple[int, bool], ...]


ARCHITECTURES = {
    "mnist": Architecture(input_shape=(1, 28, 28), centre=32, stages=((32, True), (32, True))),
    "cifar10": Architecture(
        input_shape=(3, 32, 32), centre=128, stages=((32, True), (48, True), (96, False))
    ),
}


def architecture_of(options: Options) -> Architecture:
    """The data set's usual shapes, or those of ``options.stages``."""
    usual = ARCHITECTURES[options.data]
    if not options.stages:
        return usual
    stages = [(int(s.rstrip("p")), s.endswith("p")) for s in options.stages.split(",")]
    return replace(usual, stages=tuple(stages))


class Stage(nn.Module):
    """Convolution, maximum, normalisation, ReLU.

    The normalisation has an offset but no gain: a ReLU hands positive gains on to the next
    weights. So every factor is positive, and hardware may take the maximum before it or after.

    Parameters
    ----------
    channels, kernels : int
    pool : bool
    """

    def __init__(self, channels: int, kernels: int, *, pool: bool) -> None:
        super().__init__()
        self.convolution: nn.Module = nn.Conv2d(channels, kernels, 3, bias=False)
        self.normalisation = nn.BatchNorm2d(kernels)
        self.normalisation.weight.requires_grad_(False)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, K, OH, OW)."""
        y = self.convolution(x)
        if self.pool:
            y = functional.max_pool2d(y, 2)
        return functional.relu(self.normalisation(y))


class Network(nn.Module):
    """Stages, then one dense layer.

    Parameters
    ----------
    architecture : Architecture
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.centre = architecture.centre * PIXEL_STEP
        channels, height, width = architecture.input_shape
        stages: list[Stage] = []
        for kernels, pool in architecture.stages:
            stages.append(Stage(channels, kernels, pool=pool))
            channels, height, width = kernels, height - 2, width - 2
            if pool:
                height, width = height // 2, width // 2
            if min(height, width) < 1:
                raise InputError(f"stages: nothing is left of the frame after stage {len(stages)}")
        self.stages = nn.ModuleList(stages)
        self.classifier = nn.Linear(channels * height * width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W), pixels/256, to logits (N, 10)."""
        x = x - self.centre
        for stage in self.stages:
            x = stage(x)
        return self.classifier(x.flatten(1))


def first_convolution(network: nn.Module) -> nn.Conv2d:
    """The convolution that sees the image, and that templates go to."""
    convolution = network.get_submodule("stages.0.convolution")
    layers = [module for module in convolution.modules() if isinstance(module, nn.Conv2d)]
    return layers[0]
