"""What a layer is: shapes, formats, weights; and the layer file that carries it.

A layer file is an ``.npz`` (see ``docs/reference/formats.md``). :class:`LayerSpec` is validated
when made, so everything behind it can trust every field.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .arrays import read_npz
from .numeric import MAX_BITS, FixedFormat, IntArray, IntRange

__all__ = ["LayerSpec", "Padding", "SpecError", "layer_bytes", "load_layer", "save_layer"]

LIMITS = {
    "kernels": (1, 256),
    "channels": (1, 64),
    "kernel height": (1, 7),
    "kernel width": (1, 7),
    "frame height": (1, 4096),
    "frame width": (1, 4096),
    "stride": (1, 4),
    "padding": (0, 3),
}
"""Smallest and largest of each dimension of a layer that an engine can be generated for."""

FIXED8_FRAC = 8
"""Fractional bits of the paper's ``fixed8``, the default of a layer file."""

_REQUIRED = {"weight", "input_shape"}
_OPTIONAL = {
    "bias",
    "scale",
    "stride",
    "padding",
    "input_bits",
    "input_signed",
    "input_frac",
    "weight_bits",
    "weight_frac",
}


class SpecError(ValueError):
    """A layer that cannot be built; the message names the file or field and what was expected."""


@dataclass(frozen=True, kw_only=True)
class Padding:
    """Rows and columns of zeros put around a frame."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def as_array(self) -> IntArray:
        """``[top, left, bottom, right]``: ONNX's order, which the layer file uses."""
        return np.array([self.top, self.left, self.bottom, self.right], dtype=np.int64)

    @staticmethod
    def of(value: npt.ArrayLike) -> Padding:
        """From one number, (vertical, horizontal), or ONNX's (top, left, bottom, right)."""
        numbers = [int(v) for v in np.asarray(value).reshape(-1)]
        match numbers:
            case [every]:
                return Padding(top=every, bottom=every, left=every, right=every)
            case [vertical, horizontal]:
                return Padding(top=vertical, bottom=vertical, left=horizontal, right=horizontal)
            case [top, left, bottom, right]:
                return Padding(top=top, left=left, bottom=bottom, right=right)
        raise SpecError(f"padding: expected 1, 2 or 4 numbers, got {len(numbers)}")


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerSpec:
    """One convolution layer, in integers.

    Parameters
    ----------
    weight : IntArray, shape (K, C, kh, kw)
        In units of ``2**-weight.frac``.
    input_shape : (C, H, W)
    input_format, weight_format : FixedFormat
    bias : IntArray, shape (K,), optional
        In units of the accumulator, ``2**-(input frac + weight frac)``.
    scale : IntArray, shape (K,), optional
        Per-kernel factor of the requantiser, not negative; used by requantised output only.
    stride : (vertical, horizontal)
    padding : Padding

    Raises
    ------
    SpecError
        If any field is out of range or does not fit another.
    """

    weight: IntArray
    input_shape: tuple[int, int, int]
    input_format: FixedFormat = field(
        default_factory=lambda: FixedFormat(bits=8, frac=8, signed=False)
    )
    weight_format: FixedFormat = field(
        default_factory=lambda: FixedFormat(bits=9, frac=8, signed=True)
    )
    bias: IntArray | None = None
    scale: IntArray | None = None
    stride: tuple[int, int] = (1, 1)
    padding: Padding = field(default_factory=Padding)

    def __post_init__(self) -> None:
        self._check_weight()
        self._check_geometry()
        for name in ("bias", "scale"):
            vector = getattr(self, name)
            if vector is None:
                continue
            _check_integers(name, vector)
            if vector.shape != (self.kernels,):
                raise SpecError(
                    f"{name}: expected shape ({self.kernels},), one a kernel, got {vector.shape}"
                )
        if self.scale is not None and not IntRange(0, (1 << 16) - 1).contains(self.scale):
            raise SpecError("scale: factors must be 0..65535")

    def _check_weight(self) -> None:
        _check_integers("weight", self.weight)
        if self.weight.ndim != 4:
            raise SpecError(f"weight: expected shape (K, C, kh, kw), got {self.weight.shape}")
        if not self.weight_format.signed:
            raise SpecError("weight_format: weights are signed")
        limits = self.weight_format.range
        if not limits.contains(self.weight):
            raise SpecError(
                f"weight: values {self.weight.min()}..{self.weight.max()} do not fit "
                f"{self.weight_format.bits} signed bits ({limits.lo}..{limits.hi}); "
                "requantise them, or widen weight_bits"
            )

    def _check_geometry(self) -> None:
        channels, height, width = self.input_shape
        if channels != self.channels:
            raise SpecError(
                f"input_shape: {channels} channels, but weight has {self.channels} "
                f"(weight is (K, C, kh, kw) = {self.weight.shape})"
            )
        padding = self.padding
        found = {
            "kernels": [self.kernels],
            "channels": [channels],
            "kernel height": [self.kernel_shape[0]],
            "kernel width": [self.kernel_shape[1]],
            "frame height": [height],
            "frame width": [width],
            "stride": list(self.stride),
            "padding": [padding.top, padding.bottom, padding.left, padding.right],
        }
        for name, values in found.items():
            low, high = LIMITS[name]
            for value in values:
                if not low <= value <= high:
                    raise SpecError(f"{name} must be {low} to {high}, not {value}")
        padded = self.padded_shape
        if padded[0] < self.kernel_shape[0] or padded[1] < self.kernel_shape[1]:
            raise SpecError(
                f"input_shape: the padded frame {padded[0]}x{padded[1]} is smaller than the "
                f"kernel {self.kernel_shape[0]}x{self.kernel_shape[1]}"
            )

    @property
    def kernels(self) -> int:
        """K."""
        return int(self.weight.shape[0])

    @property
    def channels(self) -> int:
        """C."""
        return int(self.weight.shape[1])

    @property
    def kernel_shape(self) -> tuple[int, int]:
        """(kh, kw)."""
        return int(self.weight.shape[2]), int(self.weight.shape[3])

    @property
    def taps(self) -> int:
        """Cells of a kernel in one channel, ``kh * kw``."""
        return self.kernel_shape[0] * self.kernel_shape[1]

    @property
    def padded_shape(self) -> tuple[int, int]:
        """Rows and columns of a frame with its padding."""
        _, height, width = self.input_shape
        return (
            height + self.padding.top + self.padding.bottom,
            width + self.padding.left + self.padding.right,
        )

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """(K, OH, OW)."""
        rows, columns = (
            (size - kernel) // stride + 1
            for size, kernel, stride in zip(
                self.padded_shape, self.kernel_shape, self.stride, strict=True
            )
        )
        return self.kernels, rows, columns

    @property
    def covered(self) -> npt.NDArray[np.bool_]:
        """Positions of the padded frame that lie in some window, shape :attr:`padded_shape`.

        With a stride, some do not: past the last window, and between windows where the stride
        is larger than the kernel.
        """
        axes: list[npt.NDArray[np.bool_]] = []
        for size, kernel, stride in zip(
            self.padded_shape, self.kernel_shape, self.stride, strict=True
        ):
            axis = np.zeros(size, dtype=np.bool_)
            for start in range(0, size - kernel + 1, stride):
                axis[start : start + kernel] = True
            axes.append(axis)
        return np.outer(*axes)

    @property
    def multiplications_needed(self) -> int:
        """Multiplications of a frame without reuse: ``K * C * kh * kw * OH * OW``."""
        kernels, rows, columns = self.output_shape
        return kernels * self.channels * self.taps * rows * columns

    @property
    def product_range(self) -> IntRange:
        """Every product of an input value and a weight, whatever the weights loaded."""
        return self.input_format.range * self.weight_format.range

    def digest(self) -> str:
        """SHA-256 of all fields: equal layers give equal digests."""
        text = repr(
            (
                self.weight.shape,
                self.input_shape,
                self.input_format,
                self.weight_format,
                self.stride,
                self.padding,
            )
        )
        digest = hashlib.sha256(text.encode())
        for array in (self.weight, self.bias, self.scale):
            digest.update(b"-" if array is None else array.astype("<i8").tobytes())
        return digest.hexdigest()


