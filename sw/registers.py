"""The one register table: what the hardware decodes, the host writes and the documents print.

:class:`hw.blocks.control_port.ControlPort` is generated from it, and so are the C header, the
Markdown and the SystemRDL of :mod:`hw.emit`. ``docs/developer/architecture.md`` is the contract.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from .config import EngineConfig
from .numeric import IntArray, IntRange
from .register_model import (
    DATA_BITS,
    Access,
    Axis,
    Field,
    Register,
    RegisterMap,
    Window,
    words_shown,
)
from .spec import SpecError

__all__ = [
    "CLEAR_COUNTERS",
    "COUNTERS",
    "ID",
    "VERSION",
    "bias_writes",
    "control_registers",
    "magnitude_writes",
    "register_map",
    "scale_writes",
    "setup_writes",
    "weight_writes",
]

ID = b"KTM1"
CLEAR_COUNTERS = Field(name="clear_counters", lsb=1, pulse=True, meaning="set all counters to 0")
"""Of CONTROL."""
VERSION = (0, 1, 0)
"""Major, minor and patch of the generator; pyproject.toml has the same."""

COUNTERS = (
    "frames",
    "cycles",
    "multiplications_needed",
    "multiplications_executed",
    "lookups",
    "hits",
    "misses",
    "stall_cycles",
    "frame_errors",
    "table_errors",
)
"""The counters, in the order of their registers."""

_COUNTER_MEANINGS = (
    "frames put out, good or bad",
    "clock cycles while frames were taken or in flight",
    "multiplications that the frames need without reuse",
    "multiplications that were executed",
    "operands looked up in the reuse tables",
    "lookups that found their products",
    "lookups that did not",
    "cycles in which a beat waited for a miss",
    "frames that were too short or too long, or used a damaged weight",
    "remembered products or operands that were damaged, and made again",
)

_BUILT_OFFSET = 0x010
_COUNTERS_OFFSET = 0x080
_BIAS_OFFSET = 0x400
_SCALE_OFFSET = 0x800
_MAGNITUDE_OFFSET = 0xC00
_WEIGHT_OFFSET = 0x8000


def control_registers(
    identity: bytes, *, of: str, pulses: tuple[Field, ...], status: tuple[Field, ...]
) -> Iterator[Register]:
    """ID, VERSION, CONTROL and STATUS: alike in an engine and a network.

    Parameters
    ----------
    identity : bytes
        Four letters.
    of : str
        What they control, for people.
    pulses : tuple of Field
        Of CONTROL, beside ``run``.
    status : tuple of Field
        Of STATUS.
    """
    major, minor, patch = VERSION
    run = Field(name="run", lsb=0, meaning="take frames; 0 stops at the next frame boundary")
    yield from words_shown(
        0x000,
        (
            ("ID", int.from_bytes(identity, "big"), f'"{identity.decode()}"'),
            (
                "VERSION",
                major << 16 | minor << 8 | patch,
                "of the generator: major << 16, minor << 8, patch",
            ),
        ),
    )
    yield Register(
        name="CONTROL",
        offset=0x008,
        access=Access.READ_WRITE,
        fields=(run, *pulses),
        meaning="start, stop, clear",
    )
    yield Register(
        name="STATUS",
        offset=0x00C,
        access=Access.READ,
        fields=status,
        meaning=f"what the {of} is doing",
    )


def _control_registers() -> Iterator[Register]:
    flush = Field(name="flush_table", lsb=2, pulse=True, meaning="empty the reuse tables")
    idle = Field(name="idle", lsb=0, meaning="stopped and drained: the windows may be written")
    in_frame = Field(name="in_frame", lsb=1, meaning="a frame has begun and has not ended")
    refused = Field(
        name="weights_refused",
        lsb=2,
        meaning="an incomplete set of weights was dropped; clear_counters clears it",
    )
    damaged = Field(
        name="weight_error",
        lsb=3,
        meaning="a damaged weight was used: frames are marked bad until a new set takes effect",
    )
    yield from control_registers(
        ID,
        of="engine",
        pulses=(CLEAR_COUNTERS, flush),
        status=(idle, in_frame, refused, damaged),
    )


def _built_registers(config: EngineConfig) -> Iterator[Register]:
    """What was built, a word each."""
    layer, learned = config.layer, len(config.learned)
    channels, height, width = layer.input_shape
    words = (
        ("CHANNELS", channels, "input channels, C"),
        ("HEIGHT", height, "rows of a frame"),
        ("WIDTH", width, "columns of a frame"),
        ("KERNELS", layer.kernels, "kernels, K"),
        ("LEARNED", learned, "kernels with run-time weights, L"),
        ("KERNEL_HEIGHT", layer.kernel_shape[0], "rows of a kernel, kh"),
        ("KERNEL_WIDTH", layer.kernel_shape[1], "columns of a kernel, kw"),
        ("INPUT_BITS", layer.input_format.bits, "bits of an input value"),
        ("WEIGHT_BITS", layer.weight_format.bits, "bits of a weight"),
        ("OUTPUT_BITS", max(config.output_range.bits, 1), "bits of an output value"),
        ("ENTRIES", config.table.entries if learned else 0, "operands a channel's table holds"),
        ("MULTIPLIERS", config.table.multipliers if learned else 0, "multipliers for misses"),
    )
    yield from words_shown(
        _BUILT_OFFSET, ((name, value, f"built: {meaning}") for name, value, meaning in words)
    )


def _counter_registers() -> Iterator[Register]:
    words: list[tuple[str, None, str]] = []
    for lower, meaning in zip(COUNTERS, _COUNTER_MEANINGS, strict=True):
        name = lower.upper()
        low = f"counter: {meaning}; reading it keeps the upper bits for {name}_HI"
        high = (
            f"bits 63..32 of {name}, as of when {name}_LO was read; read it before another counter"
        )
        words += [(f"{name}_LO", None, low), (f"{name}_HI", None, high)]
    yield from words_shown(_COUNTERS_OFFSET, words)


def _windows(config: EngineConfig) -> Iterator[Window]:
    layer, output = config.layer, config.output
    kernel = Axis(name="kernel", size=layer.kernels)
    if config.bias_bits:
        yield Window(
            name="BIAS",
            offset=_BIAS_OFFSET,
            inner=(kernel,),
            limits=IntRange.of_bits(config.bias_bits, signed=True),
            meaning="bias of a kernel, in units of the accumulator",
        )
    if output.kind == "requantise" and output.scale_bits:
        yield Window(
            name="SCALE",
            offset=_SCALE_OFFSET,
            inner=(kernel,),
            limits=IntRange.of_bits(output.scale_bits, signed=False),
            meaning="factor of a kernel in the requantiser",
        )
    if config.magnitude_bits:
        yield Window(
            name="MAGNITUDE",
            offset=_MAGNITUDE_OFFSET,
            inner=(Axis(name="template", size=len(config.template_kernels)),),
            limits=IntRange.of_bits(config.magnitude_bits, signed=False),
            meaning="magnitude of a template; templates are counted in ascending kernel order",
        )
    if config.run_time_weights:
        yield Window(
            name="WEIGHT",
            offset=_WEIGHT_OFFSET,
            outer=Axis(name="channel", size=layer.channels),
            inner=(
                Axis(name="learned", size=len(config.learned)),
                Axis(name="row", size=layer.kernel_shape[0]),
                Axis(name="column", size=layer.kernel_shape[1]),
            ),
            limits=layer.weight_format.range,
            meaning="weight; learned kernels are counted in ascending kernel order; a set is "
            "written whole, in ascending order, and takes effect with its last word",
        )


def register_map(config: EngineConfig) -> RegisterMap:
    """The registers of an engine; a window is there only if the engine has what it writes."""
    return RegisterMap(
        registers=(
            *_control_registers(),
            *_built_registers(config),
            *_counter_registers(),
        ),
        windows=tuple(_windows(config)),
    )


def _writes(
    config: EngineConfig, name: str, values: npt.ArrayLike | None, default: IntArray
) -> list[tuple[int, int]]:
    """(address, data) of each word of a window; none where neither window nor values exist."""
    window = {w.name: w for w in register_map(config).windows}.get(name)
    if window is None:
        if values is not None and np.asarray(values).size:
            raise SpecError(f"{name.lower()}: this engine has no {name} window")
        return []
    array = np.asarray(default if values is None else values)
    if array.dtype.kind not in "iu" or array.shape != default.shape:
        raise SpecError(
            f"{name.lower()}: expected integers of shape {default.shape}, "
            f"got {array.dtype} of shape {array.shape}"
        )
    if not window.limits.contains(array):
        raise SpecError(
            f"{name.lower()}: values must be {window.limits.lo} to {window.limits.hi}, "
            f"not {array.min()} to {array.max()}"
        )
    if window.outer:
        array = np.moveaxis(array, 1, 0)  # (L, C, kh, kw) as the window has it: channels first
    mask = (1 << DATA_BITS) - 1
    return [(window.address(*index), int(array[index]) & mask) for index in np.ndindex(array.shape)]


def bias_writes(config: EngineConfig, bias: npt.ArrayLike | None = None) -> list[tuple[int, int]]:
    """(byte address, data) that load a bias, shape (K,); the configuration's by default.

    Raises
    ------
    SpecError
        If the shape or a value does not fit, or the engine has no bias.
    """
    return _writes(config, "BIAS", bias, config.bias)


def scale_writes(config: EngineConfig, scale: npt.ArrayLike | None = None) -> list[tuple[int, int]]:
    """As :func:`bias_writes`, for the requantiser's factors, shape (K,)."""
    return _writes(config, "SCALE", scale, config.scale)


def magnitude_writes(
    config: EngineConfig, magnitude: npt.ArrayLike | None = None
) -> list[tuple[int, int]]:
    """As :func:`bias_writes`, for the templates' magnitudes, ascending by kernel, shape (T,)."""
    return _writes(config, "MAGNITUDE", magnitude, config.magnitudes)


def weight_writes(
    config: EngineConfig, weight: npt.ArrayLike | None = None
) -> list[tuple[int, int]]:
    """As :func:`bias_writes`, for the learned kernels' weights, shape (L, C, kh, kw)."""
    return _writes(config, "WEIGHT", weight, config.learned_weight)


def setup_writes(config: EngineConfig) -> list[tuple[int, int]]:
    """Every (byte address, data) that loads the configuration's registers and weights."""
    vectors = bias_writes(config) + scale_writes(config) + magnitude_writes(config)
    return vectors + weight_writes(config)
