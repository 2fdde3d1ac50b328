"""A network beside onnxruntime on the same file: every integer that it has, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from sw.cli import InputError

from .onnx_walk import Imported, Tensor
from .reference import Outputs, layer_outputs

__all__ = [
    "LayerComparison",
    "compare_layers",
    "compare_output",
    "onnxruntime_tensors",
    "output_labels",
]


@dataclass(frozen=True, kw_only=True)
class LayerComparison:
    """One layer's integers beside the file's.

    Parameters
    ----------
    layer : str
    values : int
        Values compared.
    differing : int
        Of those, such as differ.
    steps : int
        The largest difference.
    images : int
        Images with a difference.
    """

    layer: str
    values: int
    differing: int
    steps: int
    images: int

    def __add__(self, other: LayerComparison) -> LayerComparison:
        """The same layer on further images."""
        return LayerComparison(
            layer=self.layer,
            values=self.values + other.values,
            differing=self.differing + other.differing,
            steps=max(self.steps, other.steps),
            images=self.images + other.images,
        )


def compare_layers(
    imported: Imported,
    images: npt.NDArray[np.integer],
    tensors: Mapping[str, npt.NDArray[Any]],
) -> list[LayerComparison]:
    """Each layer by itself: it gets what the file's tensors say, so no difference is carried on.

    Parameters
    ----------
    imported : Imported
    images : array of int, shape (N, C, H, W)
    tensors : mapping of name to array
        The tensors of ``imported.tensors``, as whatever runs the file gives them.
    """
    network, found = imported.network, []
    values = images.astype(np.int64) - network.input_zero_point
    for layer in network.layers:
        values = layer_outputs(values, layer)
        tensor = imported.tensors.get(layer.name)
        if tensor is None:
            continue
        expected = _units(tensor, tensors[tensor.name]).reshape(values.shape)
        difference = np.abs(values - expected)
        found.append(_comparison(layer.name, difference))
        values = expected
    return found


def compare_output(imported: Imported, ours: Outputs, output: npt.NDArray[Any]) -> LayerComparison:
    """The whole network: its logits, or its labels where the file has no logits left.

    Parameters
    ----------
    ours : Outputs
        What :func:`sw.network.reference.run` gives.
    output : array
        The file's output, as whatever runs the file gives it.
    """
    if imported.output == "logits":
        units = np.rint(output.astype(np.float64) / imported.output_scale).astype(np.int64)
        streamed = ours.frames - imported.network.output_zero_point
        return _comparison("logits", np.abs(streamed - units.reshape(streamed.shape)))
    assert ours.label is not None
    return _comparison("label", np.abs(ours.label - output_labels(imported, output)))


def output_labels(imported: Imported, output: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The labels of a file's output, shape (N,)."""
    labels = output if imported.output == "label" else output.reshape(len(output), -1).argmax(1)
    return labels.reshape(-1).astype(np.int64)


def _comparison(layer: str, difference: npt.NDArray[np.int64]) -> LayerComparison:
    return LayerComparison(
        layer=layer,
        values=difference.size,
        differing=int(np.count_nonzero(difference)),
        steps=int(difference.max()),
        images=int(difference.reshape(len(difference), -1).any(axis=1).sum()),
    )


def _units(tensor: Tensor, values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """What a tensor of the file has, as it streams."""
    if tensor.real:
        return np.rint(values.astype(np.float64) / tensor.scale).astype(np.int64)
    return values.astype(np.int64) - tensor.zero_point


def onnxruntime_tensors(
    path: Path, imported: Imported, images: npt.NDArray[np.integer], *, optimise: bool = True
) -> tuple[dict[str, npt.NDArray[Any]], str]:
    """(what onnxruntime gives for the tensors of ``imported``, the output's name).

    Parameters
    ----------
    images : array of int, shape (N, C, H, W)
        Words of the input's quantiser.
    optimise : bool
        With onnxruntime's optimisations of the graph, as it runs by default.

    Raises
    ------
    InputError
        If onnxruntime is not installed, or cannot run the file.
    """
    try:
        import onnxruntime as ort  # noqa: PLC0415 (no part of what is needed to build a network)
    except ModuleNotFoundError as error:
        raise InputError("comparing needs onnxruntime: pip install onnxruntime") from error
    model = onnx.load(path, load_external_data=False)
    present = {value.name for value in model.graph.output}
    model.graph.output.extend(
        helper.make_empty_tensor_value_info(name)
        for name in dict.fromkeys(tensor.name for tensor in imported.tensors.values())
        if name not in present
    )
    options = ort.SessionOptions()
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimise else level.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        found = _run(session, imported, images)
    except Exception as error:
        reason = str(error).splitlines()[0][:200]
        raise InputError(f"{path}: onnxruntime cannot run it: {reason}") from error
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, found, strict=True)), model.graph.output[0].name


def _run(
    session: Any, imported: Imported, images: npt.NDArray[np.integer]
) -> list[npt.NDArray[Any]]:
    """The session's outputs, of all images at once, or of one after the other if it is made so."""
    source = session.get_inputs()[0]
    feed = images
    if "float" in source.type:
        zero, scale = imported.network.input_zero_point, np.float32(imported.input_scale)
        feed = ((images.astype(np.int64) - zero) * scale).astype(np.float32)
    if len(source.shape) == 2:
        feed = feed.reshape(len(feed), -1)
    if source.shape[0] != 1:
        return session.run(None, {source.name: feed})
    parts = [session.run(None, {source.name: image[np.newaxis]}) for image in feed]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]
