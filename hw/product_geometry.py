"""Sizes of tables that hold every product of a value, or of a part of it, and each weight."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Value
from amaranth.lib import data

from hw.fold import FoldGeometry
from hw.shapes import shape_of
from sw.config import EngineConfig
from sw.numeric import IntRange

__all__ = ["Digit", "ProductGeometry"]

WORD_BITS = 36
"""Of a block memory of the usual FPGAs: as many products as fit are one word, filled together."""

BANK_MEMORIES = 8
"""Memories that share registers: more lie too far apart."""


@dataclass(frozen=True, kw_only=True)
class Digit:
    """A part of an input value: ``bits`` bits, worth ``2**shift`` each."""

    shift: int
    bits: int
    signed: bool

    @property
    def range(self) -> IntRange:
        """Its values."""
        return IntRange.of_bits(self.bits, signed=self.signed)

    @property
    def kind(self) -> str:
        """The same for digits of the same values."""
        return f"{'signed' if self.signed else 'unsigned'}{self.bits}"

    def value(self, address: int) -> int:
        """What the bits ``address`` are worth, in units of ``2**shift``."""
        return address - ((address > self.range.hi) << self.bits)

    def address(self, count: Value) -> Value:
        """The bits of its ``count``-th value from the lowest."""
        return count[: self.bits] ^ (1 << (self.bits - 1) if self.signed else 0)


class ProductGeometry(FoldGeometry):
    """The product tables of ``config``, whose values are cut into digits of ``digit_bits`` bits.

    Attributes
    ----------
    digits : tuple of Digit
        From the lowest; the top one is signed where the value is.
    products : int
        Of a channel lane in a sub-step: kernel by kernel, tap by tap.
    words : tuple of range
        These products, those that are one memory word each.
    banks : tuple of range
        These words, those whose memories are one bank each.
    fill_layout : StructLayout
        What goes from bank to bank to fill the memories. ``move``, in a cycle: ``clear``, no word
        is written any more, but the first of each lane in ``head``; ``advance``, the next word
        is, in the next bank if ``token``. ``write``: ``set`` and ``slot``, the sub-step; ``count``
        (:meth:`Digit.address`); and the ``products`` of a word for the digits of each kind.
    """

    def __init__(self, config: EngineConfig, digit_bits: int) -> None:
        super().__init__(config)
        bits, signed = config.layer.input_format.bits, config.layer.input_format.signed
        self.digits = tuple(
            Digit(
                shift=low,
                bits=min(digit_bits, bits - low),
                signed=signed and low + digit_bits >= bits,
            )
            for low in range(0, bits, digit_bits)
        )
        self.products = self.kernels.lanes * self.taps.parts
        widest = max(self.digit_products(digit).bits for digit in self.digits)
        self.words = _pieces(self.products, max(WORD_BITS // widest, 1))
        self.banks = _pieces(len(self.words), max(BANK_MEMORIES // len(self.digits), 1))
        moves = {"clear": 1, "head": self.channels.lanes, "advance": 1, "token": 1}
        products = {
            kind: data.ArrayLayout(shape_of(self.digit_products(digit)), len(self.words[0]))
            for kind, digit in self.kinds.items()
        }
        write = {
            "set": 1,
            "slot": range(self.cycles),
            "count": self.digit_bits,
            "products": data.StructLayout(products),
        }
        self.fill_layout = data.StructLayout(
            {"move": data.StructLayout(moves), "write": data.StructLayout(write)}
        )

    def digit_products(self, digit: Digit) -> IntRange:
        """The products of a digit and any weight."""
        return digit.range * self.config.layer.weight_format.range

    @property
    def kinds(self) -> dict[str, Digit]:
        """Digits of different values, by a name; those of the same have the same products."""
        return {digit.kind: digit for digit in self.digits}

    @property
    def digit_bits(self) -> int:
        """Bits of the widest digit."""
        return self.digits[0].bits

    @property
    def fill_cycles(self) -> int:
        """Cycles from a word's last weight to the next word's first."""
        return (1 << self.digit_bits) + 2

    @property
    def hops(self) -> int:
        """Registers on the way to the last memory: one first, one a bank, and one in it."""
        return 1 + self.channels.lanes * len(self.banks) + 1

    def weight(self, lane: int, slot: int, product: int) -> int:
        """The model's weight that a product of a channel lane is of; 0 where there is none."""
        group, part = divmod(slot, self.channels.groups)
        kernel_lane, tap = divmod(product, self.taps.parts)
        kernel, channel = self.kernels.part(group, kernel_lane), self.channels.part(part, lane)
        if kernel is None or channel is None:
            return 0
        return int(self.config.learned_weight[kernel, channel].reshape(-1)[tap])


def _pieces(count: int, size: int) -> tuple[range, ...]:
    """0 .. count - 1, in pieces of ``size``; the last may be short."""
    return tuple(range(n, min(n + size, count)) for n in range(0, count, size))
