"""A run-time register for each kernel: biases, and the requantiser's factors."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["KernelRegisters"]


class KernelRegisters(wiring.Component):
    """Words that are written one at a time and all shown at once.

    Parameters
    ----------
    width : int
        Bits of a word: the low ones of what is written.
    init : sequence of int
        One a kernel: the value after reset; negative ones in two's complement.

    Members
    -------
    i : ``In(stream.Signature({"index": range(K), "data": 32}, always_ready=True))``
    o : ``Out(ArrayLayout(width, K))``
    """

    i: stream.Interface
    o: data.View

    def __init__(self, width: int, init: Sequence[int]) -> None:
        self.width = width
        self.init = [int(value) & ((1 << width) - 1) for value in init]
        write = data.StructLayout({"index": range(len(self.init)), "data": 32})
        super().__init__(
            {
                "i": In(stream.Signature(write, always_ready=True)),
                "o": Out(data.ArrayLayout(width, len(self.init))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for k, init in enumerate(self.init):
            register = Signal(self.width, init=init, name=f"k{k}")
            with m.If(self.i.valid & (self.i.payload.index == k)):
                m.d.sync += register.eq(self.i.payload.data)
            m.d.comb += self.o[k].eq(register)
        return m
