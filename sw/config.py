"""Engine configurations: what an engine computes, and with what resources.

The golden model reads a configuration for the numbers and the counters, the generator for the
gates. It lives in ``sw/`` because both need it (docs/adr/0002). :mod:`sw.configfile` reads one
from TOML.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np

from .numeric import IntArray, IntRange
from .spec import LayerSpec
from .templates import TemplateKernel, find_templates

__all__ = [
    "ORGANISATIONS",
    "REPLACEMENTS",
    "STRATEGIES",
    "ConfigError",
    "EngineConfig",
    "FoldConfig",
    "LanesConfig",
    "OutputConfig",
    "TableConfig",
    "require",
]

MAX_LEARNED_PRODUCTS = 4096
"""Products of learned kernels a cycle that an engine is built for: each has its own adder."""

STRATEGIES = ("value_cam", "direct", "pair_cam", "value_table", "split_table", "constant")
"""Ways to make the products of the learned kernels; see ``hw/strategies``."""

SCATTER_STRATEGIES = ("value_cam", "value_table", "split_table")
"""Those that make all products of an input value when it comes, and add them up where they meet."""

MAX_VALUE_TABLE_BITS = 12
"""Input bits up to which a table of every value is built: 4,096 products of each weight."""

ORGANISATIONS = ("registers", "memory", "set_associative")
REPLACEMENTS = ("fifo", "plru", "lru", "random")

MAX_LRU_ENTRIES = 16
"""Entries of a set whose order of use is kept: it takes a comparator for each."""


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the file, the field and the remedy."""


def require(condition: bool, message: str) -> None:
    """Raise :class:`ConfigError` with ``message`` unless ``condition``."""
    if not condition:
        raise ConfigError(message)


