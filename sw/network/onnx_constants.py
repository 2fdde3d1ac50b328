"""What a model file's graph makes of its own arrays: weights as integers, biases, shapes.

A node whose inputs are all known is computed here, in the order of the file; what is left is the
chain that the images go through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sw.numeric import IntArray, IntRange

from .graph import NetworkError
from .onnx_file import MAX_ELEMENTS, Array, Model, Node

__all__ = ["Constants", "Grid", "Quantised", "grid_of_quant", "grid_of_quantize"]

FloatArray = npt.NDArray[np.float64]

_MAX_SCALE = 2.0**40
"""So that no product of three overflows a float32."""

_WORK = 4 * MAX_ELEMENTS
"""Elements that all constant nodes together may make: a chain of them cannot take for ever."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """The numbers that a quantiser can give: ``scale * (q - zero_point)``, q in ``words``.

    Parameters
    ----------
    scale : array of float64
        Of one element, or one a channel.
    zero_point : IntArray
        Of one element, or of as many as ``scale``.
    words : IntRange
        Of q.
    axis : int
        The channels' axis, where there are several.
    """

    scale: FloatArray
    zero_point: IntArray
    words: IntRange
    axis: int = 0

    @property
    def limits(self) -> IntRange:
        """Of ``q - zero_point``, with one zero point."""
        zero = int(self.zero_point.reshape(-1)[0])
        return IntRange(self.words.lo - zero, self.words.hi - zero)

    def spread(self, values: Array, shape: tuple[int, ...]) -> Array:
        """``values``, one or one a channel, shaped to broadcast over ``shape``."""
        if values.size == 1:
            return values.reshape((1,) * len(shape))
        if self.axis >= len(shape) or values.size != shape[self.axis]:
            raise NetworkError(
                f"{values.size} scales or zero points for axis {self.axis} of shape {shape}"
            )
        return values.reshape([-1 if a == self.axis else 1 for a in range(len(shape))])


@dataclass(frozen=True, kw_only=True, eq=False)
class Quantised:
    """A constant that is ``values * scale``: integers without their zero point.

    Parameters
    ----------
    values : IntArray
    scale : array of float64
        Broadcasts over ``values``.
    zero : IntArray
        What was taken off the words to get ``values``; broadcasts over them.
    """

    values: IntArray
    scale: FloatArray
    zero: IntArray

    @property
    def real(self) -> FloatArray:
        """What it stands for."""
        return self.values * self.scale

    def moved(self, move: Callable[[Array], Array]) -> Quantised:
        """With its cells in other places; the scales go along."""

        def moved(array: Array) -> Array:
            if array.size == 1:
                return array.reshape(())
            return np.asarray(move(np.broadcast_to(array, self.values.shape)))

        return Quantised(
            values=np.asarray(move(self.values)), scale=moved(self.scale), zero=moved(self.zero)
        )


Constant = Array | Quantised


class Constants:
    """The constants of a model, by name.

    Parameters
    ----------
    model : Model
        Every node that depends on arrays alone is computed.
    """

    def __init__(self, model: Model) -> None:
        self._known: dict[str, Constant] = dict(model.arrays)
        self._budget = _WORK
        for node in model.nodes:
            compute = _OPERATORS.get(node.operator)
            if compute is None or any(name and name not in self._known for name in node.inputs):
                continue
            self._known[node.output] = self._computed(node, compute)

    def _computed(self, node: Node, compute: Callable[[Constants, Node], Constant]) -> Constant:
        try:
            result = compute(self, node)
        except NetworkError as error:
            raise node.error(str(error)) from error
        except (ValueError, TypeError, IndexError, OverflowError) as error:
            raise node.error("its inputs or attributes do not fit each other") from error
        self._budget -= (result.values if isinstance(result, Quantised) else result).size
        if self._budget < 0:
            raise node.error(f"constant nodes make more than {_WORK} values (fold them first)")
        return result

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def any(self, node: Node, index: int) -> Constant | None:
        """An input of a node; None if it is left out.

        Raises
        ------
        NetworkError
            If it is no constant.
        """
        name = node.inputs[index] if index < len(node.inputs) else ""
        if not name:
            return None
        if name not in self._known:
            raise node.error(f"input {index} must be a constant of the model")
        return self._known[name]

    def array(self, node: Node, index: int, what: str) -> Array:
        """An input that is there, as plain numbers; all finite."""
        found = self.any(node, index)
        if found is None:
            raise node.error(f"input {index}, {what}, is missing")
        array = found.real if isinstance(found, Quantised) else found
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise node.error(f"input {index}, {what}: expected finite numbers")
        return array

    def scale(self, node: Node, index: int) -> FloatArray:
        """An input that is a scale or several."""
        scale = self.array(node, index, "the scale").astype(np.float64)
        if not scale.size or not ((scale >= 1 / _MAX_SCALE) & (scale <= _MAX_SCALE)).all():
            raise node.error(
                f"input {index}, the scale: expected positive numbers, 2**-40 to 2**40"
            )
        return scale.reshape(-1)

    def single(self, node: Node, index: int, what: str) -> float:
        """An input of one number."""
        array = self.array(node, index, what)
        if array.size != 1:
            raise node.error(f"input {index}, {what}: expected one number, got {array.shape}")
        return float(array.reshape(-1)[0])

    def integers(self, node: Node, index: int, what: str) -> IntArray:
        """An input of whole numbers, of any type."""
        array = self.array(node, index, what)
        whole = array.astype(np.float64)
        if (np.rint(whole) != whole).any() or (np.abs(whole) > 1 << 40).any():
            raise node.error(f"input {index}, {what}: expected whole numbers")
        return array.astype(np.int64)


def _words(node: Node, array: Array | None, constants: Constants) -> tuple[IntArray, IntRange]:
    """(zero points, range of the words) of a QuantizeLinear or DequantizeLinear."""
    zero = np.zeros(1, np.int64)
    words = np.dtype(np.uint8)
    if array is not None:
        words = array.dtype
    if len(node.inputs) > 2 and node.inputs[2]:
        zero = constants.integers(node, 2, "the zero point").reshape(-1)
        words = constants.array(node, 2, "the zero point").dtype
    if node.integer("block_size", 0):
        raise node.error("blocks of scales are not supported (one scale, or one a channel)")
    if words.kind not in "iu" or words.itemsize > 4:
        raise node.error(f"words of type {words} are not supported (8 or 16 bits are)")
    return zero, IntRange.of_bits(8 * words.itemsize, signed=words.kind == "i")


def grid_of_quantize(node: Node, constants: Constants, source: Array | None = None) -> Grid:
    """The grid of a QuantizeLinear or, with the integers it takes, a DequantizeLinear."""
    zero, words = _words(node, source, constants)
    scale = constants.scale(node, 1)
    axis = node.integer("axis", 1)
    if zero.size not in (1, scale.size):
        raise node.error(f"{zero.size} zero points for {scale.size} scales")
    if scale.size > 1 and source is not None:
        axis = axis % max(source.ndim, 1)
    return Grid(scale=scale, zero_point=zero, words=words, axis=axis)


def grid_of_quant(node: Node, constants: Constants, shape: tuple[int, ...] = ()) -> Grid:
    """The grid of QONNX's Quant: inputs x, scale, zero point, bits."""
    scale_input = constants.array(node, 1, "the scale")
    scale = constants.scale(node, 1)
    zero = constants.integers(node, 2, "the zero point").reshape(-1)
    bits = constants.integers(node, 3, "the number of bits").reshape(-1)
    mode = node.text("rounding_mode", "ROUND").upper()
    if bits.size != 1 or not 1 <= int(bits[0]) <= 32:
        raise node.error(f"bits: expected one number, 1 to 32, not {bits[:4].tolist()}")
    if mode not in ("ROUND", "HALF_EVEN"):
        raise node.error(f"rounding_mode {mode} is not supported (ROUND is, half to even)")
    if zero.size not in (1, scale.size):
        raise node.error(f"{zero.size} zero points for {scale.size} scales")
    signed = bool(node.integer("signed", 1))
    narrow = bool(node.integer("narrow", 0))
    words = IntRange.of_bits(int(bits[0]), signed=signed)
    if narrow:
        words = IntRange(words.lo + 1, words.hi) if signed else IntRange(words.lo, words.hi - 1)
    axis = 0
    if scale.size > 1:
        several = [a for a, size in enumerate(scale_input.shape) if size > 1]
        if len(several) != 1 or (shape and scale_input.ndim != len(shape)):
            raise node.error(f"scales of shape {scale_input.shape}: expected one a channel")
        axis = several[0]
    return Grid(scale=scale, zero_point=zero, words=words, axis=axis)


