"""The systems that the paper stands on or compares with, each as a change of a plain network.

- ``binary``: a kernel is its mean magnitude times its signs, as XNOR-Net binarises weights
  (Rastegari et al., 2016).
- ``pow2``: a weight is a sign and a power of two, so that a product is a shift (Miyashita et al.,
  2016).
- ``lbcnn``: fixed sparse ternary kernels, a ReLU, and a learned 1x1 convolution (Juefei-Xu et al.,
  2017).
- ``clustered``: the 3x3 slices of a trained first layer are replaced by a few representatives and
  fixed; all else is trained further (Iuchi and Tsumura's accelerator).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sw.cluster import cluster

from .options import Options
from .store import load_model
from .templating import fix_kernels, kernels_of

if TYPE_CHECKING:
    from .networks import Network

__all__ = ["Binary", "LocalBinary", "PowerOfTwo", "apply_system"]

SMALLEST_EXPONENT = -8
"""Weights below half of ``2**SMALLEST_EXPONENT`` become that power: fixed8 has no smaller step."""
DENSITY = 0.5
"""Share of cells of a local binary kernel that are not 0; its authors find 0.5 to 0.9 alike."""


def straight_through(quantised: Tensor, weight: Tensor) -> Tensor:
    """``quantised`` to the bit, with the gradient of ``weight``."""
    return quantised.detach() + (weight - weight.detach())


class Binary(nn.Module):
    """A kernel as its mean magnitude times its signs."""

    def forward(self, weight: Tensor) -> Tensor:
        """(K, C, kh, kw) to the same, two values a kernel."""
        magnitude = weight.abs().mean(dim=(1, 2, 3), keepdim=True)
        signs = torch.where(weight < 0, -1.0, 1.0)
        return straight_through(magnitude * signs, weight)


class PowerOfTwo(nn.Module):
    """A weight as a sign and a power of two, at most 1 and at least 2**SMALLEST_EXPONENT."""

    def forward(self, weight: Tensor) -> Tensor:
        """(K, C, kh, kw) to the same."""
        smallest = 2.0**SMALLEST_EXPONENT
        exponent = weight.detach().abs().clamp(smallest, 1).log2().round()
        signs = torch.where(weight < 0, -1.0, 1.0)
        return straight_through(torch.exp2(exponent) * signs, weight)


class LocalBinary(nn.Sequential):
    """A convolution as fixed sparse ternary kernels, a ReLU, and a learned 1x1 convolution.

    Parameters
    ----------
    plain : nn.Conv2d
        What it replaces: the shapes and the 1x1 convolution's spread are its.
    generator : torch.Generator
    """

    def __init__(self, plain: nn.Conv2d, generator: torch.Generator) -> None:
        shape = plain.weight.shape
        cells = torch.rand(shape, generator=generator)
        signs = torch.where(torch.rand(shape, generator=generator) < 0.5, -1.0, 1.0)
        ternary = torch.where(cells < DENSITY, signs, 0.0)
        anchors = nn.Conv2d(plain.in_channels, plain.out_channels, 3, bias=False)
        fix_kernels(anchors, ternary)
        mix = nn.Conv2d(plain.out_channels, plain.out_channels, 1, bias=False)
        with torch.no_grad():
            mix.weight.normal_(0, plain.out_channels**-0.5, generator=generator)
        super().__init__(anchors, nn.ReLU(), mix)


def apply_system(network: Network, options: Options) -> None:
    """Turn a plain network into that of ``options.system``, in place."""
    match options.system:
        case "binary" | "pow2":
            kind = Binary if options.system == "binary" else PowerOfTwo
            for _, layer in _convolutions(network):
                parametrize.register_parametrization(layer, "weight", kind())
        case "lbcnn":
            generator = torch.Generator().manual_seed(options.seed)
            for stage, layer in _convolutions(network):
                stage.convolution = LocalBinary(layer, generator)
        case "clustered":
            load_model(network, Path(options.base))
            _cluster_first(network, options)
        case _:
            pass


def _convolutions(network: Network) -> Iterator[tuple[nn.Module, nn.Conv2d]]:
    for stage in network.stages:
        layer = stage.convolution
        assert isinstance(layer, nn.Conv2d)
        yield stage, layer


def _cluster_first(network: Network, options: Options) -> None:
    _, first = next(_convolutions(network))
    weight = kernels_of(first)
    slices = weight.reshape(-1, weight[0, 0].size)
    centres, nearest = cluster(slices, options.clusters, seed=options.seed)
    shared = centres[nearest].astype(np.float32).reshape(weight.shape)
    fix_kernels(first, torch.from_numpy(shared))
