"""Each template's magnitude, a run-time register, multiplied with the sum of its pattern."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.shapes import shape_of
from sw.config import EngineConfig

__all__ = ["Magnitude", "pattern_layout"]


def pattern_layout(config: EngineConfig) -> data.StructLayout:
    """Every template's pattern sum, a field ``k<kernel>`` each, ascending, in its exact shape."""
    templates = config.template_kernels
    return data.StructLayout({f"k{k}": shape_of(config.pattern_range(k)) for k in templates})


class Magnitude(wiring.Component):
    """Multiply the pattern sum of the n-th template kernel, ascending, by ``magnitude[n]``.

    Beat-synchronous, :attr:`latency` beats; one multiplier a template. Products never overflow:
    they are as wide as any magnitude can make them.

    Parameters
    ----------
    config : EngineConfig
        With ``template_scale = "register"`` and at least one template.

    Members
    -------
    i : ``In(stream.Signature(pattern_layout(config)))``
    o : ``Out(stream.Signature({"k<kernel>": sum_range, ...}))``
    magnitude : ``In(ArrayLayout(unsigned(magnitude_bits), templates))``
        Must not change while results are in flight.
    """

    i: stream.Interface
    o: stream.Interface
    magnitude: data.View

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        templates = config.template_kernels
        sums = data.StructLayout({f"k{k}": shape_of(config.sum_range(k)) for k in templates})
        magnitudes = data.ArrayLayout(unsigned(config.magnitude_bits), len(templates))
        super().__init__(
            {
                "i": In(stream.Signature(pattern_layout(config))),
                "o": Out(stream.Signature(sums)),
                "magnitude": In(magnitudes),
            }
        )

    @property
    def latency(self) -> int:
        """Beats from a pattern sum to its product."""
        return 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        step = Signal()
        m.d.comb += [
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready),
            step.eq(self.i.valid & self.o.ready),
        ]
        for n, k in enumerate(self.config.template_kernels):
            pattern, result = self.i.payload[f"k{k}"], self.o.payload[f"k{k}"]
            register = Signal.like(result, name=f"k{k}", reset_less=True)
            with m.If(step):
                m.d.sync += register.eq(pattern * self.magnitude[n])
            m.d.comb += result.eq(register)
        return m
