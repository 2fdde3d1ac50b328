"""Each kernel's bias, a run-time register, added to its sum."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.shapes import shape_of
from sw.config import EngineConfig

__all__ = ["BiasAdder", "accumulator_layout", "sum_layout"]


def sum_layout(config: EngineConfig) -> data.StructLayout:
    """Every kernel's sum without bias, ``k0`` up, each in its exact shape."""
    return data.StructLayout(
        {f"k{k}": shape_of(config.sum_range(k)) for k in range(config.layer.kernels)}
    )


def accumulator_layout(config: EngineConfig) -> data.StructLayout:
    """Every kernel's sum with bias, ``k0`` up, each in its exact shape."""
    return data.StructLayout(
        {f"k{k}": shape_of(config.accumulator_range(k)) for k in range(config.layer.kernels)}
    )


class BiasAdder(wiring.Component):
    """Add ``bias[k]`` to every sum of kernel k.

    Beat-synchronous, :attr:`latency` beats: one, or none where the configuration has no bias.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    i : ``In(stream.Signature(sum_layout(config)))``
    o : ``Out(stream.Signature(accumulator_layout(config)))``
    bias : ``In(ArrayLayout(signed(bias_bits), K))``, only with ``bias_bits`` > 0
        Must not change while results are in flight.
    """

    i: stream.Interface
    o: stream.Interface
    bias: data.View

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        members = {
            "i": In(stream.Signature(sum_layout(config))),
            "o": Out(stream.Signature(accumulator_layout(config))),
        }
        if config.bias_bits:
            bias = data.ArrayLayout(signed(config.bias_bits), config.layer.kernels)
            members["bias"] = In(bias)
        super().__init__(members)

    @property
    def latency(self) -> int:
        """Beats from a sum to the sum with its bias."""
        return 1 if self.config.bias_bits else 0

    def elaborate(self, platform: object) -> Module:
        m = Module()
        step = Signal()
        m.d.comb += [
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready),
            step.eq(self.i.valid & self.o.ready),
        ]
        for k in range(self.config.layer.kernels):
            total, result = self.i.payload[f"k{k}"], self.o.payload[f"k{k}"]
            if not self.latency:
                m.d.comb += result.eq(total)
                continue
            register = Signal.like(result, name=f"k{k}", reset_less=True)
            with m.If(step):
                m.d.sync += register.eq(total + self.bias[k])
            m.d.comb += result.eq(register)
        return m