def _is_power_of_two(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0


@dataclass(frozen=True, kw_only=True)
class TableConfig:
    """The reuse table of the learned kernels.

    Parameters
    ----------
    entries : int
        Operands remembered in each channel's table, 1 to 1024.
    multipliers : int
        Multipliers that all channels share for misses: a power of two, 1 to 64.
    organisation : "registers" | "memory" | "set_associative"
        Where an operand may be, and how it is found: anywhere, by a comparator an entry; anywhere,
        by match vectors that its bits address in memories; in one of the ways of its set.
    ways : int
        Entries of a set, 1 to 64; for set_associative alone.
    replacement : "fifo" | "plru" | "lru" | "random"
        What makes room: the first in; the tree's guess at the least recently used; that itself; a
        pseudo-random one.
    look_ahead : int
        Beats by which lookups run ahead of the products, 0 to 256; 0: a miss holds everything.
    digit_bits : int
        Width of the parts that ``split_table`` cuts an input value into, 1 to 12.
    """

    entries: int = 256
    multipliers: int = 8
    organisation: str = "registers"
    ways: int = 4
    replacement: str = "fifo"
    look_ahead: int = 0
    digit_bits: int = 4

    def __post_init__(self) -> None:
        require(1 <= self.entries <= 1024, f"table.entries must be 1 to 1024, not {self.entries}")
        require(
            _is_power_of_two(self.multipliers) and self.multipliers <= 64,
            f"table.multipliers must be a power of two, 1 to 64, not {self.multipliers}",
        )
        for name, known in (("organisation", ORGANISATIONS), ("replacement", REPLACEMENTS)):
            value = getattr(self, name)
            require(
                value in known, f"table.{name} must be one of {', '.join(known)}, not {value!r}"
            )
        require(
            1 <= self.digit_bits <= MAX_VALUE_TABLE_BITS,
            f"table.digit_bits must be 1 to {MAX_VALUE_TABLE_BITS}, not {self.digit_bits}",
        )
        require(1 <= self.ways <= 64, f"table.ways must be 1 to 64, not {self.ways}")
        require(
            0 <= self.look_ahead <= 256, f"table.look_ahead must be 0 to 256, not {self.look_ahead}"
        )
        if self.organisation == "set_associative":
            require(
                self.entries % self.ways == 0 and _is_power_of_two(self.entries // self.ways),
                f"table.entries must be table.ways times a power of two, not {self.entries} with "
                f"{self.ways} ways",
            )
        self._check_replacement()

    def _check_replacement(self) -> None:
        which = "table.ways" if self.organisation == "set_associative" else "table.entries"
        require(
            self.replacement not in ("plru", "random") or _is_power_of_two(self.set_entries),
            f"table.replacement = {self.replacement} needs a power of two of {which}, not "
            f"{self.set_entries}; fifo takes any",
        )
        require(
            self.replacement != "lru" or self.set_entries <= MAX_LRU_ENTRIES,
            f"table.replacement = lru needs at most {MAX_LRU_ENTRIES} {which}, not "
            f"{self.set_entries}; plru takes more",
        )

    @property
    def sets(self) -> int:
        """Sets of entries; an operand may be anywhere in its set."""
        return self.entries // self.set_entries

    @property
    def set_entries(self) -> int:
        """Entries of a set."""
        return self.ways if self.organisation == "set_associative" else self.entries


@dataclass(frozen=True, kw_only=True)
class FoldConfig:
    """In how many groups, one after the other, a beat's learned products are made.

    A beat then takes :attr:`cycles` cycles, and about as many times fewer multipliers, tables and
    adders are built. A last group may be short.

    Parameters
    ----------
    kernels, channels, taps : int
        Groups of the learned kernels, the input channels, the cells of a kernel.
    """

    kernels: int = 1
    channels: int = 1
    taps: int = 1

    def __post_init__(self) -> None:
        for name in ("kernels", "channels", "taps"):
            groups = getattr(self, name)
            require(groups >= 1, f"fold.{name} must be at least 1, not {groups}")

    @property
    def cycles(self) -> int:
        """Cycles of a beat."""
        return self.kernels * self.channels * self.taps


@dataclass(frozen=True, kw_only=True)
class LanesConfig:
    """The lanes of strategy ``direct``: how their products are made.

    Parameters
    ----------
    multipliers : int
        So many lanes use multipliers, 0 to 4096; further ones are made of logic.
    """

    multipliers: int = MAX_LEARNED_PRODUCTS

    def __post_init__(self) -> None:
        require(
            0 <= self.multipliers <= MAX_LEARNED_PRODUCTS,
            f"lanes.multipliers must be 0 to {MAX_LEARNED_PRODUCTS}, not {self.multipliers}",
        )


@dataclass(frozen=True, kw_only=True)
class OutputConfig:
    """What leaves the engine for each kernel.

    Parameters
    ----------
    kind : "exact" | "requantise"
        The exact accumulator, or ``saturate(round_half_even(accumulator * scale / 2**shift))``.
    bits, signed : int, bool
        The requantised word.
    shift : int
        Bits to the right, 0 to 47.
    scale_bits : int
        Width of the per-kernel factor, a run-time register; 0: no factor, no multiplier.
    relu : bool
        Negative results become zero (after rounding; before it would give the same).
    queue : "registers" | "memory"
        Where outputs wait for ``m_axis``: in two registers, a table for each bit, or in block
        memory. An engine that takes several cycles a beat has one register, whatever this says.
    """

    kind: Literal["exact", "requantise"] = "exact"
    bits: int = 8
    signed: bool = True
    shift: int = 8
    scale_bits: int = 0
    relu: bool = False
    queue: Literal["registers", "memory"] = "registers"

    def __post_init__(self) -> None:
        require(
            self.queue in ("registers", "memory"),
            f"output.queue must be registers or memory, not {self.queue!r}",
        )
        require(
            self.kind in ("exact", "requantise"),
            f"output.kind must be exact or requantise, not {self.kind!r}",
        )
        require(1 <= self.bits <= 32, f"output.bits must be 1 to 32, not {self.bits}")
        require(0 <= self.shift <= 47, f"output.shift must be 0 to 47, not {self.shift}")
        require(
            0 <= self.scale_bits <= 16, f"output.scale_bits must be 0 to 16, not {self.scale_bits}"
        )

    @property
    def limits(self) -> IntRange:
        """The range of the requantised word."""
        return IntRange.of_bits(self.bits, signed=self.signed)


@dataclass(frozen=True, kw_only=True)
class AutoChoice:
    """Why ``strategy = "auto"`` became what it is, and what was foretold: see :mod:`sw.auto`."""

    text: str
    lut4_eq: int | None = None
    ff: int | None = None
    dsp: int | None = None
    bram: int | None = None
    pixels_per_cycle: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class EngineConfig:
    """A layer, and the engine that computes it.

    Parameters
    ----------
    name : str
    layer : LayerSpec
    templates : "auto" | "none" | tuple of int
        Which kernels go to the template bank: all that are templates, none, or these.
    top : "engine" | "template_bank" | "sums"
        What is generated: the engine, or a part for your own design: its template bank alone, or
        the sums of all kernels, which takes constant weights. The model and the simulation are
        the engine's either way.
    template_scale : "multiply" | "defer" | "register"
        Multiply a template's magnitude in, leave it to the channel's scale, or multiply it by a
        run-time register.
    bank : "parallel" | "serial"
        The template bank has an adder for each addition, or one for all, and so many cycles a beat.
    bias_bits : int
        Width of the signed per-kernel bias register, 0 to 32; 0: no bias.
    counter_bits : int
        Width of each counter, 16 to 64.
    protection : "none" | "parity"
        Whether what is remembered carries a parity: products, operands, weights.
    strategy : str
        How the learned kernels' products are made: one of :data:`STRATEGIES`.
    auto : AutoChoice, optional
        Why it is that strategy, if it was chosen.
    fold : FoldConfig
    lanes : LanesConfig
    table : TableConfig
    output : OutputConfig

    Raises
    ------
    ConfigError
        If a field is out of range or does not fit the layer.
    """

    name: str
    layer: LayerSpec
    top: Literal["engine", "template_bank", "sums"] = "engine"
    templates: Literal["auto", "none"] | tuple[int, ...] = "auto"
    template_scale: Literal["multiply", "defer", "register"] = "multiply"
    bank: Literal["parallel", "serial"] = "parallel"
    bias_bits: int = 0
    counter_bits: int = 48
    protection: Literal["none", "parity"] = "none"
    strategy: str = "value_cam"
    auto: AutoChoice | None = None
    fold: FoldConfig = field(default_factory=FoldConfig)
    lanes: LanesConfig = field(default_factory=LanesConfig)
    table: TableConfig = field(default_factory=TableConfig)
    output: OutputConfig = field(default_factory=OutputConfig)

    def __post_init__(self) -> None:
        require(
            self.top in ("engine", "template_bank", "sums"),
            f"top must be engine, template_bank or sums, not {self.top!r}",
        )
        require(
            self.template_scale in ("multiply", "defer", "register"),
            f"template_scale must be multiply, defer or register, not {self.template_scale!r}",
        )
        require(
            self.top == "engine" or self.template_scale != "register",
            "template_scale must be multiply or defer with top = template_bank: the registers are "
            "the engine's",
        )
        require(
            self.bank in ("parallel", "serial"),
            f"bank must be parallel or serial, not {self.bank!r}",
        )
        require(
            self.bank == "parallel" or self.top == "engine",
            f"bank must be parallel with top = {self.top}: a serial one needs the engine around it",
        )
        require(0 <= self.bias_bits <= 32, f"bias_bits must be 0 to 32, not {self.bias_bits}")
        require(
            16 <= self.counter_bits <= 64, f"counter_bits must be 16 to 64, not {self.counter_bits}"
        )
        self._check_templates()
        require(
            self.top != "template_bank" or bool(self.template_kernels),
            "top = template_bank: the layer has no template kernel, or templates leaves them out",
        )
        self._check_strategy()
        require(
            self.top != "sums" or not self.run_time_weights,
            "top = sums: the learned kernels' weights must be built in (strategy = constant)",
        )
        biases = IntRange.of_bits(self.bias_bits, signed=True) if self.bias_bits else IntRange(0, 0)
        require(
            biases.contains(self.bias),
            f"layer.bias: values {self.bias.min()}..{self.bias.max()} do not fit bias_bits = "
            f"{self.bias_bits} ({biases.lo}..{biases.hi})",
        )
        scale_bits = self.output.scale_bits
        scales = IntRange.of_bits(scale_bits, signed=False) if scale_bits else IntRange(1, 1)
        require(
            self.output.kind == "exact" or scales.contains(self.scale),
            f"layer.scale: values {self.scale.min()}..{self.scale.max()} do not fit "
            f"output.scale_bits = {scale_bits} ({scales.lo}..{scales.hi})",
        )

    def _check_templates(self) -> None:
        if isinstance(self.templates, str):
            require(
                self.templates in ("auto", "none"),
                f"templates must be auto, none or a list of kernel numbers, not {self.templates!r}",
            )
            return
        require(
            isinstance(self.templates, tuple),
            f"templates must be auto, none or a list of kernel numbers, not {self.templates!r}",
        )
        found = find_templates(self.layer.weight)
        for kernel in self.templates:
            require(
                type(kernel) is int and 0 <= kernel < self.layer.kernels,
                f"templates: kernel {kernel!r} is not one of 0..{self.layer.kernels - 1}",
            )
            require(
                found[kernel] is not None,
                f"templates: kernel {kernel} is not -A, 0, +A with one magnitude A",
            )

    def _check_strategy(self) -> None:
        require(
            self.strategy in STRATEGIES,
            f"strategy must be one of {', '.join(STRATEGIES)}, not {self.strategy!r}",
        )
        if not self.learned:
            return
        layer, fold = self.layer, self.fold
        parts = {"kernels": len(self.learned), "channels": layer.channels, "taps": layer.taps}
        for name, parts_of in parts.items():
            groups = getattr(fold, name)
            require(
                groups <= parts_of,
                f"fold.{name} must be at most {parts_of}, since there are no more "
                f"{'learned kernels' if name == 'kernels' else name}, not {groups}",
            )
        require(
            fold.taps == 1 or self.strategy not in SCATTER_STRATEGIES,
            f"fold.taps must be 1 with strategy = {self.strategy}, not {fold.taps}: an input value "
            "meets all taps of a kernel at once there (fold the kernels or the channels, or choose "
            "another strategy)",
        )
        require(
            self.strategy != "value_table" or layer.input_format.bits <= MAX_VALUE_TABLE_BITS,
            f"strategy = value_table: a table of every value of {layer.input_format.bits} input "
            f"bits would be too large, {MAX_VALUE_TABLE_BITS} bits are the most (split_table cuts "
            "the value into parts, value_cam remembers only the values that come)",
        )
        products = 1
        for name, parts_of in parts.items():
            products *= -(-parts_of // getattr(fold, name))
        require(
            products <= MAX_LEARNED_PRODUCTS,
            f"layer: {len(self.learned)} learned kernels x {layer.channels} channels x "
            f"{layer.taps} taps, in {fold.cycles} cycles: {products} learned products a cycle; an "
            f"engine is built for at most {MAX_LEARNED_PRODUCTS}, since each has its own adder "
            "(fold the layer more, or make more kernels templates)",
        )
        require(
            fold.cycles == 1 or self.strategy != "constant",
            "fold: strategy = constant is not folded, since it has no memory of weights to go "
            "through (leave fold out, or choose direct, value_table or split_table)",
        )
        if self.strategy == "value_cam":
            self._check_value_cam()

    def _check_value_cam(self) -> None:
        table, bits = self.table, self.layer.input_format.bits
        require(
            table.sets <= 1 << bits,
            f"table.entries = {table.entries} with {table.ways} ways: {table.sets} sets, but "
            f"{bits} input bits have only {1 << bits} values (fewer entries, or more ways)",
        )

    @cached_property
    def template_kernels(self) -> dict[int, TemplateKernel]:
        """The kernels of the template bank, by kernel number."""
        if self.templates == "none":
            return {}
        wanted = range(self.layer.kernels) if self.templates == "auto" else self.templates
        found = find_templates(self.layer.weight)
        return {k: t for k in sorted(set(wanted)) if (t := found[k]) is not None}

    @cached_property
    def learned(self) -> tuple[int, ...]:
        """The other kernels' numbers: those with run-time weights."""
        return tuple(k for k in range(self.layer.kernels) if k not in self.template_kernels)

    @property
    def run_time_weights(self) -> bool:
        """Whether the learned kernels' weights are loaded, not built in."""
        return bool(self.learned) and self.strategy != "constant"

    @property
    def several_cycles(self) -> bool:
        """Whether a beat takes several cycles, whatever its pixels are."""
        serial = self.bank == "serial" and bool(self.template_kernels)
        return serial or (bool(self.learned) and self.fold.cycles > 1)

    @property
    def learned_weight(self) -> IntArray:
        """Weights of the learned kernels, shape (L, C, kh, kw)."""
        return self.layer.weight[list(self.learned)]

    def with_weights(self, weight: IntArray) -> EngineConfig:
        """The same engine when it has loaded other weights, shape (L, C, kh, kw)."""
        every = self.layer.weight.copy()
        every[list(self.learned)] = weight
        templates = tuple(self.template_kernels) or "none"
        return replace(self, layer=replace(self.layer, weight=every), templates=templates)

    @property
    def bias(self) -> IntArray:
        """Initial bias of each kernel, shape (K,); zeros where the layer has none."""
        return (
            np.zeros(self.layer.kernels, np.int64) if self.layer.bias is None else self.layer.bias
        )

    @property
    def scale(self) -> IntArray:
        """Initial requantisation factor of each kernel, shape (K,); ones where there is none."""
        return (
            np.ones(self.layer.kernels, np.int64) if self.layer.scale is None else self.layer.scale
        )

    def magnitude(self, kernel: int) -> int:
        """What the bank multiplies a template's pattern sum by: A, or 1 where others do."""
        if self.template_scale != "multiply":
            return 1
        return self.template_kernels[kernel].magnitude

    @property
    def magnitudes(self) -> IntArray:
        """Initial magnitude register of each template, ascending by kernel, shape (T,)."""
        return np.array([t.magnitude for t in self.template_kernels.values()], np.int64)

    @property
    def magnitude_bits(self) -> int:
        """Width of a template's magnitude register, unsigned; 0: there is none.

        Every positive weight is a magnitude that fits, and so is each of the model's: of kernels
        of the most negative weight it takes a bit more.
        """
        if self.template_scale != "register" or not self.template_kernels:
            return 0
        largest = int(self.magnitudes.max())
        return max(self.layer.weight_format.bits - 1, largest.bit_length())

    def pattern_range(self, kernel: int) -> IntRange:
        """Exact bounds of a template's sum of pixels, before any magnitude."""
        x, pattern = self.layer.input_format.range, self.template_kernels[kernel].pattern
        return x.scaled(int((pattern > 0).sum())) + (-x).scaled(int((pattern < 0).sum()))

    def sum_range(self, kernel: int) -> IntRange:
        """Exact bounds of a kernel's sum without bias, for all that can be loaded."""
        x = self.layer.input_format.range
        if kernel not in self.template_kernels and not self.run_time_weights:
            weight = self.layer.weight[kernel]
            plus, minus = weight[weight > 0].sum(), -weight[weight < 0].sum()
            return x.scaled(int(plus)) + (-x).scaled(int(minus))
        if kernel not in self.template_kernels:
            return self.layer.product_range.scaled(self.layer.channels * self.layer.taps)
        largest = (1 << self.magnitude_bits) - 1 if self.magnitude_bits else self.magnitude(kernel)
        return self.pattern_range(kernel).scaled(largest)

    def accumulator_range(self, kernel: int) -> IntRange:
        """Exact bounds of a kernel's accumulator: its sum and any bias that can be loaded."""
        if not self.bias_bits:
            return self.sum_range(kernel)
        return self.sum_range(kernel) + IntRange.of_bits(self.bias_bits, signed=True)

    @cached_property
    def output_range(self) -> IntRange:
        """The range of every kernel's output word."""
        if self.output.kind == "requantise":
            limits = self.output.limits
        else:
            limits = IntRange.union_of(self.accumulator_range(k) for k in range(self.layer.kernels))
        if self.output.relu:
            limits = IntRange(max(limits.lo, 0), max(limits.hi, 0))
        return limits
