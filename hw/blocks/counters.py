"""What the engine did, counted: the registers that the golden model predicts."""

from __future__ import annotations

from amaranth.hdl import Module, ShapeLike, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.registers import counters_layout
from sw.config import EngineConfig
from sw.registers import COUNTERS

__all__ = ["Counters", "events_layout"]


def events_layout(strategy: ShapeLike) -> data.StructLayout:
    """What happened in a cycle.

    The engine is ``busy``; an ``output`` left, the ``last`` of a frame, or of a ``bad`` one; and
    what the strategy did, of the shape of its events.
    """
    return data.StructLayout({"busy": 1, "output": 1, "last": 1, "bad": 1, "strategy": strategy})


class Counters(wiring.Component):
    """Count events; they show two cycles later. Each counter wraps at ``2**counter_bits``.

    Parameters
    ----------
    config : EngineConfig
    strategy : ShapeLike
        Of the events of its strategy: :func:`hw.strategies.contract.strategy_events_layout`.

    Members
    -------
    events : ``In(events_layout(strategy))``
    clear : ``In(1)``
        All counters become zero, a cycle later; events of this cycle are then counted.
    o : ``Out(counters_layout(config))``
    """

    events: data.View
    clear: Signal
    o: data.View

    def __init__(self, config: EngineConfig, strategy: ShapeLike) -> None:
        self.config = config
        super().__init__(
            {
                "events": In(events_layout(strategy)),
                "clear": In(1),
                "o": Out(counters_layout(config)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer = self.config.layer
        events, strategy = self.events, self.events.strategy
        window = layer.kernels * layer.channels * layer.taps
        increments = {
            "frames": events.last,
            "cycles": events.busy,
            "multiplications_needed": events.output * window,
            "multiplications_executed": strategy.multiplications,
            "lookups": strategy.lookups,
            "hits": strategy.hits,
            "misses": strategy.misses,
            "stall_cycles": strategy.stall,
            "frame_errors": events.bad,
        }
        for name in COUNTERS:
            increment = Signal.like(increments[name], name=f"{name}_increment")
            m.d.sync += [increment.eq(increments[name]), self.o[name].eq(self.o[name] + increment)]
            with m.If(self.clear):
                m.d.sync += self.o[name].eq(0)
        return m
