"""Engine configurations: what an engine computes, and with what resources.

The golden model reads a configuration for the numbers and the counters, the generator for the
gates. It lives in ``sw/`` because both need it (docs/adr/0002). :mod:`sw.configfile` reads one
from TOML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Literal

import numpy as np

from .config_error import require, require_one_of, require_within
from .numeric import IntArray, IntRange
from .part_configs import (
    MAX_LEARNED_PRODUCTS,
    MAX_VALUE_TABLE_BITS,
    AutoChoice,
    FoldConfig,
    LanesConfig,
    OutputConfig,
    TableConfig,
)
from .spec import LayerSpec
from .templates import TemplateKernel, find_templates

__all__ = ["SCATTER_STRATEGIES", "STRATEGIES", "EngineConfig"]

STRATEGIES = ("value_cam", "direct", "pair_cam", "value_table", "split_table", "constant")
"""Ways to make the products of the learned kernels; see ``hw/strategies``."""

SCATTER_STRATEGIES = ("value_cam", "value_table", "split_table")
"""Those that make all products of an input value when it comes, and add them up where they meet."""


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
        self._check_settings()
        self._check_templates()
        require(
            self.top != "template_bank" or bool(self.template_kernels),
            "top = template_bank: the layer has no template kernel, or templates leaves them out",
        )
        require(
            self.strategy in STRATEGIES,
            f"strategy must be one of {', '.join(STRATEGIES)}, not {self.strategy!r}",
        )
        if self.learned:
            self._check_learned()
        require(
            self.top != "sums" or not self.run_time_weights,
            "top = sums: the learned kernels' weights must be built in (strategy = constant)",
        )
        self._check_registers()

    def _check_settings(self) -> None:
        """What can be said of the settings without the layer."""
        scales = ("multiply", "defer", "register")
        require_one_of("top", self.top, ("engine", "template_bank", "sums"))
        require_one_of("template_scale", self.template_scale, scales)
        require(
            self.top == "engine" or self.template_scale != "register",
            "template_scale must be multiply or defer with top = template_bank: the registers are "
            "the engine's",
        )
        require_one_of("bank", self.bank, ("parallel", "serial"))
        require(
            self.bank == "parallel" or self.top == "engine",
            f"bank must be parallel with top = {self.top}: a serial one needs the engine around it",
        )
        require_within("bias_bits", self.bias_bits, 0, 32)
        require_within("counter_bits", self.counter_bits, 16, 64)

    def _check_templates(self) -> None:
        require(
            isinstance(self.templates, tuple) or self.templates in ("auto", "none"),
            f"templates must be auto, none or a list of kernel numbers, not {self.templates!r}",
        )
        if isinstance(self.templates, str):
            return
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

    def _check_learned(self) -> None:
        """That the strategy can be folded so, can take the layer, and can be built."""
        layer, fold = self.layer, self.fold
        parts = {"kernels": len(self.learned), "channels": layer.channels, "taps": layer.taps}
        self._check_fold(parts)
        require(
            self.strategy != "value_table" or layer.input_format.bits <= MAX_VALUE_TABLE_BITS,
            f"strategy = value_table: a table of every value of {layer.input_format.bits} input "
            f"bits would be too large, {MAX_VALUE_TABLE_BITS} bits are the most (split_table cuts "
            "the value into parts, value_cam remembers only the values that come)",
        )
        products = prod(-(-count // getattr(fold, name)) for name, count in parts.items())
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

    def _check_fold(self, parts: Mapping[str, int]) -> None:
        fold = self.fold
        for name, count in parts.items():
            groups = getattr(fold, name)
            require(
                groups <= count,
                f"fold.{name} must be at most {count}, since there are no more "
                f"{'learned kernels' if name == 'kernels' else name}, not {groups}",
            )
        require(
            fold.taps == 1 or self.strategy not in SCATTER_STRATEGIES,
            f"fold.taps must be 1 with strategy = {self.strategy}, not {fold.taps}: an input value "
            "meets all taps of a kernel at once there (fold the kernels or the channels, or choose "
            "another strategy)",
        )

    def _check_value_cam(self) -> None:
        table, bits = self.table, self.layer.input_format.bits
        require(
            table.sets <= 1 << bits,
            f"table.entries = {table.entries} with {table.ways} ways: {table.sets} sets, but "
            f"{bits} input bits have only {1 << bits} values (fewer entries, or more ways)",
        )

    def _check_registers(self) -> None:
        """That the layer's biases and factors fit the registers that hold them."""
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
