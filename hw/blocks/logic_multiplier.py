"""A product of additions alone, for a lane that takes no multiplier of the chip."""

from __future__ import annotations

from operator import itemgetter

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

__all__ = ["LogicMultiplier"]

LEVELS_A_STAGE = 2
"""Adders one behind the other from register to register."""


class LogicMultiplier(wiring.Component):
    """Multiply by additions that synthesis does not take for a product.

    The weight plus 1 + 4 + 16 + .. is not negative and has digits v[j] in 0..3 of base 4, so

    value * weight = sum of (v[j] - 1) * value * 4**j over j                                (1)

    where each digit chooses -value, 0, value or twice it: one table of four inputs a bit.

    Parameters
    ----------
    value, weight, product : Shape
        The weight's is signed.

    Members
    -------
    value, weight : ``In(value)``, ``In(weight)``
    product : ``Out(product)``
        :attr:`latency` cycles later.
    """

    value: Value
    weight: Value
    product: Value

    def __init__(self, value: Shape, weight: Shape, product: Shape) -> None:
        self.shapes = value, weight, product
        self.digits = weight.width // 2 + 1
        super().__init__({"value": In(value), "weight": In(weight), "product": Out(product)})

    @property
    def latency(self) -> int:
        """Cycles."""
        levels = ceil_log2((self.digits + 1) // 2 + 1)
        return 1 + -(-levels // LEVELS_A_STAGE)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Stage 1: choose by digits, add pairs of them. Minus the value is -1 - value, and 1.
        weight = Signal(2 * self.digits)
        m.d.comb += weight.eq(self.weight + (4**self.digits - 1) // 3)
        digits = [weight.word_select(j, 2) for j in range(self.digits)]
        ones = Cat(*(Cat(~digit.any(), Const(0, 1)) for digit in digits), Const(0, 1))
        terms = _pairwise([(self._chosen(m, j, digit), 2 * j) for j, digit in enumerate(digits)])
        terms = _registers(m, [*terms, (ones.as_signed(), 0)], 1)
        # Stages 2..: add up.
        for stage in range(2, self.latency + 1):
            for _ in range(LEVELS_A_STAGE):
                terms = _pairwise(terms)
            terms = _registers(m, terms, stage)
        m.d.comb += self.product.eq(terms[0][0])
        return m

    def _chosen(self, m: Module, j: int, digit: Value) -> Value:
        """-1 - value, 0, value or twice the value."""
        value = self.shapes[0]
        bits = signed(value.width + (not value.signed) + 1)
        once, chosen = Signal(bits, name=f"once_{j}"), Signal(bits, name=f"chosen_{j}")
        upper = Mux(digit[0], once << 1, once)
        m.d.comb += [once.eq(self.value), chosen.eq(Mux(digit[1], upper, Mux(digit[0], 0, ~once)))]
        return chosen


Terms = list[tuple[Value, int]]
"""Signed values, and the powers of two that they are to be multiplied by."""


def _add(lower: Value, upper: Value, shift: int) -> Value:
    """``lower + (upper << shift)``, where the lowest bits take no adder."""
    return Cat(lower[:shift], (lower >> shift) + upper).as_signed()


def _pairwise(terms: Terms) -> Terms:
    """Half as many terms of the same sum."""
    sums: Terms = []
    for n in range(0, len(terms) - 1, 2):
        (lower, least), (upper, most) = sorted(terms[n : n + 2], key=itemgetter(1))
        sums.append((_add(lower, upper, most - least), least))
    return sums + terms[len(sums) * 2 :]


def _registers(m: Module, terms: Terms, stage: int) -> Terms:
    """The terms, a cycle later."""
    registers = [
        Signal(value.shape(), name=f"term_{stage}_{n}", reset_less=True)
        for n, (value, _) in enumerate(terms)
    ]
    m.d.sync += [register.eq(value) for register, (value, _) in zip(registers, terms, strict=True)]
    return [(register, shift) for register, (_, shift) in zip(registers, terms, strict=True)]
