"""Images for an engine: reading them from a file or the repository's samples, and checking them.

Used by every command that takes ``--images``, so that all refuse the same files alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from .arrays import read_npy
from .cli import InputError
from .config import EngineConfig
from .datasets.catalogue import DataError, Dataset
from .datasets.samples import load_samples
from .datasets.store import load
from .numeric import IntRange

__all__ = [
    "IMAGES_HELP",
    "ImageError",
    "Images",
    "check_frames",
    "check_images",
    "labels_of",
    "load_images",
    "read_images",
]

Images = npt.NDArray[np.integer]
"""Pixels in units of the layer's input format, shape (N, C, H, W), of any integer type."""

IMAGES_HELP = (
    "integers of shape (N, C, H, W) in a .npy file, or samples:cifar10 or samples:mnist for the "
    "1,000 test images in the repository (samples:cifar10:200 for the first 200), or test:cifar10 "
    "or test:mnist for the 10,000 that `python -m sw.data` stored in data/"
)
"""Help of an ``--images`` option."""

_KINDS: Mapping[str, Callable[[str], Dataset]] = {
    "samples": load_samples,
    "test": partial(load, split="test"),
}
"""Of the names that are not those of files."""


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


def _load_named(name: str) -> Dataset | None:
    """The images that ``KIND:NAME[:COUNT]`` names, and what is on them; None of a file's name."""
    kind, colon, rest = name.partition(":")
    if not colon or kind not in _KINDS:
        return None
    dataset, separator, text = rest.partition(":")
    try:
        found = _KINDS[kind](dataset)
    except DataError as error:
        raise ImageError(f"{name}: {error}") from error
    if not separator:
        return found
    count = len(found.images)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= count):
        raise ImageError(f"{name}: count: expected 1 to {count}, got {text!r}")
    return Dataset(found.images[: int(text)], found.labels[: int(text)], found.source)


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
        A ``.npy`` file, ``samples:NAME[:COUNT]`` or ``test:NAME[:COUNT]``.

    Raises
    ------
    ImageError
        If the file cannot be read.
    """
    named = _load_named(str(path))
    return _load_file(Path(path)) if named is None else named.images


def labels_of(name: str) -> npt.NDArray[np.integer] | None:
    """What is on the images that ``--images`` names; None of a file's.

    Raises
    ------
    ImageError
        As :func:`read_images`.
    """
    named = _load_named(name)
    return None if named is None else named.labels


def load_images(path: str | Path, config: EngineConfig) -> Images:
    """The images that ``--images`` names: :func:`read_images`, checked for an engine.

    Raises
    ------
    ImageError
        As :func:`check_images`, or if the file cannot be read.
    """
    return check_images(read_images(path), config, str(path))
