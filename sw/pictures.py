"""A picture file as a network's input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .cli import InputError
from .images import ImageError, Images
from .network.config import NetworkConfig
from .network.images import check_network_images

__all__ = ["load_picture"]

_MODES = {1: "L", 3: "RGB"}


def load_picture(path: Path, config: NetworkConfig, *, invert: bool = False) -> Images:
    """A picture (PNG, JPEG or what else Pillow reads) in the network's size and channels.

    A picture of another size is scaled, by Lanczos' filter.

    Parameters
    ----------
    path : Path
    config : NetworkConfig
    invert : bool
        Dark and light exchanged: for dark ink on light paper, where the network was trained on
        light ink.

    Returns
    -------
    Images, shape (1, C, H, W)

    Raises
    ------
    ImageError
        If it cannot be read, or the network takes no pictures.
    """
    channels, height, width = config.network.input_shape
    if channels not in _MODES:
        raise ImageError(f"{path}: {config.name} takes {channels} channels, a picture has 1 or 3")
    try:
        from PIL import Image, ImageOps  # noqa: PLC0415 (an extra: the rest of sw does without)
    except ModuleNotFoundError as error:
        raise InputError("Pillow is not installed: pip install pillow") from error
    try:
        with Image.open(path) as file:
            picture: Any = file.convert(_MODES[channels])
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path}: not a picture that can be read: {error}") from error
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    if invert:
        picture = ImageOps.invert(picture)
    pixels = np.asarray(picture, np.uint8).reshape(height, width, channels)
    return check_network_images(pixels.transpose(2, 0, 1)[np.newaxis], config, str(path))