def _quantised(values: Array, grid: Grid) -> Quantised:
    """Real constants on a grid: rounded half to even in float32, as onnxruntime does."""
    scale = grid.spread(grid.scale, values.shape).astype(np.float64)
    zero = grid.spread(grid.zero_point, values.shape)
    with np.errstate(over="ignore"):  # what is infinite is clipped
        units = np.rint(values.astype(np.float32) / scale.astype(np.float32)).astype(np.float64)
    words = np.clip(units + zero, grid.words.lo, grid.words.hi)
    return Quantised(values=words.astype(np.int64) - zero, scale=scale, zero=zero)


def _dequantize(constants: Constants, node: Node) -> Constant:
    source = constants.any(node, 0)
    if isinstance(source, Quantised):  # of a QuantizeLinear, which kept its grid
        if not np.isin(constants.scale(node, 1), source.scale).all():
            raise NetworkError("its scale is not that of the QuantizeLinear before it")
        return source
    words = constants.integers(node, 0, "the words")
    grid = grid_of_quantize(node, constants, np.asarray(source))
    zero = grid.spread(grid.zero_point, words.shape)
    scale = grid.spread(grid.scale, words.shape).astype(np.float64)
    return Quantised(values=words - zero, scale=scale, zero=zero)


def _quantize(constants: Constants, node: Node) -> Constant:
    values = constants.array(node, 0, "the values")
    grid = grid_of_quantize(node, constants)
    return _quantised(
        values,
        Grid(
            scale=grid.scale,
            zero_point=grid.zero_point,
            words=grid.words,
            axis=grid.axis % max(values.ndim, 1),
        ),
    )


