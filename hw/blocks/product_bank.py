"""Some product memories that lie together, with registers of their own for what reaches them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.blocks.wide_stream import WideStream, WideStreamSignature
from hw.fanout import kept_register
from hw.product_geometry import Digit, ProductGeometry
from hw.protection import Guard, state
from hw.shapes import shape_of
from sw.numeric import IntRange

__all__ = ["ProductBank"]

_HOPS = 2
"""Registers on the way to the adders, which is long: the memories lie all over the chip."""


class ProductBank(wiring.Component):
    """Look up some products of a channel lane's value: a memory a word and digit.

    Address and sub-step, read, the memory's output register, the way to the adders, and these: the
    products come :attr:`latency` steps after their value. Each memory has both sets; the set
    that is read is not written, so no read meets a write of the same address.

    Parameters
    ----------
    geometry : ProductGeometry
    lane : int
        Channel lane.
    words : range
        Of ``geometry.words``.

    Members
    -------
    i : ``In(stream.Signature({"value": ..., "slot": ...}, always_ready=True))``
        ``valid`` in the cycles of steps; ``slot``: the sub-step.
    i_valid_next : ``In(1)``
        What ``i.valid`` will be in the next cycle.
    active : ``In(1)``
        The set to read, from the next cycle on.
    i_fill, o_fill : ``stream.Signature(geometry.fill_layout, always_valid, always_ready)``
        From bank to bank, a cycle each.
    o : ``Out(WideStreamSignature(product, products))``
    damaged : ``Out(1)``
        A word that was read is not what was written; before its products are shown. Only guarded.
    """

    i: stream.Interface
    i_valid_next: Signal
    active: Signal
    i_fill: stream.Interface
    o_fill: stream.Interface
    o: WideStream
    damaged: Signal

    def __init__(self, geometry: ProductGeometry, *, lane: int, words: range) -> None:
        self.geometry = g = geometry
        self.guard = Guard(g.config)
        self.lane = lane
        self.words = words
        operand = data.StructLayout({"value": g.value_shape, "slot": range(g.cycles)})
        fill = stream.Signature(g.fill_layout, always_valid=True, always_ready=True)
        self.products = sum(len(g.words[word]) for word in words)
        super().__init__(
            {
                "i": In(stream.Signature(operand, always_ready=True)),
                "i_valid_next": In(1),
                "active": In(1),
                "i_fill": In(fill),
                "o_fill": Out(fill),
                "o": Out(WideStreamSignature(g.product_shape, self.products)),
                "damaged": Out(1),
            }
        )

    @property
    def latency(self) -> int:
        """Steps from a value to its products."""
        return 3 + _HOPS + ceil_log2(len(self.geometry.digits))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self.geometry
        step = kept_register(m, self.i_valid_next, "step")
        way = [kept_register(m, self.i_valid_next, f"step_{n}") for n in range(_HOPS + 1)]
        active = kept_register(m, self.active, "active")
        # Stage 1: the address.
        operand = Signal.like(self.i.payload, name="operand", attrs={"keep": 1})
        with m.If(step):
            m.d.sync += operand.eq(self.i.payload)
        select, write = self._fill(m)
        m.d.comb += self.o.valid.eq(self.i.valid)
        damaged: list[Value] = []
        first = g.words[self.words[0]][0]
        for word, chosen in zip(self.words, select, strict=True):
            products = g.words[word]
            terms: list[list[_Term]] = [[] for _ in products]
            for d, digit in enumerate(g.digits):
                m.submodules[f"products_{word}_{d}"] = memory = self._memory(digit, products)
                value = Value.cast(operand.value)[digit.shift :][: digit.bits]
                writing, filled = memory.write_port(), write.products[digit.kind]
                m.d.comb += [
                    writing.addr.eq(Cat(digit.address(write.count), write.set, write.slot)),
                    writing.data.eq(
                        self.guard.guarded(Value.cast(filled)[: self._bits(digit, products)])
                    ),
                    writing.en.eq(chosen),
                ]
                address = Cat(value, active, operand.slot)
                output, held = self._read(m, memory, digit, step=step, way=way, address=address)
                damaged.append(self.guard.damaged(output))
                for term, register in zip(terms, held, strict=True):
                    term.append(_Term(register, g.digit_products(digit), digit.shift))
            for product, parts in zip(products, terms, strict=True):
                total = self._added(m, way[-1], parts, f"digits_{product}")
                m.d.comb += self.o.payload[product - first].eq(total)
        m.d.sync += self.damaged.eq(Cat(damaged).any())
        return m

    def _bits(self, digit: Digit, products: range) -> int:
        """Bits of a memory word but its parity."""
        return shape_of(self.geometry.digit_products(digit)).width * len(products)

    def _fill(self, m: Module) -> tuple[Signal, data.View]:
        """Take over what fills the memories, and hand it on.

        Returns which word is written, and what with: a cycle later, since the memories lie apart.
        """
        move = Signal.like(self.i_fill.payload.move, name="move")
        write = Signal.like(self.i_fill.payload.write, name="write", reset_less=True)
        select = Signal(len(self.words))
        heads = self.words[0] == 0
        m.d.sync += [move.eq(self.i_fill.payload.move), write.eq(self.i_fill.payload.write)]
        # The rest of the register takes no logic: it shifts, or is cleared.
        with m.If(move.clear):
            m.d.sync += select[1:].eq(0)
        with m.Elif(move.advance):
            m.d.sync += select[1:].eq(select[:-1])
        with m.If(move.clear | move.advance):
            clear = move.head[self.lane] if heads else 0
            m.d.sync += select[0].eq(Mux(move.clear, clear, 0 if heads else move.token))
        m.d.comb += [
            self.o_fill.payload.move.eq(move),
            self.o_fill.payload.move.token.eq(select[-1]),
            self.o_fill.payload.write.eq(write),
        ]
        selected = Signal.like(select, name="selected")
        written = Signal.like(write, name="written", reset_less=True)
        m.d.sync += [selected.eq(select), written.eq(write)]
        return selected, written

    def _memory(self, digit: Digit, products: range) -> Memory:
        """The table of a digit's ``products``; its first set has the model's."""
        g = self.geometry
        width = shape_of(g.digit_products(digit)).width
        bits = self._bits(digit, products)
        init = [0] * (g.cycles << (digit.bits + 1))
        for slot in range(g.cycles):
            weights = [g.weight(self.lane, slot, product) for product in products]
            for address in range(1 << digit.bits):
                value = digit.value(address)
                words = [
                    value * weight % (1 << width) << n * width for n, weight in enumerate(weights)
                ]
                word = self.guard.initial(sum(words), bits)
                init[(slot << (digit.bits + 1)) + address] = word
        return Memory(
            shape=self.guard.width(bits),
            depth=len(init),
            init=init,
            attrs={"no_rw_check": "1", **state("table")},
        )

    def _read(
        self,
        m: Module,
        memory: Memory,
        digit: Digit,
        *,
        step: Signal,
        way: Sequence[Signal],
        address: Value,
    ) -> tuple[Signal, list[Signal]]:
        """Stages 2 and on: read a word of products, and bring it to the adders.

        Returns the memory's output register, and the products at the end of the way.
        """
        shape = shape_of(self.geometry.digit_products(digit))
        read = memory.read_port()
        m.d.comb += [read.en.eq(step), read.addr.eq(address)]
        output = Signal(len(read.data), reset_less=True)  # moves into the memory
        count = len(read.data) // shape.width
        last: Value = output
        held: list[Signal] = []
        with m.If(step):
            m.d.sync += output.eq(read.data)
        for move in way[:_HOPS]:
            held = [Signal(shape, name="held", reset_less=True) for _ in range(count)]
            with m.If(move):
                m.d.sync += Cat(held).eq(last)
            last = Cat(held)
        return output, held

    def _added(self, m: Module, step: Signal, terms: list[_Term], name: str) -> Value:
        """The last stages: the sum of a product's digits, neighbours first."""
        for level in range(ceil_log2(len(terms))):
            pairs = [terms[n : n + 2] for n in range(0, len(terms), 2)]
            terms = []
            for n, (low, *high) in enumerate(pairs):
                limits, bits = low.limits, 0
                for part in high:
                    bits = part.shift - low.shift
                    limits += part.limits.scaled(1 << bits)
                total = Signal(shape_of(limits), name=f"{name}_{level}_{n}", reset_less=True)
                upper = sum((part.value for part in high), low.value >> bits)
                with m.If(step):
                    # The low bits, which only one of the two has, go round the adder.
                    m.d.sync += total.eq(Cat(low.value[:bits], upper) if bits else low.value)
                terms.append(_Term(total, limits, low.shift))
        return terms[0].value


@dataclass(frozen=True)
class _Term:
    """A digit's product, or a sum of some: ``value << shift`` of it is a part of the product."""

    value: Signal
    limits: IntRange
    shift: int
