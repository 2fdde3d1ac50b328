"""Batches for training: shuffled and augmented by seed and epoch alone, so that runs resume."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sw.cli import InputError
from sw.data import DataError, Dataset, load, load_samples

from .options import Options

__all__ = ["PIXEL_STEP", "Augmentation", "Batches", "load_pair", "to_input"]

PIXEL_STEP = 1 / 256
"""The network sees pixel/256, the paper's ``fixed8`` input: the first layer is the engine's."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What is done to a training image.

    Parameters
    ----------
    shift : int
        Largest shift in pixels, each way; zeros come in.
    flip : bool
        Mirror every second image, left to right.
    """

    shift: int
    flip: bool


AUGMENTATIONS = {
    "mnist": Augmentation(shift=2, flip=False),
    "cifar10": Augmentation(shift=4, flip=True),
}


def load_pair(options: Options, folder: str = "data") -> tuple[Dataset, Dataset]:
    """Training and test images; with ``options.samples`` the repository's own, for both.

    Raises
    ------
    InputError
        If the full set is not in ``folder``.
    """
    try:
        if options.samples:
            samples = load_samples(options.data)
            return samples, samples
        return load(options.data, "train", folder), load(options.data, "test", folder)
    except DataError as error:
        raise InputError(str(error)) from error


def to_input(images: NDArray[np.uint8], device: str = "cpu") -> Tensor:
    """What a network takes: float32 (N, C, H, W), channels last in memory, pixels/256.

    Parameters
    ----------
    images : array of uint8, shape (N, H, W, C)
    """
    pixels = torch.from_numpy(images).to(device)
    return pixels.permute(0, 3, 1, 2).float() * PIXEL_STEP


class Batches:
    """A data set in batches of one size; what is left over at an epoch's end is dropped.

    Parameters
    ----------
    data : Dataset
    batch : int
    augmentation : Augmentation
    seed : int
    """

    def __init__(self, data: Dataset, *, batch: int, augmentation: Augmentation, seed: int) -> None:
        shift = augmentation.shift
        self._padded = np.ascontiguousarray(
            np.pad(data.images, ((0, 0), (0, 0), (shift, shift), (shift, shift))).transpose(
                0, 2, 3, 1
            )
        )
        self._labels = data.labels.astype(np.int64)
        self._shape = data.images.shape[2:]
        self._batch, self._augmentation, self._seed = batch, augmentation, seed

    def __len__(self) -> int:
        return len(self._labels) // self._batch

    def epoch(self, epoch: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """The batches of an epoch: images (N, H, W, C) and labels; the same at each call."""
        generator = np.random.default_rng([self._seed, epoch])
        order = generator.permutation(len(self._labels))[: len(self) * self._batch]
        for chosen in order.reshape(-1, self._batch):
            yield self._images(chosen, generator), self._labels[chosen]

    def _images(
        self, chosen: NDArray[np.int64], generator: np.random.Generator
    ) -> NDArray[np.uint8]:
        height, width = self._shape
        down, right = generator.integers(0, 2 * self._augmentation.shift + 1, (2, len(chosen), 1))
        rows, columns = down + np.arange(height), right + np.arange(width)
        if self._augmentation.flip:
            mirrored = generator.random(len(chosen)) < 0.5
            columns = np.where(mirrored[:, np.newaxis], columns[:, ::-1], columns)
        return self._padded[
            chosen[:, np.newaxis, np.newaxis], rows[:, :, np.newaxis], columns[:, np.newaxis]
        ]