def _check_integers(name: str, array: npt.NDArray[np.generic]) -> None:
    if array.dtype.kind not in "iub":
        raise SpecError(f"{name}: expected integers, got {array.dtype}")


def _integers(name: str, array: npt.NDArray[np.generic]) -> IntArray:
    _check_integers(name, array)
    if array.dtype == np.uint64 and array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise SpecError(f"{name}: values do not fit 64 signed bits")
    return array.astype(np.int64)


def _checked(arrays: dict[str, npt.NDArray[np.generic]]) -> dict[str, IntArray]:
    missing = _REQUIRED - arrays.keys()
    unknown = arrays.keys() - _REQUIRED - _OPTIONAL
    if missing:
        raise SpecError(f"missing field {', '.join(sorted(missing))}")
    if unknown:
        known = ", ".join(sorted(_REQUIRED | _OPTIONAL))
        raise SpecError(f"unknown field {', '.join(sorted(unknown))}; known: {known}")
    return {name: _integers(name, array) for name, array in arrays.items()}


def _pair(name: str, array: IntArray) -> tuple[int, int]:
    numbers = [int(v) for v in array.reshape(-1)]
    if len(numbers) == 1:
        numbers *= 2
    if len(numbers) != 2:
        raise SpecError(f"{name}: expected 1 or 2 numbers, got {len(numbers)}")
    return numbers[0], numbers[1]


