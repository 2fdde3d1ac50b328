"""The two networks: small enough for a chip, and for minutes of one core.

A stage is a valid 3x3 convolution, a 2x2 maximum where it shrinks, a normalisation and a ReLU. The
first stage is the paper's: 32 kernels 3x3 (32x32 -> 30x30 on CIFAR-10).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .data import PIXEL_STEP
from .options import Options
from .systems import apply_system
from .templating import fix_kernels, template_kernels

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "Network",
    "Stage",
    "build",
    "first_convolution",
    "initialise",
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
        self.centre = architecture.centre * PIXEL_STEP
        channels, height, width = architecture.input_shape
        stages: list[Stage] = []
        for kernels, pool in architecture.stages:
            stages.append(Stage(channels, kernels, pool=pool))
            channels, height, width = kernels, height - 2, width - 2
            if pool:
                height, width = height // 2, width // 2
        self.stages = nn.ModuleList(stages)
        self.classifier = nn.Linear(channels * height * width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W), pixels/256, to logits (N, 10)."""
        x = x - self.centre
        for stage in self.stages:
            x = stage(x)
        return self.classifier(x.flatten(1))


def first_convolution(network: Network) -> nn.Conv2d:
    """The convolution that sees the image, and that templates go to."""
    convolution = network.stages[0].get_submodule("convolution")
    layers = [module for module in convolution.modules() if isinstance(module, nn.Conv2d)]
    return layers[0]


def initialise(network: Network, seed: int) -> None:
    """Draw all weights: the paper's Gaussian with a standard deviation of 1/sqrt(fan_in).

    All kernels are drawn, also those that templates replace, so that networks with and without
    templates begin with the same weights elsewhere.
    """
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan_in = module.weight[0].numel()
            with torch.no_grad():
                module.weight.normal_(0, fan_in**-0.5, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()


def build(options: Options) -> Network:
    """The network of a run with its initial weights, on the CPU.

    Raises
    ------
    InputError
        If the bank does not fit the first layer, or the base run cannot be read.
    """
    network = Network(ARCHITECTURES[options.data])
    initialise(network, options.seed)
    if options.templates != "none":
        first = first_convolution(network)
        shape = (first.out_channels, first.in_channels, 3, 3)
        fix_kernels(first, template_kernels(options.templates, shape=shape, fixed=options.fixed))
    apply_system(network, options)
    return network
