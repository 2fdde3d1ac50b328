"""What an engine costs on ECP5, foretold without building it.

A configuration is described by a few quantities that its structure gives: bits of adders, of
selecting, of memories (:func:`quantities`). Area is a sum of these, each with a coefficient that
``python -m bench.reuse.cost`` fitted to synthesised engines and wrote to ``cost.json``; the errors
on engines that took no part in the fit are in ``reports/cost.json``. Multipliers and block
memories are counted, not fitted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path

from .config import EngineConfig
from .numeric import IntRange
from .registers import COUNTERS
from .strategies import fill_cycles

__all__ = [
    "COEFFICIENTS",
    "MODELLED",
    "Resources",
    "cycles_per_frame",
    "estimate",
    "memory",
    "quantities",
]

COEFFICIENTS = Path(__file__).parent / "cost.json"

_WORD_BITS = 36
_BLOCK_SHAPES = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
"""Width and depth of an ECP5 block memory."""
_BLOCK_COST = 128
"""LUT4-eq that Yosys takes a block memory for, where it has the choice (``memory_libmap``)."""
_PART_BITS = 9
"""Key bits that address a memory of a transposed CAM, at most: ``hw.blocks.cam_memory``."""
_COUNTER_BITS = 16
"""Of the memory of the counters: ``hw.blocks.counters``."""
_MEMORY_GROUPS = 4
"""Groups of taps from which a folded window lies in memories: ``hw.blocks.window_fetch``."""

_OPERAND_CYCLES, _LOGIC_CYCLES = 6, 3
"""Of a folded ``direct``'s pipeline, but for its adders; and what lanes of logic add."""

Quantities = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Resources:
    """An area: ``lut4_eq``, ``ff``, ``dsp``, ``bram`` as in report.json."""

    lut4_eq: int
    ff: int
    dsp: int
    bram: int


@dataclass(frozen=True)
class _Memory:
    """A memory of ``depth`` words; ``block``: it must be of block memories."""

    width: int
    depth: int
    block: bool = False

    @property
    def blocks(self) -> int:
        """Block memories; 0 if it is distributed."""
        blocks, _ = self._of_blocks
        return blocks if self.block or self._distributed > _BLOCK_COST * blocks else 0

    @property
    def tables(self) -> float:
        """LUT4-eq: all of a distributed memory, or what selects among banks of blocks."""
        _, banks = self._of_blocks
        return self._selection(banks) if self.blocks else self._distributed

    @property
    def _of_blocks(self) -> tuple[int, int]:
        """The least blocks, and how many of them have a bit of different words."""
        return min(
            (ceil(self.width / width) * ceil(self.depth / depth), ceil(self.depth / depth))
            for width, depth in _BLOCK_SHAPES
        )

    @property
    def _distributed(self) -> float:
        """4 a 16 words of 4 bits, and what selects among them."""
        banks = ceil(self.depth / 16)
        return 4 * ceil(self.width / 4) * banks + self._selection(banks)

    def _selection(self, banks: int) -> float:
        """Half a table a bank and bit."""
        return self.width * banks / 2 if banks > 1 else 0


def memory(width: int, depth: int, *, block: bool = False) -> tuple[int, float]:
    """Block memories, and LUT4-eq of distributed memory, for so many words of ``width`` bits."""
    made = _Memory(width, depth, block)
    return made.blocks, made.tables


class _Size:
    """The dimensions that all formulas are of."""

    def __init__(self, config: EngineConfig) -> None:
        layer, fold = config.layer, config.fold
        self.config = config
        self.kernels, self.channels = len(config.learned), layer.channels
        self.taps, self.rows = layer.taps, layer.kernel_shape[0]
        self.columns = layer.kernel_shape[1]
        self.width = layer.padded_shape[1]
        self.x, self.w = layer.input_format.bits, layer.weight_format.bits
        self.product = layer.product_range.bits
        self.channel_sum = layer.product_range.scaled(self.channels).bits
        self.sum = layer.product_range.scaled(self.channels * self.taps).bits
        self.kernel_lanes = ceil(self.kernels / fold.kernels)
        self.channel_lanes = ceil(self.channels / fold.channels)
        self.tap_lanes = ceil(self.taps / fold.taps)
        self.fold = fold
        self.lanes = self.kernel_lanes * self.channel_lanes * self.tap_lanes
        self.products = self.kernel_lanes * self.taps
        """Of a channel at once, in the scatter form."""