def _scalar(name: str, array: IntArray) -> int:
    if array.size != 1:
        raise SpecError(f"{name}: expected one number, got shape {array.shape}")
    return int(array.reshape(-1)[0])


def _layer_of(arrays: dict[str, IntArray], weight_bits: int | None) -> LayerSpec:
    def scalar(name: str, default: int) -> int:
        return _scalar(name, arrays[name]) if name in arrays else default

    shape = [int(v) for v in arrays["input_shape"].reshape(-1)]
    if len(shape) != 3:
        raise SpecError(f"input_shape: expected (C, H, W), got {len(shape)} numbers")
    signed = scalar("input_signed", 0)
    if signed not in (0, 1):
        raise SpecError(f"input_signed: expected 0 or 1, got {signed}")
    input_bits, weight_frac = scalar("input_bits", 8), scalar("weight_frac", 8)
    if weight_bits is None:
        weight_bits = scalar("weight_bits", min(max(weight_frac, FIXED8_FRAC) + 1, MAX_BITS))
    return LayerSpec(
        weight=arrays["weight"],
        input_shape=(shape[0], shape[1], shape[2]),
        input_format=_format(
            "input", bits=input_bits, frac=scalar("input_frac", input_bits), signed=bool(signed)
        ),
        weight_format=_format("weight", bits=weight_bits, frac=weight_frac, signed=True),
        bias=arrays.get("bias"),
        scale=arrays.get("scale"),
        stride=_pair("stride", arrays.get("stride", np.array([1]))),
        padding=Padding.of(arrays.get("padding", np.array([0]))),
    )


def _format(name: str, *, bits: int, frac: int, signed: bool) -> FixedFormat:
    try:
        return FixedFormat(bits=bits, frac=frac, signed=signed)
    except ValueError as error:
        raise SpecError(f"{name}_{error}") from error


def load_layer(path: Path, *, weight_bits: int | None = None) -> LayerSpec:
    """Read a layer file.

    Parameters
    ----------
    path : Path
    weight_bits : int, optional
        Overrides the file's weight width. Without either it is nine bits, as the paper's
        ``fixed8`` and enough for int8, or ``weight_frac + 1`` where that is more: [-1, 1).

    Raises
    ------
    SpecError
        If the file cannot be read or a field is wrong; the message names both.
    """
    try:
        return _layer_of(_checked(read_npz(path)), weight_bits)
    except FileNotFoundError as error:
        raise SpecError(f"{path}: no such layer file") from error
    except ValueError as error:
        raise SpecError(f"{path}: {error}") from error


def save_layer(path: Path, layer: LayerSpec) -> None:
    """Write a layer file; the same layer always gives the same bytes."""
    path.write_bytes(layer_bytes(layer))


def layer_bytes(layer: LayerSpec) -> bytes:
    """What a layer file holds."""
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "weight": layer.weight.astype(np.int16),
        "input_shape": np.array(layer.input_shape, dtype=np.int64),
        "stride": np.array(layer.stride, dtype=np.int64),
        "padding": layer.padding.as_array(),
        "input_bits": np.array(layer.input_format.bits),
        "input_frac": np.array(layer.input_format.frac),
        "input_signed": np.array(int(layer.input_format.signed)),
        "weight_bits": np.array(layer.weight_format.bits),
        "weight_frac": np.array(layer.weight_format.frac),
    }
    for name in ("bias", "scale"):
        vector = getattr(layer, name)
        if vector is not None:
            arrays[name] = vector
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()
