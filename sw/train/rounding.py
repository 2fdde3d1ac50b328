"""Rounding to powers of two as parts of a network in training: gradients go straight through."""

from __future__ import annotations

from math import inf

import torch
from torch import Tensor, nn

from .integers import ACTIVATION
from .systems import straight_through

__all__ = ["Activation", "Rounded", "rounded_bias", "steps_of"]

_EXPONENTS = range(-10, 3)
"""Units that an activation may get, as powers of two."""


class Rounded(nn.Module):
    """Weights as multiples of a step a kernel; gradients pass where nothing is clipped.

    Parameters
    ----------
    steps : Tensor, shape (K,)
        Powers of two.
    largest : int
        Of a weight, in steps.
    """

    def __init__(self, steps: Tensor, largest: int) -> None:
        super().__init__()
        self.steps: Tensor
        self.register_buffer("steps", steps)
        self._largest = largest

    def forward(self, weight: Tensor) -> Tensor:
        """(K, ...) to the same."""
        zero = torch.zeros(len(self.steps), dtype=torch.int32, device=weight.device)
        return torch.fake_quantize_per_channel_affine(
            weight, self.steps, zero, 0, -self._largest, self._largest
        )


class Activation(nn.Module):
    """Activations of 8 bits; their step is set by the first batch of training, once."""

    def __init__(self) -> None:
        super().__init__()
        self.step: Tensor
        self.register_buffer("step", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Any shape, not negative, to the same."""
        if self.training and self.step == 0:
            self.step.copy_(torch.tensor(_best_step(x.detach())))
        return self.rounded(x, self.step)

    @staticmethod
    def rounded(x: Tensor, step: Tensor) -> Tensor:
        """``x`` as 0 to 255 steps."""
        zero = torch.zeros((), dtype=torch.int32, device=x.device)
        return torch.fake_quantize_per_tensor_affine(x, step, zero, ACTIVATION.lo, ACTIVATION.hi)


def _best_step(x: Tensor) -> float:
    """The power of two with the least squared error on ``x``."""
    best, least = 0.0, inf
    for exponent in _EXPONENTS:
        step = torch.tensor(2.0**exponent, device=x.device)
        error = float((Activation.rounded(x, step) - x).square().mean())
        if error < least:
            best, least = float(step), error
    return best


def rounded_bias(bias: Tensor, unit: Tensor) -> Tensor:
    """Biases in whole accumulator units, (K,)."""
    return straight_through((bias.detach() / unit).round() * unit, bias)


def steps_of(layer: nn.Module) -> Tensor:
    """The units of a rounded layer's weights, (K,)."""
    return next(module.steps for module in layer.modules() if isinstance(module, Rounded))
