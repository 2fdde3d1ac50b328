"""A convolution or a dense layer by a few multipliers: window, weights and outputs in turn."""

from __future__ import annotations

from math import ceil

from amaranth.hdl import Cat, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.blocks.skid_buffer import SkidBuffer
from hw.network.lane_requantise import LaneRequantise
from hw.network.streams import value_layout
from hw.network.window_reader import WindowReader, cell_layout
from hw.network.zero_skipper import ZeroSkipper
from hw.shapes import shape_of
from sw.network.graph import Conv, Dense
from sw.network.mac_words import bias_digits, mac_words, weight_bits
from sw.network.plan import MacPlan, geometry_of
from sw.network.window import groups_of
from sw.numeric import IntRange

__all__ = ["MacLayer", "weight_write_layout"]


def weight_write_layout(words: int, lanes: int) -> data.StructLayout:
    """A weight: ``index`` is ``word * S + lane``, S the power of two at or above ``lanes``."""
    return data.StructLayout({"index": range(words << ceil_log2(lanes)), "data": 32})


_STAGES = 4
"""From a step to its sums, without the levels of an adder tree: memory, factors, products, sum."""


class MacLayer(wiring.Component):
    """Sum the products of a window's values and a group of kernels' weights, a step at a time.

    acc[k] = bias[k] + sum of x * weight[k] over the window;  o = requantise(acc)             (1)

    A step is ``plan.channels`` channels of a cell, for ``plan.kernels`` kernels. The weights lie in
    one memory, in the order of the steps (:func:`sw.network.mac_words.mac_words`). A bias lies
    there too, as digits in base ``2**w`` before its kernel's weights, w the bits of a weight: a
    step that takes a digit shifts the sum. Dense is a kernel as large as the frame. Bit-exact to
    :mod:`sw.network.graph`.

    With ``plan.skip_zeros`` a window is read once, and a step whose values are all zero is left out
    of every pass (:class:`~hw.network.zero_skipper.ZeroSkipper`).

    Nothing behind the steps' source ever waits, so no clock enable reaches the multipliers: a
    pass begins only when its sums will have room at the output, where so many fit that passes
    follow each other without a gap. ``i.ready`` and all of ``o`` come from registers alone.

    Parameters
    ----------
    layer : Conv or Dense
    plan : MacPlan

    Members
    -------
    i : ``In(stream.Signature(value_layout(input_range, plan.channels)))``
    o : ``Out(stream.Signature(value_layout(output_range, plan.kernels)))``
    i_write : ``In(stream.Signature(weight_write_layout(...), always_ready=True))``
        Other weights, while no frame is here.
    """

    i: stream.Interface
    o: stream.Interface
    i_write: stream.Interface

    def __init__(self, layer: Conv | Dense, plan: MacPlan) -> None:
        self.layer = layer
        self.plan = plan
        self.geometry = geometry_of(layer, plan)
        kernels = layer.output_shape[0]
        self.digits = bias_digits(layer)
        self.weight_bits = weight_bits(layer)
        self.value = shape_of(layer.input_range)
        passes, cells = groups_of(kernels, plan.kernels), self.geometry.cells
        self.words = passes * (self.digits + cells)
        skips = plan.skip_zeros
        self.reader = WindowReader(
            self.value,
            self.geometry,
            passes=1 if skips else passes,
            extra=0 if skips else self.digits,
        )
        self.skipper: ZeroSkipper | None = None
        if skips:
            self.skipper = ZeroSkipper(
                self.value,
                lanes=plan.channels,
                cells=cells,
                passes=passes,
                extra=self.digits,
            )
        self.requantise = LaneRequantise(
            channels=kernels,
            lanes=plan.kernels,
            sums=self.sum_range,
            output_range=layer.output_range,
            requantise=layer.requantise,
        )
        self.lanes = plan.kernels * plan.channels
        self.buffers = self._buffers(self.digits + (1 if skips else cells))
        write = weight_write_layout(self.words, self.lanes)
        super().__init__(
            {
                "i": In(stream.Signature(value_layout(self.value, plan.channels))),
                "o": Out(
                    stream.Signature(value_layout(shape_of(layer.output_range), plan.kernels))
                ),
                "i_write": In(stream.Signature(write, always_ready=True)),
            }
        )

    @property
    def steps(self) -> stream.Interface:
        """What it computes, step by step: of its reader, or those left when zeros are skipped."""
        return self.reader.o if self.skipper is None else self.skipper.o

    def _buffers(self, steps: int) -> int:
        """Output buffers, each for the sums of two passes, so that none need wait for room.

        A pass takes so many ``steps``, at least. The room of one that leaves comes to the first
        buffer as many cycles later as there are buffers: no later than the sums of a pass that
        begins then, for there are no more buffers than stages before them.
        """
        before = _STAGES + ceil_log2(self.plan.channels) + self.requantise.latency
        buffers = 1
        while 2 * buffers < ceil((before + buffers * SkidBuffer.LATENCY + 1) / steps):
            buffers += 1
        return buffers

    @property
    def room(self) -> int:
        """Passes that may be under way: their sums all fit into the buffers."""
        return 2 * self.buffers

    @property
    def product_range(self) -> IntRange:
        """Of a value, or the 1 that a digit meets, and any weight."""
        return self.layer.input_range.union(IntRange(0, 1)) * self._weight_range

    @property
    def sum_range(self) -> IntRange:
        """Of the sums, whatever the weights and biases that are loaded."""
        channels, (height, width) = self.geometry.input_shape[0], self.geometry.kernel
        bits = max(self.digits * self.weight_bits, 1)
        biases = IntRange.of_bits(bits, signed=True)
        return biases + self.product_range.scaled(channels * height * width)

    @property
    def _weight_range(self) -> IntRange:
        """Of a weight, or a digit, as it lies in the memory."""
        return IntRange.of_bits(self.weight_bits, signed=True)

    @property
    def _factor_range(self) -> IntRange:
        """Of what a weight is multiplied by."""
        return self.layer.input_range.union(IntRange(0, int(self.digits > 0)))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.reader = reader = self.reader
        if self.skipper is not None:
            m.submodules.skipper = self.skipper
            wiring.connect(m, reader.o, self.skipper.i)
        m.submodules.requantise = self.requantise
        wiring.connect(m, wiring.flipped(self.i), reader.i)
        taken = self._pace(m)
        pipe = _Pipe(m, cell_layout(self.value, self.plan.channels))
        factors, weights = self._operands(m, pipe, taken)
        # Stage 3: products. Further stages: their sums, pairwise.
        bounds = self.product_range
        terms = [
            [
                pipe.register(bounds, factor * weight, f"product_{k}_{n}")
                for n, (factor, weight) in enumerate(zip(factors, row, strict=True))
            ]
            for k, row in enumerate(weights)
        ]
        pipe.step("products")
        level = 0
        while len(terms[0]) > 1:
            bounds, level = bounds.scaled(2), level + 1
            terms = [
                [
                    pipe.register(bounds, sum(row[n + 1 : n + 2], row[n]), f"sum_{level}_{k}_{n}")
                    for n in range(0, len(row), 2)
                ]
                for k, row in enumerate(terms)
            ]
            pipe.step(f"sums_{level}")
        self._accumulate(m, pipe, [row[0] for row in terms])
        return m

    def _operands(
        self, m: Module, pipe: _Pipe, taken: Signal
    ) -> tuple[list[Value], list[list[Value]]]:
        """A step's values, and its weights by kernel: both out of registers."""
        step, bounds = self.steps.payload, self._factor_range
        # Stage 1: the memory has the weights.
        read = self._weights(m, taken)
        pipe.load(taken, step)
        shown: list[Value] = []
        for n, value in enumerate(step["values"]):
            digit = Mux(step.extra, int(n == 0), value) if self.digits else value
            shown.append(pipe.register(bounds, digit, f"value_{n}"))
        # Stage 2: a block memory's output comes too late to be multiplied in the same cycle.
        factors: list[Value] = [
            pipe.register(bounds, value, f"factor_{n}") for n, value in enumerate(shown)
        ]
        weights: list[list[Value]] = [
            [
                pipe.register(self._weight_range, weight, f"weight_{k}_{n}")
                for n, weight in enumerate(row)
            ]
            for k, row in enumerate(read)
        ]
        pipe.step("operands")
        return factors, weights

    def _pace(self, m: Module) -> Signal:
        """Begin a pass when there is room for its sums; returns whether a step is taken."""
        steps, source = self.steps, self.requantise.o
        for n in range(self.buffers):
            m.submodules[f"buffer_{n}"] = buffer = SkidBuffer(self.o.payload.shape())
            wiring.connect(m, source, buffer.i)
            source = buffer.o
        wiring.connect(m, source, wiring.flipped(self.o))
        under_way = Signal(range(self.room + 1))
        taken, begins, leaves = Signal(), Signal(), Signal()
        m.d.comb += [
            steps.ready.eq(~steps.payload.first | (under_way != self.room)),
            taken.eq(steps.valid & steps.ready),
            begins.eq(taken & steps.payload.first),
            leaves.eq(self.o.valid & self.o.ready),
        ]
        m.d.sync += under_way.eq(under_way + begins - leaves)
        return taken

    def _accumulate(self, m: Module, pipe: _Pipe, terms: list[Value]) -> None:
        """The last stage: the sums of a pass, handed on with its last step."""
        shape = shape_of(self.sum_range)
        out, marks = self.requantise.i, pipe.marks
        for k, term in enumerate(terms):
            total = Signal(shape, name=f"total_{k}", reset_less=True)
            before: Value = total
            if self.digits:
                before = Mux(marks.extra, (total << self.weight_bits)[: shape.width], total)
                before = before.as_signed()
            with m.If(pipe.valid):
                m.d.sync += total.eq(Mux(marks.first, 0, before) + term)
            m.d.comb += out.payload["values"][k].eq(total)
        m.d.sync += [
            out.valid.eq(pipe.valid & marks.last),
            out.payload.last.eq(marks.final),
            out.payload.bad.eq(marks.bad),
        ]

    def _weights(self, m: Module, taken: Signal) -> list[list[Value]]:
        """The weights of the step that was taken last, by kernel and channel."""
        bits, steps = self.weight_bits, mac_words(self.layer, self.plan)
        mask = (1 << bits) - 1
        words = [sum((w & mask) << (n * bits) for n, w in enumerate(row)) for row in steps.tolist()]
        memory = Memory(
            shape=bits * self.lanes,
            depth=self.words,
            init=words,
            attrs={"ram_style": "block", "no_rw_check": "1"},
        )
        m.submodules.weights = memory
        read, write = memory.read_port(), memory.write_port(granularity=bits)
        if self.skipper is not None:
            m.d.comb += read.addr.eq(self.skipper.o.payload.step)
        else:
            at = Signal(range(self.words), name="step")
            m.d.comb += read.addr.eq(at)
            with m.If(taken):
                m.d.sync += at.eq(Mux(at == self.words - 1, 0, at + 1))
        lane_bits = ceil_log2(self.lanes)
        index = self.i_write.payload.index
        m.d.comb += [
            write.addr.eq(index >> lane_bits),
            write.data.eq(Cat([self.i_write.payload.data[:bits]] * self.lanes)),
            *(
                write.en[n].eq(self.i_write.valid & (index[:lane_bits] == n))
                for n in range(self.lanes)
            ),
        ]
        return [
            [
                read.data.word_select(k * self.plan.channels + c, bits).as_signed()
                for c in range(self.plan.channels)
            ]
            for k in range(self.plan.kernels)
        ]


class _Pipe:
    """Registers of a pipeline that never waits, and the marks that go with them."""

    def __init__(self, m: Module, layout: data.StructLayout) -> None:
        self.m = m
        self.layout = data.StructLayout({k: v for k, v in layout.members.items() if k != "values"})
        self.valid = Signal()
        self.marks = Signal(self.layout)

    def load(self, valid: Value, payload: data.View) -> None:
        """Take the marks of a step into the first stage."""
        self.m.d.sync += self.valid.eq(valid)
        self.m.d.sync += [self.marks[name].eq(payload[name]) for name, _ in self.layout]

    def step(self, name: str) -> None:
        """Take the marks into the next stage."""
        later = Signal(name=f"{name}_valid"), Signal(self.layout, name=f"{name}_marks")
        self.m.d.sync += [later[0].eq(self.valid), later[1].eq(self.marks)]
        self.valid, self.marks = later

    def register(self, limits: IntRange, value: ValueLike, name: str) -> Signal:
        """A register of the stage."""
        held = Signal(shape_of(limits), name=name, reset_less=True)
        self.m.d.sync += held.eq(value)
        return held
