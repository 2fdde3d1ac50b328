"""Quantisation-aware training: a trained network with its scales as powers of two.

The normalisation is folded: a kernel's outputs are multiplied by ``2**g`` and offset. What is left
of the normalisation's factor, within the square root of two, goes through the ReLU to the next
layer's weights, so a trained kernel keeps its own unit. Formats:

- ``fixed8``: weights in units of 2**-8, not saturated to 8 bits, as the paper's numbers have it.
- ``int8``: weights of -127..127, in a unit for each kernel. Templates become +-1: their magnitude
  goes to the factor.

Activations are uint8 with zero point 0; biases are in the accumulator's unit.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from sw.numeric import IntArray

from .data import PIXEL_STEP
from .integers import IntegerLayer, IntegerNetwork
from .networks import Network, Stage
from .rounding import Activation, Rounded, rounded_bias, steps_of
from .templating import Templates, template_count

__all__ = ["FORMATS", "Quantised", "integers_of"]

FORMATS = ("fixed8", "int8")
FIXED8_STEP = 2.0**-8
LIMITS = {"fixed8": (1 << 15) - 1, "int8": 127}
"""Largest weight of a format; fixed8's is only what an ONNX file can hold."""


class QuantisedStage(nn.Module):
    """Convolution, power of two and bias, maximum, ReLU, rounding.

    Parameters
    ----------
    stage : Stage
        Trained; its convolution is taken over.
    format_name : {"fixed8", "int8"}
    """

    def __init__(self, stage: Stage, format_name: str) -> None:
        super().__init__()
        convolution, normalisation = stage.convolution, stage.normalisation
        assert isinstance(convolution, nn.Conv2d)
        assert normalisation.running_var is not None
        assert normalisation.running_mean is not None
        factor = (normalisation.running_var + normalisation.eps).rsqrt()
        offset = normalisation.bias.detach() - normalisation.running_mean * factor
        if format_name == "int8":
            factor = factor * _templates_to_signs(convolution)
        self.gain: Tensor
        self.register_buffer("gain", torch.exp2(factor.log2().round()))
        self.rest = factor / self.gain
        """What the next layer's weights have to make good, (K,)."""
        self.bias = nn.Parameter(offset / self.rest)
        self.convolution = convolution
        self.pool = stage.pool
        self.activation = Activation()

    def forward(self, x: Tensor, unit: Tensor) -> Tensor:
        """(N, C, H, W) in steps of ``unit`` to (N, K, OH, OW)."""
        bias = rounded_bias(self.bias, unit * self.gain * steps_of(self.convolution))
        y = self.convolution(x) * self.gain[:, None, None] + bias[:, None, None]
        if self.pool:
            y = functional.max_pool2d(y, 2)
        return self.activation(functional.relu(y))


class Quantised(nn.Module):
    """A trained network with rounded weights and activations, to be trained on.

    Parameters
    ----------
    network : Network
        Plain, trained; its weights are taken over.
    format_name : {"fixed8", "int8"}
    """

    def __init__(self, network: Network, format_name: str) -> None:
        super().__init__()
        self.architecture, self.centre = network.architecture, network.centre
        rest = torch.ones(self.architecture.input_shape[0])
        stages: list[QuantisedStage] = []
        for stage in network.stages:
            assert isinstance(stage, Stage)
            rounded = QuantisedStage(stage, format_name)
            _round(rounded.convolution, rest, format_name)
            rest = rounded.rest
            stages.append(rounded)
        self.stages = nn.ModuleList(stages)
        self.classifier = network.classifier
        _round(self.classifier, rest, format_name)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W), pixels/256, to logits (N, 10)."""
        unit = torch.tensor(PIXEL_STEP, device=x.device)
        x = x - self.centre
        for stage in self.stages:
            x = stage(x, unit)
            unit = stage.get_buffer("activation.step")
        bias = rounded_bias(self.classifier.bias, unit * steps_of(self.classifier))
        return functional.linear(x.flatten(1), self.classifier.weight, bias)


def _templates_to_signs(layer: nn.Conv2d) -> Tensor:
    """Make templates +-1 (and 0); return what all kernels' outputs must be multiplied by, (K,)."""
    factor = torch.ones(layer.out_channels)
    for module in layer.modules():
        if isinstance(module, Templates):
            factor[: len(module.kernels)] = module.kernels.abs().amax(dim=(1, 2, 3))
            module.kernels.sign_()
    return factor


def _round(layer: nn.Conv2d | nn.Linear, rest: Tensor, format_name: str) -> None:
    """Multiply the weights of each input channel by ``rest``, and round them from now on."""
    templates = template_count(layer)
    with torch.no_grad():
        if not templates:  # they are in the first layer, where nothing is left to make good
            columns = layer.weight.reshape(len(layer.weight), len(rest), -1)
            layer.weight.copy_((columns * rest[:, None]).reshape(layer.weight.shape))
        largest = layer.weight.abs().flatten(1).amax(dim=1)
    if format_name == "fixed8":
        steps = torch.full_like(largest, FIXED8_STEP)
    else:
        if isinstance(layer, nn.Linear):
            largest = largest.max().expand(len(largest))  # logits are compared: one unit for all
        steps = torch.exp2((largest / LIMITS[format_name]).log2().ceil())
        steps[:templates] = 1.0
    rounded = Rounded(steps, LIMITS[format_name])
    parametrize.register_parametrization(layer, "weight", rounded, unsafe=True)


def integers_of(network: Quantised) -> IntegerNetwork:
    """The integers that the network computes with, once its activations' steps are known."""
    layers: list[IntegerLayer] = []
    unit, centre = PIXEL_STEP, network.architecture.centre
    for stage in network.stages:
        assert isinstance(stage, QuantisedStage)
        step = float(stage.activation.step)
        places = {"centre": centre, "output": step, "pool": stage.pool}
        layers.append(_layer(stage.convolution, stage.gain, stage.bias, unit, **places))
        unit, centre = step, 0
    one = torch.ones(len(network.classifier.weight))
    layers.append(_layer(network.classifier, one, network.classifier.bias, unit))
    return IntegerNetwork(input_shape=network.architecture.input_shape, layers=tuple(layers))


def _layer(
    layer: nn.Module,
    gain: Tensor,
    bias: Tensor,
    unit: float,
    *,
    centre: int = 0,
    output: float | None = None,
    pool: bool = False,
) -> IntegerLayer:
    """A layer's integers, of inputs in steps of ``unit`` and outputs in steps of ``output``."""
    steps = steps_of(layer)
    with torch.no_grad():
        shape = (-1, *[1] * (layer.weight.ndim - 1))
        weight = _integers(layer.weight / steps.reshape(shape))
        offset = _integers(bias / (unit * gain * steps))
    centred = centre * weight.reshape(len(weight), -1).sum(axis=1)
    return IntegerLayer(
        weight=weight,
        bias=offset - centred,
        frac=_frac(gain * steps),
        input_frac=int(-np.log2(unit)),
        output_frac=None if output is None else int(-np.log2(output)),
        pool=pool,
    )


def _integers(values: Tensor) -> IntArray:
    return values.round().cpu().numpy().astype(np.int64)


def _frac(steps: Tensor) -> IntArray:
    return _integers(-steps.log2())