def _quant(constants: Constants, node: Node) -> Constant:
    values = constants.array(node, 0, "the values")
    return _quantised(values, grid_of_quant(node, constants, values.shape))


def _bipolar(constants: Constants, node: Node) -> Constant:
    values = constants.array(node, 0, "the values")
    constants.scale(node, 1)  # refuses what is none
    scale = constants.array(node, 1, "the scale").astype(np.float64)
    signs = np.where(values >= 0, 1, -1).astype(np.int64)
    return Quantised(values=signs, scale=scale, zero=np.zeros((), np.int64))


def _clip(constants: Constants, node: Node) -> Constant:
    """Of words, as a QuantizeLinear for less than 8 bits is followed by."""
    source = constants.any(node, 0)
    low, high = (
        int(constants.single(node, index, what)) for index, what in ((1, "min"), (2, "max"))
    )
    if not isinstance(source, Quantised):
        return np.clip(constants.array(node, 0, "the values"), low, high)
    values = np.clip(source.values, low - source.zero, high - source.zero)
    return Quantised(values=values, scale=source.scale, zero=source.zero)


def _constant(constants: Constants, node: Node) -> Constant:
    del constants
    for name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if node.attributes.get(name) is not None:
            return np.asarray(node.attributes[name])
    raise NetworkError("it has no value that is a number")


def _moving(
    move: Callable[[Constants, Node, Array], Array],
) -> Callable[[Constants, Node], Constant]:
    """An operator that puts cells elsewhere and changes none."""

    def compute(constants: Constants, node: Node) -> Constant:
        source = constants.any(node, 0)
        if source is None:
            raise NetworkError("its input is missing")
        if isinstance(source, Quantised):
            return source.moved(lambda array: move(constants, node, array))
        return move(constants, node, source)

    return compute


def _reshape(constants: Constants, node: Node, array: Array) -> Array:
    wanted = constants.integers(node, 1, "the shape").reshape(-1).tolist()
    return array.reshape([array.shape[i] if d == 0 else d for i, d in enumerate(wanted)])


def _axes(constants: Constants, node: Node) -> tuple[int, ...] | None:
    if len(node.inputs) > 1:
        return tuple(constants.integers(node, 1, "the axes").reshape(-1).tolist())
    axes = node.integers("axes")
    return None if axes is None else tuple(axes)


def _squeeze(constants: Constants, node: Node, array: Array) -> Array:
    return np.squeeze(array, _axes(constants, node))


def _unsqueeze(constants: Constants, node: Node, array: Array) -> Array:
    return np.expand_dims(array, _axes(constants, node) or ())


def _transpose(constants: Constants, node: Node, array: Array) -> Array:
    del constants
    return np.transpose(array, node.integers("perm"))


_OPERATORS: Mapping[str, Callable[[Constants, Node], Constant]] = {
    "Constant": _constant,
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "Quant": _quant,
    "IntQuant": _quant,
    "BipolarQuant": _bipolar,
    "Clip": _clip,
    "Identity": _moving(lambda _constants, _node, array: array),
    "Transpose": _moving(_transpose),
    "Reshape": _moving(_reshape),
    "Squeeze": _moving(_squeeze),
    "Unsqueeze": _moving(_unsqueeze),
}
