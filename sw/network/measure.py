"""What images show of a model: its integers beside onnxruntime's, its accuracy, its zeros."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sw.cli import InputError
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
from .graph import Network
from .onnx_walk import Imported
from .reference import Outputs, run
from .zeros import LayerZeros, layer_zeros

__all__ = ["Measured", "measure", "read_outputs"]

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
    given : list of LayerComparison
        Of outputs that were given, none or one.
    """

    images: int = 0
    compared: list[LayerComparison] = field(default_factory=list)
    zeros: list[LayerZeros] = field(default_factory=list)
    accuracy: dict[str, Accuracy] = field(default_factory=dict)
    given: list[LayerComparison] = field(default_factory=list)

    def __add__(self, other: Measured) -> Measured:
        """On both images together."""
        if not self.images:
            return other
        return Measured(
            images=self.images + other.images,
            compared=[a + b for a, b in zip(self.compared, other.compared, strict=True)],
            zeros=[a + b for a, b in zip(self.zeros, other.zeros, strict=True)],
            accuracy={name: one + other.accuracy[name] for name, one in self.accuracy.items()},
            given=[a + b for a, b in zip(self.given, other.given, strict=True)],
        )


def read_outputs(path: Path, network: Network, count: int) -> Outputs:
    """What ``sim.run`` or ``sw.reference`` wrote of ``count`` images.

    Raises
    ------
    InputError
        If it is another file, or of another network or other images.
    """
    names = ["logits", "label"] if network.classifies else ["y"]
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = [stored[name] for name in names]
        frames = arrays[0].reshape(count, *network.output_shape)
        label = arrays[1].reshape(count) if network.classifies else None
    except (OSError, ValueError, LookupError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: expected {' and '.join(names)} of {count} images, as sim.run writes them "
            f"({error})"
        ) from error
    return Outputs(frames=frames, label=label)


def measure(
    path: Path,
    imported: Imported,
    *,
    images: str,
    labels: Path | None = None,
    outputs: Path | None = None,
) -> Measured:
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
    outputs : Path, optional
        What ``sim.run`` wrote of them, to be compared too.

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
    theirs = None if outputs is None else read_outputs(outputs, network, len(frames))
    found = Measured()
    for start in range(0, len(frames), _IMAGES_AT_ONCE):
        part = frames[start : start + _IMAGES_AT_ONCE]
        tensors, output = onnxruntime_tensors(path, imported, part)
        ours, here = run(part, network), slice(start, start + len(part))
        accuracy: dict[str, Accuracy] = {}
        if truth is not None and ours.label is not None:
            accuracy = {
                "golden model": accuracy_of(ours.label, truth[here]),
                "onnxruntime": accuracy_of(output_labels(imported, tensors[output]), truth[here]),
            }
        found += Measured(
            images=len(part),
            compared=[
                *compare_layers(imported, part, tensors),
                compare_output(imported, ours, tensors[output]),
            ],
            zeros=layer_zeros(part, network),
            accuracy=accuracy,
            given=[] if theirs is None else [_given(imported, theirs, here, tensors[output])],
        )
    return found


def _given(
    imported: Imported, outputs: Outputs, here: slice, output: npt.NDArray[Any]
) -> LayerComparison:
    """Some of the outputs that were given; their labels must be those of their logits."""
    label = None if outputs.label is None else outputs.label[here]
    found = compare_output(imported, Outputs(frames=outputs.frames[here], label=label), output)
    if label is None:
        return found
    labels = outputs.frames[here].reshape(len(label), -1).argmax(axis=1)
    wrong = int(np.count_nonzero(labels != label))
    return replace(found, differing=found.differing + wrong, values=found.values + len(label))
