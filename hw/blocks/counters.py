"""What the engine did, counted: the registers that the golden model predicts."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.reuse_table import table_events_layout
from hw.registers import counters_layout
from sw.config import EngineConfig
from sw.registers import COUNTERS

__all__ = ["Counters", "events_layout"]


def events_layout(config: EngineConfig) -> data.StructLayout:
    """What happened in a cycle.

    The engine is ``busy``; an ``output`` left, the ``last`` of a frame, or of a ``bad`` one; and
    what the table did.
    """
    table = table_events_layout(config.layer.channels)
    return data.StructLayout({"busy": 1, "output": 1, "last": 1, "bad": 1, "table": table})


class Counters(wiring.Component):
    """Count events; they show two cycles later. Each counter wraps at ``2**counter_bits``.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    events : ``In(events_layout(config))``
    clear : ``In(1)``
        All counters become zero, a cycle later; events of this cycle are then counted.
    o : ``Out(counters_layout(config))``
    """

    events: data.View
    clear: Signal
    o: data.View

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        super().__init__(
            {
                "events": In(events_layout(config)),
                "clear": In(1),
                "o": Out(counters_layout(config)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer = self.config.layer
        events, table = self.events, self.events.table
        window = layer.kernels * layer.channels * layer.taps
        products = len(self.config.learned) * layer.taps
        increments = {
            "frames": events.last,
            "cycles": events.busy,
            "multiplications_needed": events.output * window,
            "multiplications_executed": table.miss * products,
            "lookups": table.lookup * layer.channels,
            "hits": table.hits,
            "misses": table.miss,
            "stall_cycles": table.stall,
            "frame_errors": events.bad,
        }
        for name in COUNTERS:
            increment = Signal.like(increments[name], name=f"{name}_increment")
            m.d.sync += [increment.eq(increments[name]), self.o[name].eq(self.o[name] + increment)]
            with m.If(self.clear):
                m.d.sync += self.o[name].eq(0)
        return m
