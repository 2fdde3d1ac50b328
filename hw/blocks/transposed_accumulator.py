"""The learned kernels' sums, in the transposed form: products in, accumulators along the way."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.blocks.tapped_delay import TappedDelay
from hw.blocks.wide_stream import WideStream, WideStreamSignature
from hw.shapes import shape_of
from sw.config import EngineConfig

__all__ = ["TransposedAccumulator"]


class TransposedAccumulator(wiring.Component):
    """Add each kernel's products where the windows that need them meet.

    y[l](t) = sum over c, n of i[c][l * taps + n](t - latency - age(n))                      (1)

    where tap n = i * kw + j is ``age(n) = (kh - 1 - i) * padded_width + (kw - 1 - j)`` beats
    older than the window's last. First the channels are summed, a balanced tree of one adder a
    stage; then each kernel is one chain of accumulators, tap n + 1 taking over from tap n one
    beat later, or a row later at the end of a kernel row: the row waits in a ring memory. Every
    accumulator has the exact width of what it can hold, so order never matters.

    Beat-synchronous, :attr:`latency` beats.

    Parameters
    ----------
    config : EngineConfig
        With at least one learned kernel.

    Members
    -------
    i : ``In(WideStreamSignature(product, C, L * taps))``
    o : ``Out(stream.Signature(ArrayLayout(accumulator, L)))``
    """

    i: WideStream
    o: stream.Interface

    def __init__(self, config: EngineConfig) -> None:
        self.layer = config.layer
        self.kernels = len(config.learned)
        product = self.layer.product_range
        self.tap_range = product.scaled(self.layer.channels)
        products = self.kernels * self.layer.taps
        sums = data.ArrayLayout(shape_of(self.tap_range.scaled(self.layer.taps)), self.kernels)
        super().__init__(
            {
                "i": In(WideStreamSignature(shape_of(product), self.layer.channels, products)),
                "o": Out(stream.Signature(sums)),
            }
        )

    @property
    def latency(self) -> int:
        """Beats from a window's last pixel to its sum: the channel tree, and the last adder."""
        return ceil_log2(self.layer.channels) + 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        step = Signal()
        m.d.comb += [
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready),
            step.eq(self.i.valid & self.o.ready),
        ]
        sums = [self._channel_sum(m, step, p) for p in range(self.kernels * self.layer.taps)]
        taps, width = self.layer.taps, self.layer.kernel_shape[1]
        previous: list[Value] = []
        for n in range(taps):
            if n and n % width == 0:
                previous = self._row_delay(m, step, n, previous)
            previous = self._accumulate(m, step, n, previous, sums[n::taps])
        for kernel, value in enumerate(previous):
            m.d.comb += self.o.payload[kernel].eq(value)
        return m

    def _channel_sum(self, m: Module, step: Signal, p: int) -> Value:
        """Stages 1..: product ``p`` of all channels, summed pairwise."""
        values: list[Value] = [vector[p] for vector in self.i.payload]
        shapes = [self.layer.product_range] * len(values)
        level = 0
        while len(values) > 1:
            level += 1
            pairs = [slice(n, n + 2) for n in range(0, len(values), 2)]
            shapes = [sum(shapes[pair][1:], shapes[pair][0]) for pair in pairs]
            registers = [
                Signal(shape_of(r), name=f"sum_{p}_{level}_{n}", reset_less=True)
                for n, r in enumerate(shapes)
            ]
            with m.If(step):
                for register, pair in zip(registers, pairs, strict=True):
                    m.d.sync += register.eq(sum(values[pair][1:], values[pair][0]))
            values = list(registers)
        return values[0]

    def _accumulate(
        self, m: Module, step: Signal, n: int, previous: list[Value], terms: list[Value]
    ) -> list[Value]:
        """Last stage: tap ``n`` of every kernel joins the sum of the taps before it."""
        shape = shape_of(self.tap_range.scaled(n + 1))
        registers: list[Value] = []
        for kernel, term in enumerate(terms):
            register = Signal(shape, name=f"accumulator_{kernel}_{n}", reset_less=True)
            with m.If(step):
                m.d.sync += register.eq(previous[kernel] + term if previous else term)
            registers.append(register)
        return registers

    def _row_delay(self, m: Module, step: Signal, n: int, values: list[Value]) -> list[Value]:
        """The partial sums of a kernel row, when the frame's next row comes by."""
        beats = self.layer.padded_shape[1] - self.layer.kernel_shape[1]
        delay = TappedDelay(data.ArrayLayout(values[0].shape(), len(values)), [beats])
        m.submodules[f"row_{n // self.layer.kernel_shape[1]}"] = delay
        m.d.comb += [delay.i.valid.eq(step), delay.o.ready.eq(1)]
        for kernel, value in enumerate(values):
            m.d.comb += delay.i.payload[kernel].eq(value)
        return [Value.cast(word) for word in delay.o.payload[0]]
