"""The network of a run as its training begins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from sw.cli import InputError

from .networks import Network, architecture_of, first_convolution
from .options import Options
from .quantise import Quantised
from .store import load_model
from .systems import apply_system
from .templating import fix_kernels, kernels_of, template_count, template_kernels

__all__ = ["build", "initialise"]


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


def build(options: Options) -> Network | Quantised:
    """The network of a run as its training begins, on the CPU.

    Raises
    ------
    InputError
        If the bank does not fit the first layer, or the base run cannot be read.
    """
    network = Network(architecture_of(options))
    initialise(network, options.seed)
    if options.templates != "none":
        first = first_convolution(network)
        shape = (first.out_channels, first.in_channels, 3, 3)
        fix_kernels(first, template_kernels(options.templates, shape=shape, fixed=options.fixed))
    apply_system(network, options)
    if options.format == "float":
        return network
    _load_base(network, options)
    return Quantised(network, options.format)


def _load_base(network: Network, options: Options) -> None:
    """Load the trained run, which must have the same templates."""
    ours = kernels_of(first_convolution(network))
    load_model(network, Path(options.base))
    theirs = kernels_of(first_convolution(network))
    fixed = template_count(first_convolution(network))
    if not np.array_equal(ours[:fixed], theirs[:fixed]):
        raise InputError(
            f"base {options.base}: has other templates than {options.templates}; name those that "
            "it was trained with"
        )
