"""Images for a network: those of :mod:`sw.images`, checked against the network's input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from sw.images import Images, check_frames, read_images
from sw.numeric import IntRange

from .config import NetworkConfig

__all__ = ["check_network_images", "load_network_images"]


def check_network_images(
    images: npt.NDArray[np.generic], config: NetworkConfig, where: str
) -> Images:
    """Refuse images that are not the words of the network's input quantiser, (N, C, H, W).

    Raises
    ------
    ImageError
        See :func:`sw.images.check_frames`.
    """
    network = config.network
    zero = network.input_zero_point
    return check_frames(
        images,
        shape=network.input_shape,
        limits=network.input_range + IntRange(zero, zero),
        name=config.name,
        where=where,
    )


def load_network_images(path: str | Path, config: NetworkConfig) -> Images:
    """The images that ``--images`` names: a file, or those with a name of their own."""
    return check_network_images(read_images(path), config, str(path))
