"""Tables of every product: the input value, or a part of it, is the address of its products."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.product_bank import ProductBank
from hw.blocks.product_filler import ProductFiller
from hw.blocks.raster import pixel_layout
from hw.blocks.wide_stream import WideStream, WideStreamSignature
from hw.fanout import kept_register
from hw.product_geometry import ProductGeometry
from sw.config import EngineConfig

__all__ = ["ProductTables"]


class ProductTables(wiring.Component):
    """Look up the products of every channel's value with all its weights: no product is computed.

    o.payload[c][p](t * F + s + lead) = i.payload[h * channel_lanes + c](t) * weight         (1)

    where step t * F + s since the reset is sub-step s of beat t (:class:`~hw.fold.FoldGeometry`),
    h its channel group and ``weight`` that of its p-th product; 0 for a channel that is not there,
    arbitrary for a kernel that is not. The value is cut into digits of ``digit_bits`` bits, the
    top one signed where the value is; a digit's products with all weights are a table, and the
    digits' products are added. The tables lie in banks (:class:`~hw.blocks.product_bank.
    ProductBank`), which a :class:`~hw.blocks.product_filler.ProductFiller` fills one after the
    other, while the active set is read. Initially that has the model's products.

    Parameters
    ----------
    config : EngineConfig
        With at least one learned kernel.
    digit_bits : int
        At least 1; the width of the input for one table of all its values.

    Members
    -------
    i : ``In(stream.Signature(pixel_layout, always_ready=True))``
        ``valid`` in the cycle in which a beat moves: that of its first sub-step.
    step_next : ``In(1)``
        Whether a sub-step is made in the next cycle; low before the first cycle.
    o : ``Out(WideStreamSignature(product, channel_lanes, products))``
        ``valid`` in the cycles of steps.
    i_weight, loaded : as :class:`~hw.blocks.product_filler.ProductFiller`
    damaged : ``Out(1)``
        A word that was read is not what was filled in, and its products are on their way.
    swap : ``In(1)``
        While ``loaded``: the loaded set becomes the active one. What moved before the next cycle
        has arbitrary products.
    """

    i: stream.Interface
    step_next: Signal
    o: WideStream
    i_weight: stream.Interface
    loaded: Signal
    swap: Signal
    damaged: Signal

    def __init__(self, config: EngineConfig, *, digit_bits: int) -> None:
        self.geometry = g = ProductGeometry(config, digit_bits)
        self.filler = ProductFiller(g)
        self.banks = [
            [ProductBank(g, lane=lane, words=words) for words in g.banks]
            for lane in range(g.channels.lanes)
        ]
        of_filler = self.filler.signature.members
        super().__init__(
            {
                "i": In(stream.Signature(pixel_layout(config.layer), always_ready=True)),
                "step_next": In(1),
                "o": Out(WideStreamSignature(g.product_shape, g.channels.lanes, g.products)),
                "damaged": Out(1),
                **{name: of_filler[name] for name in ("i_weight", "loaded", "swap")},
            }
        )

    @property
    def lead(self) -> int:
        """Steps from a sub-step to its products."""
        return self.banks[0][0].latency

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.filler = filler = self.filler
        wiring.connect(m, wiring.flipped(self.i_weight), filler.i_weight)
        step = kept_register(m, self.step_next, "step")
        m.d.comb += [
            self.loaded.eq(filler.loaded),
            filler.swap.eq(self.swap),
            self.o.valid.eq(step),
        ]
        slot, slot_next = (Signal(range(self.geometry.cycles)) for _ in range(2))
        m.d.comb += slot_next.eq(Mux(self.i.valid, 0, slot + 1))
        with m.If(step):
            m.d.sync += slot.eq(slot_next)
        fill = Signal.like(filler.o.payload, name="fill")
        m.d.sync += fill.eq(filler.o.payload)
        damaged = Cat(bank.damaged for banks in self.banks for bank in banks)
        m.d.comb += self.damaged.eq(damaged.any())
        for lane, value in enumerate(self._values(m, step)):
            products = iter(self.o.payload[lane])
            for n, bank in enumerate(self.banks[lane]):
                m.submodules[f"bank_{lane}_{n}"] = bank
                m.d.comb += [
                    bank.i.valid.eq(step),
                    bank.i.payload.value.eq(value),
                    bank.i.payload.slot.eq(slot_next),
                    bank.i_valid_next.eq(self.step_next),
                    bank.active.eq(filler.active),
                    bank.i_fill.payload.eq(fill),
                ]
                m.d.comb += [next(products).eq(product) for product in bank.o.payload]
                fill = bank.o_fill.payload
        return m

    def _values(self, m: Module, step: Signal) -> list[Value]:
        """What each lane looks up next: the pixel's channels, group after group, around."""
        g = self.geometry
        pixel: list[Value] = [Value.cast(value) for value in self.i.payload]
        pixel += [Const(0, len(pixel[0]))] * (g.channels.lanes * g.channels.groups - len(pixel))
        if g.cycles == 1:
            return pixel
        values: list[Value] = []
        for lane in range(g.channels.lanes):
            groups = pixel[lane :: g.channels.lanes]
            held = [Signal.like(v, name=f"held_{lane}_{h}") for h, v in enumerate(groups)]
            following = [
                Mux(self.i.valid, new, old)
                for new, old in zip(groups, [*held[1:], held[0]], strict=True)
            ]
            with m.If(step):
                m.d.sync += [register.eq(v) for register, v in zip(held, following, strict=True)]
            values.append(following[0])
        return values
