"""A learned kernel's sums, in the transposed form: products in, accumulators along the way."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.blocks.tapped_delay import TappedDelay
from hw.blocks.wide_stream import WideStream, WideStreamSignature
from hw.shapes import shape_of
from sw.spec import LayerSpec

__all__ = ["TransposedAccumulator"]


class TransposedAccumulator(wiring.Component):
    """Add a kernel's products where the windows that need them meet.

    y(t) = sum over c, n of i[c][n](t - latency - age(n))                                    (1)

    where tap n = i * kw + j is ``age(n) = (kh - 1 - i) * padded_width + (kw - 1 - j)`` beats
    older than the window's last. First the channels are summed, a balanced tree of one adder a
    stage; then the kernel is one chain of accumulators, tap n + 1 taking over from tap n one
    beat later, or a row later at the end of a kernel row: the row waits in a ring memory. Every
    accumulator has the exact width of what it can hold, so order never matters.

    Beat-synchronous, :attr:`latency` beats.

    Parameters
    ----------
    layer : LayerSpec
        Its shapes and formats; the weights do not matter.

    Members
    -------
    i : ``In(WideStreamSignature(product, C, taps))``
    o : ``Out(stream.Signature(sum))``
    """

    i: WideStream
    o: stream.Interface

    def __init__(self, layer: LayerSpec) -> None:
        self.layer = layer
        product = layer.product_range
        self.tap_range = product.scaled(layer.channels)
        total = shape_of(self.tap_range.scaled(layer.taps))
        super().__init__(
            {
                "i": In(WideStreamSignature(shape_of(product), layer.channels, layer.taps)),
                "o": Out(stream.Signature(total)),
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
        width = self.layer.kernel_shape[1]
        total: Value = Const(0)
        for n in range(self.layer.taps):
            if n and n % width == 0:
                total = self._row_delay(m, step, n // width, total)
            term = self._channel_sum(m, step, n)
            # Last stage: tap n joins the sum of the taps before it.
            shape = shape_of(self.tap_range.scaled(n + 1))
            accumulator = Signal(shape, name=f"accumulator_{n}", reset_less=True)
            with m.If(step):
                m.d.sync += accumulator.eq(total + term)
            total = accumulator
        m.d.comb += self.o.payload.eq(total)
        return m

    def _channel_sum(self, m: Module, step: Signal, n: int) -> Value:
        """Stages 1..: tap ``n``'s products of all channels, summed pairwise."""
        values: list[Value] = [products[n] for products in self.i.payload]
        ranges = [self.layer.product_range] * len(values)
        level = 0
        while len(values) > 1:
            level += 1
            pairs = [slice(p, p + 2) for p in range(0, len(values), 2)]
            ranges = [sum(ranges[pair][1:], ranges[pair][0]) for pair in pairs]
            registers = [
                Signal(shape_of(r), name=f"sum_{n}_{level}_{p}", reset_less=True)
                for p, r in enumerate(ranges)
            ]
            with m.If(step):
                for register, pair in zip(registers, pairs, strict=True):
                    m.d.sync += register.eq(sum(values[pair][1:], values[pair][0]))
            values = list(registers)
        return values[0]

    def _row_delay(self, m: Module, step: Signal, row: int, total: Value) -> Value:
        """The sum of a kernel row, when the frame's next row comes by."""
        beats = self.layer.padded_shape[1] - self.layer.kernel_shape[1]
        m.submodules[f"row_{row}"] = delay = TappedDelay(total.shape(), [beats])
        m.d.comb += [
            delay.i.valid.eq(step),
            delay.o.ready.eq(1),
            delay.i.payload.eq(total),
        ]
        return delay.o.payload[0]
