"""What images show of a model: its integers beside onnxruntime's, its accuracy, its zeros."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sw.images import check_frames, labels_of, read_images
from sw.numeric import IntRange

from .accuracy import Accuracy, accuracy_of, read_labels
from .compare import (
    LayerComparison,
    compare_layers,
    compare_output,
    onnxruntime_tensors,
    output_labels,
)
from .onnx_walk import Imported
from .reference import run
from .zeros import LayerZeros, layer_zeros

__all__ = ["Measured", "measure"]

_IMAGES_AT_ONCE = 256
"""Gone through together, to bound memory."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured on some images.

    Parameters
    ----------
    images : int
    compared : list of LayerComparison
        The layers, then the output of the whole.
    zeros : list of LayerZeros
        Of each layer that multiplies.
    accuracy : mapping of what gave the labels to Accuracy
        Empty where it is not known what is on the images.
    """

    images: int = 0
    compared: list[LayerComparison] = field(default_factory=list)
    zeros: list[LayerZeros] = field(default_factory=list)
    accuracy: dict[str, Accuracy] = field(default_factory=dict)

    def __add__(self, other: Measured) -> Measured:
        """On both images together."""
        if not self.images:
            return other
        return Measured(
            images=self.images + other.images,
            compared=[a + b for a, b in zip(self.compared, other.compared, strict=True)],
            zeros=[a + b for a, b in zip(self.zeros, other.zeros, strict=True)],
            accuracy={name: one + other.accuracy[name] for name, one in self.accuracy.items()},
        )


def measure(path: Path, imported: Imported, *, images: str, labels: Path | None) -> Measured:
    """Run a model file, and the golden network that was made of it.

    Parameters
    ----------
    path : Path
        The model file.
    imported : Imported
    images : str
        As ``--images`` names them.
    labels : Path, optional
        What is on them, where their name does not say that.

    Raises
    ------
    InputError
        If any of these cannot be used.
    """
    network, zero = imported.network, imported.network.input_zero_point
    frames = check_frames(
        read_images(images),
        shape=network.input_shape,
        limits=network.input_range + IntRange(zero, zero),
        name=str(path),
        where=images,
    )
    truth = labels_of(images) if labels is None else read_labels(labels, len(frames))
    found = Measured()
    for start in range(0, len(frames), _IMAGES_AT_ONCE):
        part = frames[start : start + _IMAGES_AT_ONCE]
        tensors, output = onnxruntime_tensors(path, imported, part)
        ours = run(part, network)
        accuracy: dict[str, Accuracy] = {}
        if truth is not None and ours.label is not None:
            here = truth[start : start + len(part)]
            theirs = output_labels(imported, tensors[output])
            accuracy = {
                "golden model": accuracy_of(ours.label, here),
                "onnxruntime": accuracy_of(theirs, here),
            }
        found += Measured(
            images=len(part),
            compared=[
                *compare_layers(imported, part, tensors),
                compare_output(imported, ours, tensors[output]),
            ],
            zeros=layer_zeros(part, network),
            accuracy=accuracy,
        )
    return found