def _scatter(s: _Size) -> tuple[Quantities, list[_Memory]]:
    """Accumulators, and what delays them: ``hw.blocks.scatter_accumulator``."""
    chain = (s.channel_sum + s.sum) / 2
    tree = s.products * (s.channel_lanes - 1) * (s.product + s.channel_sum) / 2
    row_bits = s.kernel_lanes * (s.rows - 1) * chain
    tap_bits = s.kernel_lanes * (s.taps - s.rows) * chain
    groups = s.fold.kernels
    row_beats = (s.width - s.columns + 1) * groups - 1
    found = {
        "adders": s.products * chain + tree,
        "fold": s.products * chain * (s.fold.channels > 1),
        "collect": s.kernels * s.sum * (groups > 1),
        "held": s.channels * s.x * (s.fold.cycles > 1),
        "taps": tap_bits * (groups > 1),
    }
    return found, [
        _Memory(ceil(row_bits), row_beats, block=row_beats > 16),
        _Memory(ceil(tap_bits), groups - 1, block=groups - 1 > 16),
    ]


def _table(s: _Size, digit_bits: int) -> tuple[Quantities, list[_Memory]]:
    """``value_table`` and ``split_table``."""
    found, memories = _scatter(s)
    digits = [min(digit_bits, s.x - low) for low in range(0, s.x, digit_bits)]
    widths = {  # of a product, by the bits of its digit
        bits: (IntRange.of_bits(bits, signed=False) * IntRange.of_bits(s.w, signed=True)).bits
        for bits in digits
    }
    word = max(_WORD_BITS // max(widths.values()), 1)
    tables = [
        _Memory(
            min(word, s.products - n) * widths[bits],
            s.fold.kernels * s.fold.channels << (bits + 1),
        )
        for bits in digits
        for n in range(0, s.products, word)
    ]
    found |= {
        "digits": s.channel_lanes * s.products * (len(digits) - 1) * s.product,
        "products": s.channel_lanes * sum(table.width for table in tables),
        "words": s.channel_lanes * len(tables),
        "filler": max(table.width for table in tables),
    }
    return found, [*memories, *(tables * s.channel_lanes)]


def _value_cam(s: _Size) -> tuple[Quantities, list[_Memory]]:
    found, memories = _scatter(s)
    table, cycles = s.config.table, s.fold.cycles
    lanes = _miss_multipliers(s)
    row_groups = ceil(s.products / lanes)
    found |= {
        "products": s.channel_lanes * s.products * s.product,
        "multipliers": lanes * (s.product + s.w),
        "request": s.channels * s.x,
        "kept": s.channels * table.entries.bit_length() * (cycles > 1),
    }
    rows = ((cycles - 1) << (table.entries - 1).bit_length()) + table.entries
    for group in range(row_groups):
        width = min(lanes, s.products - group * lanes) * s.product
        memories += [_Memory(width, rows)] * s.channel_lanes
    groups = s.channels << (s.fold.kernels * row_groups - 1).bit_length()
    memories.append(_Memory(lanes * s.w, 2 << (groups - 1).bit_length()))
    of_keys, more = _keys(s, s.channels * table.entries)
    if table.look_ahead:
        queue = s.channels * (s.x + table.entries.bit_length())
        found |= {"look ahead": queue}
        memories.append(_Memory(queue, table.look_ahead))
    return found | of_keys, memories + more


def _miss_multipliers(s: _Size) -> int:
    """Multipliers of ``value_cam``: no more than a row of products takes."""
    return min(s.config.table.multipliers, 1 << (s.products - 1).bit_length())


def _keys(s: _Size, keys: int) -> tuple[Quantities, list[_Memory]]:
    """What finds an operand: ``hw.blocks.cam`` and its siblings."""
    table = s.config.table
    if table.organisation == "registers":
        return {"compare": keys * s.x, "entries": keys}, []
    if table.organisation == "memory":
        parts = ceil(s.x / _PART_BITS)
        lines = _Memory(table.entries, 1 << ceil(s.x / parts), block=True)
        kept = _Memory(s.x, table.entries)
        return {"match": keys}, [lines] * (s.channels * parts) + [kept] * s.channels
    tag = s.x - (table.sets.bit_length() - 1)
    tags = [_Memory(tag, table.sets)] * (s.channels * table.ways)
    return {"tags": s.channels * table.ways * tag, "valid": keys}, tags


def _lane_multipliers(s: _Size) -> int:
    """Lanes of ``direct`` whose products are multipliers'; those of the others are logic."""
    return min(s.lanes, s.config.lanes.multipliers)


def _direct(s: _Size) -> tuple[Quantities, list[_Memory]]:
    fold = s.fold
    several = fold.channels * fold.taps > 1
    terms = s.channel_lanes * s.tap_lanes
    adder = (s.product + s.sum) / 2
    in_memory = fold.taps >= _MEMORY_GROUPS
    found = {
        "adders": s.kernel_lanes * (terms - 1 + several) * adder,
        "lanes": s.lanes * (s.product if fold.cycles > 1 else s.product + s.w),
        "values": terms * s.x * (fold.channels - 1),
        "choice": 0 if in_memory else s.tap_lanes * s.channels * s.x * (fold.taps - 1),
        "results": s.kernels * s.sum,
        "weights": 0 if fold.cycles > 1 else s.lanes * s.w,
        "offsets": s.tap_lanes * fold.taps * in_memory,
        "logic": (s.lanes - _lane_multipliers(s)) * s.x * s.w,
    }
    memories: list[_Memory] = []
    if fold.cycles > 1:
        steps = 1
        for groups in (fold.kernels, fold.channels, fold.taps):
            steps <<= (groups - 1).bit_length()
        memories.append(_Memory(s.lanes * s.w, 2 * steps, block=True))
    beats = (s.rows - 1) * s.width + s.columns + 1
    if in_memory:
        depth = 1 << (beats - 1).bit_length()
        memories += [_Memory(s.channels * s.x, depth)] * s.tap_lanes
    else:
        found["window"] = s.channels * s.x * s.rows * s.columns
        memories.append(_Memory((s.rows - 1) * s.channels * s.x, s.width - s.columns + 1))
    return found, memories


_STRATEGIES: dict[str, Callable[[_Size], tuple[Quantities, list[_Memory]]]] = {
    "direct": _direct,
    "value_cam": _value_cam,
    "value_table": lambda s: _table(s, s.x),
    "split_table": lambda s: _table(s, min(s.config.table.digit_bits, s.x)),
}
MODELLED = tuple(_STRATEGIES)
"""The strategies whose cost is foretold."""


def _engine(config: EngineConfig) -> tuple[Quantities, list[_Memory]]:
    """All but the strategy: streams, registers, counters, template bank, outputs."""
    layer, templates = config.layer, config.template_kernels
    x, channels = layer.input_format.bits, layer.channels
    pixel, width = channels * x, layer.padded_shape[1]
    rows, columns = layer.kernel_shape
    accumulator = max(config.accumulator_range(k).bits for k in range(layer.kernels))
    total = x + (channels * layer.taps).bit_length()
    found: Quantities = {
        "one": 1,
        "pixel": pixel,
        "outputs": layer.kernels * config.output_range.bits,
        "bias": layer.kernels * accumulator * bool(config.bias_bits),
        "requantise": layer.kernels * accumulator * (config.output.kind == "requantise"),
        "bank": (len(templates) + layer.taps) * total * bool(templates),
        "magnitude": layer.taps * accumulator * any(config.magnitude(k) > 1 for k in templates),
    }
    memories = [_Memory(_COUNTER_BITS, len(COUNTERS), block=True)]
    if templates:
        gap = width - columns + 1
        memories.append(_Memory((rows - 1) * pixel, gap))
    return found, memories


def _inventory(config: EngineConfig) -> tuple[Quantities, list[_Memory]]:
    engine, memories = _engine(config)
    found = {f"engine: {name}": value for name, value in engine.items()}
    if config.learned:
        of_strategy, more = _STRATEGIES[config.strategy](_Size(config))
        found |= {f"{config.strategy}: {name}": value for name, value in of_strategy.items()}
        memories = [*memories, *more]
    tables: Quantities = {"memories": sum(m.tables for m in memories)}
    return {name: float(value) for name, value in (found | tables).items()}, memories


def quantities(config: EngineConfig) -> Quantities:
    """What the engine's LUT4-eq and flip-flops are sums of, by name."""
    return _inventory(config)[0]


def multipliers(config: EngineConfig) -> int:
    """DSP blocks."""
    scaled = config.output.kind == "requantise" and config.output.scale_bits > 0
    count = config.layer.kernels if scaled else 0
    if not config.learned:
        return count
    if config.strategy == "value_cam":
        return count + _miss_multipliers(_Size(config))
    return count + (_lane_multipliers(_Size(config)) if config.strategy == "direct" else 0)


@cache
def _coefficients() -> dict[str, dict[str, float]]:
    return json.loads(COEFFICIENTS.read_text(encoding="utf-8"))


def estimate(
    config: EngineConfig, coefficients: Mapping[str, Mapping[str, float]] | None = None
) -> Resources:
    """The engine's area on ECP5.

    Parameters
    ----------
    config : EngineConfig
    coefficients : mapping, optional
        By figure and quantity, if not those of ``cost.json``.

    Raises
    ------
    KeyError
        If the strategy is not one of those whose cost is foretold.
    """
    found, memories = _inventory(config)
    fitted = _coefficients() if coefficients is None else coefficients
    sums = {
        of: round(sum(fitted[of].get(name, 0) * value for name, value in found.items()))
        for of in ("lut4_eq", "ff")
    }
    return Resources(**sums, dsp=multipliers(config), bram=sum(m.blocks for m in memories))


def cycles_per_frame(config: EngineConfig, *, misses_per_beat: float = 0) -> float:
    """Clock cycles from frame to frame of a stream that never waits, at most.

    Parameters
    ----------
    config : EngineConfig
    misses_per_beat : float
        Of ``value_cam``, on average.
    """
    layer = config.layer
    beats = layer.padded_shape[0] * layer.padded_shape[1]
    if not config.learned:
        return beats
    fold = config.fold
    if config.strategy == "value_cam":
        return beats * (fold.cycles + misses_per_beat * fill_cycles(config))
    if config.strategy != "direct":
        return beats * fold.cycles
    if fold.cycles == 1:
        return beats
    # A folded engine takes a beat every other cycle at most. A row's last results are waited for
    # as long as the beats that do not emit are ahead of those that do.
    _, rows, columns = layer.output_shape
    across, wait, ahead = layer.stride[1], _result_cycles(_Size(config)), fold.cycles - 2
    gap = layer.padded_shape[1] - (columns - 1) * across - 1
    outputs = rows * columns
    waits = (rows + 1) * min(wait - min(gap, 2), gap * ahead)
    waits += outputs * min(wait, (across - 1) * ahead)
    return 2 * (beats - outputs) + outputs * fold.cycles + waits + ahead


def _result_cycles(s: _Size) -> int:
    """Cycles from the last operands of ``direct`` to their result, at most."""
    logic = _LOGIC_CYCLES * (_lane_multipliers(s) < s.lanes)
    return _OPERAND_CYCLES + (s.channel_lanes * s.tap_lanes - 1).bit_length() + logic
