"""Folding: which lane serves which kernel, channel and tap in which sub-step of a beat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from amaranth.hdl import Shape
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.shapes import shape_of
from sw.config import EngineConfig
from sw.numeric import IntRange

__all__ = ["FoldAxis", "FoldGeometry", "OperandSignature", "ProductSignature"]

MIN_MEMORY_GROUPS = 4
"""With fewer groups of taps the window lies in registers, and multiplexers choose; with more it
lies in a memory for each tap lane, whose address chooses: no register, no multiplexer."""


@dataclass(frozen=True)
class FoldAxis:
    """``parts`` (say, kernels) in ``groups`` groups: part p is lane ``p % lanes`` of its group.

    The last groups may be short, or empty.
    """

    parts: int
    groups: int

    @property
    def lanes(self) -> int:
        """Parts of a group, served at once."""
        return -(-self.parts // self.groups)

    def part(self, group: int, lane: int) -> int | None:
        """What a lane serves in a group; None where the group is short."""
        part = group * self.lanes + lane
        return part if part < self.parts else None

    def place(self, part: int) -> tuple[int, int]:
        """The group and the lane of a part."""
        return divmod(part, self.lanes)


class FoldGeometry:
    """The lanes and sub-steps of a configuration.

    A lane is a (kernel, channel, tap) of a group of each. A sub-step is a group of each: kernels
    change slowest, taps fastest, so the sub-steps of a kernel group are consecutive.

    Attributes
    ----------
    kernels, channels, taps : FoldAxis
        Of the learned kernels.
    value_shape, weight_shape, product_shape : Shape
    product_range : IntRange
    """

    def __init__(self, config: EngineConfig) -> None:
        layer, fold = config.layer, config.fold
        self.config = config
        self.kernels = FoldAxis(len(config.learned), fold.kernels)
        self.channels = FoldAxis(layer.channels, fold.channels)
        self.taps = FoldAxis(layer.taps, fold.taps)
        self.cycles = fold.cycles
        self.value_shape: Shape = shape_of(layer.input_format.range)
        self.weight_shape: Shape = shape_of(layer.weight_format.range)
        self.product_range: IntRange = layer.product_range
        self.product_shape: Shape = shape_of(self.product_range)

    @property
    def window_in_memory(self) -> bool:
        """Whether the window is read from memories; see :data:`MIN_MEMORY_GROUPS`."""
        return self.taps.groups >= MIN_MEMORY_GROUPS

    @property
    def fetch_latency(self) -> int:
        """Enabled cycles from a sub-step to its operands.

        The taps, then the channels, or the register that a memory needs; both where both are.
        """
        if self.cycles == 1:
            return 0
        return 3 if self.window_in_memory and self.channels.groups > 1 else 2

    @property
    def values(self) -> tuple[int, int]:
        """Dimensions of a sub-step's values: channel lanes, tap lanes."""
        return self.channels.lanes, self.taps.lanes

    @property
    def lanes(self) -> tuple[int, int, int]:
        """Dimensions of a sub-step's weights and products: kernel, channel and tap lanes."""
        return self.kernels.lanes, *self.values

    @property
    def sums_in_groups(self) -> bool:
        """Whether a kernel's sum takes several sub-steps."""
        return self.channels.groups * self.taps.groups > 1

    @cached_property
    def step_layout(self) -> data.StructLayout:
        """A sub-step: its groups. As one word it is also the address of its weights."""
        return data.StructLayout(
            {
                "tap": range(self.taps.groups),
                "channel": range(self.channels.groups),
                "kernel": range(self.kernels.groups),
            }
        )

    @cached_property
    def tag_layout(self) -> data.StructLayout:
        """What goes with operands and products: their sub-step; is it a group's ``last``."""
        return data.StructLayout({"step": self.step_layout, "last": 1})

    def ages(self, lane: int) -> list[int]:
        """By group, how many beats older a tap lane's pixel is than the window's last.

        Where the group is short, any that the window has.
        """
        layer = self.config.layer
        rows, columns = layer.kernel_shape
        found = []
        for group in range(self.taps.groups):
            row, column = divmod(self.taps.part(group, lane) or 0, columns)
            found.append((rows - 1 - row) * layer.padded_shape[1] + columns - 1 - column)
        return found

    @property
    def axes(self) -> tuple[FoldAxis, FoldAxis, FoldAxis]:
        """Of kernels, channels and taps."""
        return self.kernels, self.channels, self.taps

    def lane_numbers(self) -> Iterator[tuple[int, int, int]]:
        """(kernel, channel, tap) lane of every lane."""
        kernels, channels, taps = self.lanes
        return product(range(kernels), range(channels), range(taps))

    def steps(self) -> Iterator[tuple[int, int, int]]:
        """(kernel, channel, tap) group of every sub-step, in order."""
        kernels, channels, taps = (range(axis.groups) for axis in self.axes)
        return product(kernels, channels, taps)

    def word(self, step: tuple[int, int, int]) -> int:
        """The address of a sub-step's weights."""
        groups: dict[int | str, int] = dict(zip(("kernel", "channel", "tap"), step, strict=True))
        return self.step_layout.const(groups).as_bits()


class OperandSignature(wiring.Signature):
    """A stream of sub-steps' operands: ``value[c][t]`` and ``weight[k][c][t]``, by lane."""

    def __init__(self, geometry: FoldGeometry) -> None:
        super().__init__(
            {
                "tag": Out(geometry.tag_layout),
                "value": Out(geometry.value_shape).array(*geometry.values),
                "weight": Out(geometry.weight_shape).array(*geometry.lanes),
                "valid": Out(1),
                "ready": In(1),
            }
        )


class ProductSignature(wiring.Signature):
    """A stream, always taken, of sub-steps' products: ``product[k][c][t]``, by lane."""

    def __init__(self, geometry: FoldGeometry) -> None:
        super().__init__(
            {
                "tag": Out(geometry.tag_layout),
                "product": Out(geometry.product_shape).array(*geometry.lanes),
                "valid": Out(1),
            }
        )
