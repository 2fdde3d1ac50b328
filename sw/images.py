"""Images for an engine: reading them from a file or the repository's samples, and checking them.

Used by every command that takes ``--images``, so that all refuse the same files alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from .arrays import read_npy
from .cli import InputError
from .config import EngineConfig
from .datasets.catalogue import DataError
from .datasets.samples import load_samples
from .numeric import IntRange

__all__ = [
    "IMAGES_HELP",
    "ImageError",
    "Images",
    "check_frames",
    "check_images",
    "load_images",
    "read_images",
]

Images = npt.NDArray[np.integer]
"""Pixels in units of the layer's input format, shape (N, C, H, W), of any integer type."""

IMAGES_HELP = (
    "integers of shape (N, C, H, W) in a .npy file, or samples:cifar10 or samples:mnist for the "
    "1,000 test images in the repository (samples:cifar10:200 for the first 200)"
)
"""Help of an ``--images`` option."""

_SAMPLES = "samples:"


class ImageError(InputError):
    """Images that cannot be used; the message names the file, the field and what was expected."""


def check_images(images: npt.NDArray[np.generic], config: EngineConfig, where: str) -> Images:
    """Refuse images that do not fit the layer; give back the others, contiguous.

    As :func:`check_frames`, for the input of an engine.
    """
    layer = config.layer
    return check_frames(
        images,
        shape=layer.input_shape,
        limits=layer.input_format.range,
        name=config.name,
        where=where,
    )


def check_frames(
    images: npt.NDArray[np.generic],
    *,
    shape: tuple[int, int, int],
    limits: IntRange,
    name: str,
    where: str,
) -> Images:
    """Refuse images that do not fit what they are for; give back the others, contiguous.

    Parameters
    ----------
    images : array
    shape : (C, H, W)
    limits : IntRange
        Of every value.
    name : str
        Of what they are the input of.
    where : str
        What to call the images in an error: the file's name.

    Returns
    -------
    Images
        The same values and type, in C order and native byte order.

    Raises
    ------
    ImageError
        If they are not integers, not (N, C, H, W) with N at least 1, or out of range.
    """
    channels, height, width = shape
    if not np.issubdtype(images.dtype, np.integer):
        raise ImageError(f"{where}: dtype: expected integers, got {images.dtype}")
    if images.ndim != 4 or images.shape[1:] != shape:
        raise ImageError(
            f"{where}: shape: expected (N, {channels}, {height}, {width}), the input of "
            f"{name}, got {images.shape}"
        )
    if not len(images):
        raise ImageError(f"{where}: shape: expected at least 1 image, got {images.shape}")
    if not limits.contains(images):
        kind = "signed" if limits.signed else "unsigned"
        raise ImageError(
            f"{where}: values: expected {limits.lo}..{limits.hi} ({limits.bits} {kind} "
            f"bits), got {images.min()}..{images.max()}"
        )
    native = images.dtype.newbyteorder("=")
    return cast("Images", np.ascontiguousarray(images, dtype=native))


def _load_samples(name: str) -> npt.NDArray[np.uint8]:
    dataset, separator, text = name.removeprefix(_SAMPLES).partition(":")
    try:
        images = load_samples(dataset).images
    except DataError as error:
        raise ImageError(f"{name}: {error}") from error
    if not separator:
        return images
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= len(images)):
        raise ImageError(f"{name}: count: expected 1 to {len(images)}, got {text!r}")
    return images[: int(text)]


def _load_file(path: Path) -> npt.NDArray[np.generic]:
    try:
        return read_npy(path)
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such image file; expected {IMAGES_HELP}") from error
    except ValueError as error:
        raise ImageError(f"{path}: {error}") from error


def read_images(path: str | Path) -> npt.NDArray[np.generic]:
    """The array that ``--images`` names, whatever is in it.

    Parameters
    ----------
    path : str or Path
        A ``.npy`` file, or ``samples:NAME[:COUNT]``.

    Raises
    ------
    ImageError
        If the file cannot be read.
    """
    name = str(path)
    return _load_samples(name) if name.startswith(_SAMPLES) else _load_file(Path(path))


def load_images(path: str | Path, config: EngineConfig) -> Images:
    """The images that ``--images`` names: :func:`read_images`, checked for an engine.

    Raises
    ------
    ImageError
        As :func:`check_images`, or if the file cannot be read.
    """
    return check_images(read_images(path), config, str(path))
