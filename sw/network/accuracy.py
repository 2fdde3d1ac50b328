"""How many images a network gets right, where it is known what is on them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from sw.arrays import read_npy
from sw.cli import InputError
from sw.images import labels_of

__all__ = ["Accuracy", "accuracy_of", "float_top1", "read_labels", "say_accuracy"]


@dataclass(frozen=True)
class Accuracy:
    """``right`` of so many ``images``; as text ``9,862 of 10,000 images right, 98.62 %``."""

    right: int
    images: int

    def __add__(self, other: Accuracy) -> Accuracy:
        """Of both images together."""
        return Accuracy(self.right + other.right, self.images + other.images)

    def __str__(self) -> str:
        share = 100 * self.right / self.images
        return f"{self.right:,} of {self.images:,} images right, {share:.2f} %"


def accuracy_of(labels: npt.NDArray[np.integer], truth: npt.NDArray[np.integer]) -> Accuracy:
    """Of the labels that a network gave, and what is on the images; shapes (N,)."""
    return Accuracy(int(np.count_nonzero(labels == truth)), len(labels))


def read_labels(path: Path, count: int) -> npt.NDArray[np.integer]:
    """What is on ``count`` images: integers of shape (N,) in a ``.npy`` file.

    Raises
    ------
    InputError
        If it is another file, or not of so many.
    """
    try:
        labels = read_npy(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file of labels") from error
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"{path}: expected {count} integers, one an image, "
            f"got {labels.dtype} of shape {labels.shape}"
        )
    return cast("npt.NDArray[np.integer]", labels)


def float_top1(path: Path) -> float:
    """The top-1 accuracy, in percent, that a training run's ``run.json`` records.

    Raises
    ------
    InputError
        If it is no such record.
    """
    try:
        return float(json.loads(path.read_text(encoding="utf-8"))["result"]["top1"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"{path}: expected a training run's run.json with result.top1 ({error})"
        ) from error


def say_accuracy(name: str, outputs: Mapping[str, npt.NDArray[Any]]) -> None:
    """Print how many labels are right, if the images' name says what is on them.

    Parameters
    ----------
    name : str
        What ``--images`` was.
    outputs : mapping of name to array
        What a network gave, as the commands write it.
    """
    truth = labels_of(name)
    if truth is not None and "label" in outputs:
        print(f"accuracy: {accuracy_of(outputs['label'], truth)}")
