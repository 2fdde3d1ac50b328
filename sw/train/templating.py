"""Kernel templating: part of a convolution's kernels are fixed, and no parameters at all.

The templates are a buffer, so that they have neither gradient nor optimiser state; the learned
kernels are the parameter that is left.
"""

from __future__ import annotations

from math import prod

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sw.cli import InputError
from sw.initial import template_magnitude
from sw.templates import named_bank

__all__ = ["Templates", "fix_kernels", "kernels_of", "template_count", "template_kernels"]


def template_kernels(
    bank: str, *, shape: tuple[int, int, int, int], fixed: int | None = None
) -> Tensor:
    """The kernels to fix: the bank's patterns times A = 3/sqrt(fan_in).

    Parameters
    ----------
    bank : str
        As :func:`sw.templates.named_bank` takes it.
    shape : (K, C, kh, kw)
        Of the layer's weight.
    fixed : int, optional
        How many; the whole bank where it is None.

    Returns
    -------
    Tensor, shape (fixed, C, kh, kw)

    Raises
    ------
    InputError
        If the bank does not fit the layer.
    """
    patterns = named_bank(bank)
    count = len(patterns) if fixed is None else fixed
    if patterns.ndim == 3:  # alike in all channels
        patterns = np.repeat(patterns[:, np.newaxis], shape[1], axis=1)
    if patterns.shape[1:] != shape[1:]:
        raise InputError(f"templates {bank}: kernels are {patterns.shape[1:]}, not {shape[1:]}")
    if not 1 <= count <= min(len(patterns), shape[0]):
        raise InputError(
            f"fixed must be 1 to {min(len(patterns), shape[0])}, not {count}: the bank {bank} has "
            f"{len(patterns)} patterns, the layer {shape[0]} kernels"
        )
    return torch.from_numpy(patterns[:count]).float() * template_magnitude(prod(shape[1:]))


class Templates(nn.Module):
    """Makes a layer's weight of its learned kernels: the templates first, then those.

    Parameters
    ----------
    kernels : Tensor, shape (F, C, kh, kw)
    """

    def __init__(self, kernels: Tensor) -> None:
        super().__init__()
        self.kernels: Tensor
        self.register_buffer("kernels", kernels.clone())

    def forward(self, learned: Tensor) -> Tensor:
        """The weight (K, C, kh, kw), from the learned kernels (K - F, C, kh, kw)."""
        return torch.cat([self.kernels, learned])

    def right_inverse(self, weight: Tensor) -> Tensor:
        """The learned kernels of a weight; what stood in the templates' place is dropped."""
        return weight[len(self.kernels) :]


def fix_kernels(layer: nn.Conv2d, kernels: Tensor) -> None:
    """Fix the first kernels of ``layer``; the others stay as they are.

    Where all are fixed, the layer has no gradient at all and its backward step falls away.
    """
    parametrize.register_parametrization(layer, "weight", Templates(kernels), unsafe=True)
    if len(kernels) == layer.out_channels:
        for parameter in layer.parameters():
            parameter.requires_grad_(False)


def template_count(layer: nn.Module) -> int:
    """How many of the layer's kernels are fixed."""
    return sum(len(m.kernels) for m in layer.modules() if isinstance(m, Templates))


def kernels_of(layer: nn.Conv2d) -> np.ndarray:
    """The layer's whole weight as it computes now, (K, C, kh, kw) of float32."""
    return np.ascontiguousarray(layer.weight.detach().cpu().numpy())
