"""Two sets of weights for the lanes: one is computed with, the other is loaded."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import Any

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.fold import FoldAxis, FoldGeometry
from hw.protection import Guard, state
from hw.strategies.contract import weight_layout

__all__ = ["WeightStore"]


class WeightStore(wiring.Component):
    """Show every lane's weight of a sub-step, :attr:`latency` enabled cycles later.

    A folded layer's sets lie in one memory, a word a sub-step. Otherwise they are registers: the
    new set is shifted along one chain, and copied from there. A lane without a part of the
    group has the weight 0.

    Parameters
    ----------
    geometry : FoldGeometry

    Members
    -------
    i_weight : ``In(stream.Signature(weight_layout(config), always_ready=True))``
        The next weight of the other set, in the order of (C, L, kh, kw).
    loaded : ``Out(1)``
        Everything that came is in its place.
    damaged : ``Out(1)``
        A weight that is shown, or was a cycle ago, is not what was loaded.
    swap : ``In(1)``
        The other set becomes the active one; only while ``loaded``, and no weight comes.
    step : ``In(geometry.step_layout)``
    enable : ``In(1)``
        The stages move.
    o : ``Out(weight).array(kernel lanes, channel lanes, tap lanes)``
    """

    i_weight: stream.Interface
    loaded: Signal
    damaged: Signal
    swap: Signal
    step: data.View
    enable: Signal
    o: Any

    def __init__(self, geometry: FoldGeometry) -> None:
        self.geometry = geometry
        self.guard = Guard(geometry.config)
        weight = stream.Signature(weight_layout(geometry.config), always_ready=True)
        super().__init__(
            {
                "i_weight": In(weight),
                "loaded": Out(1),
                "damaged": Out(1),
                "swap": In(1),
                "step": In(geometry.step_layout),
                "enable": In(1),
                "o": Out(geometry.weight_shape).array(*geometry.lanes),
            }
        )

    @property
    def latency(self) -> int:
        """Enabled cycles from a sub-step to its weights."""
        return self.geometry.fetch_latency

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.latency:
            self._memory(m)
        else:
            self._registers(m)
        return m

    def _registers(self, m: Module) -> None:
        """The first weight that came lies at the end of the chain."""
        g = self.geometry
        weight = g.config.learned_weight
        order = sorted(g.lane_numbers(), key=lambda lane: (lane[1], lane[0], lane[2]))
        bits, guard = g.weight_shape.width, self.guard
        value = guard.guarded(Value.cast(self.i_weight.payload.weight))
        damaged = Signal(len(order))
        for n, (k, c, t) in enumerate(reversed(order)):
            marks = {"reset_less": True, "attrs": state("weight")}
            loaded = Signal(guard.width(bits), name=f"loaded_{k}_{c}_{t}", **marks)
            init = guard.initial(int(weight[k, c].flat[t]), bits)
            active = Signal(guard.width(bits), name=f"active_{k}_{c}_{t}", init=init, **marks)
            with m.If(self.i_weight.valid):
                m.d.sync += loaded.eq(value)
            with m.If(self.swap):
                m.d.sync += active.eq(loaded)
            m.d.comb += [
                Value.cast(self.o[k][c][t]).eq(active),
                damaged[n].eq(guard.damaged(active)),
            ]
            value = loaded
        m.d.comb += self.loaded.eq(1)
        m.d.sync += self.damaged.eq(damaged.any())

    def _memory(self, m: Module) -> None:
        """Stage 1: read the word of a sub-step. Then hold it: the memory is slow, or the values."""
        g = self.geometry
        width = self.guard.width(g.weight_shape.width)
        lanes = list(g.lane_numbers())
        memory = Memory(
            shape=width * len(lanes),
            depth=2 << len(Value.cast(self.step)),
            init=self._initial(),
            attrs={"ram_style": "block", "no_rw_check": "1", **state("weight")},
        )
        m.submodules.weights = memory
        # After a reset the active set is what it was, as its weights are.
        active = Signal(reset_less=True)
        with m.If(self.swap):
            m.d.sync += active.eq(~active)
        write, read = memory.write_port(granularity=width), memory.read_port()
        groups, enables = self._place(m)
        came = Signal(g.weight_shape, reset_less=True)
        waiting = Signal()
        m.d.sync += waiting.eq(self.i_weight.valid)
        with m.If(self.i_weight.valid):
            m.d.sync += came.eq(self.i_weight.payload.weight)
        m.d.comb += [
            self.loaded.eq(~waiting),
            write.addr.eq(Cat(groups, ~active)),
            write.data.eq(Cat([self.guard.guarded(Value.cast(came))] * len(lanes))),
            read.addr.eq(Cat(self.step, active)),
            read.en.eq(self.enable),
        ]
        damaged = Signal(len(lanes))
        for n, lane in enumerate(lanes):
            mine = reduce(and_, (ring[x] for ring, x in zip(enables, lane, strict=True)))
            m.d.comb += write.en[n].eq(waiting & mine)
            k, c, t = lane
            weight: Value = read.data.word_select(n, width)
            for stage in range(2, self.latency + 1):
                held = Signal(width, name=f"weight_{k}_{c}_{t}_{stage}", reset_less=True)
                with m.If(self.enable):
                    m.d.sync += held.eq(weight)
                weight = held
            m.d.comb += Value.cast(self.o[k][c][t]).eq(weight)
            m.d.comb += damaged[n].eq(self.guard.damaged(weight))
        m.d.sync += self.damaged.eq(damaged.any())

    def _initial(self) -> list[int]:
        """The memory's words at first: the model's weights, and zeros for the other set."""
        g = self.geometry
        weight = g.config.learned_weight
        bits = g.weight_shape.width
        words = [0] * (2 << g.step_layout.size)
        for step in g.steps():
            word = g.word(step)
            for n, lane in enumerate(g.lane_numbers()):
                parts = zip(g.axes, step, lane, strict=True)
                k, c, t = (axis.part(group, x) for axis, group, x in parts)
                if k is not None and c is not None and t is not None:
                    kept = self.guard.initial(int(weight[k, c].flat[t]), bits)
                    words[word] |= kept << (n * self.guard.width(bits))
        return words

    def _place(self, m: Module) -> tuple[Value, list[Signal]]:
        """Where the weight that came last belongs: its sub-step, and a ring of lanes an axis."""
        g = self.geometry
        axes = {"tap": g.taps, "kernel": g.kernels, "channel": g.channels}
        places = {name: _Place(m, name, axis) for name, axis in axes.items()}
        groups = Signal(g.step_layout)
        with m.If(self.i_weight.valid):
            turn: Value = ~self.i_weight.payload.first
            for place in places.values():
                place.advance(m, turn, restart=self.i_weight.payload.first)
                turn = turn & place.at_end
        m.d.comb += [groups[name].eq(place.group) for name, place in places.items()]
        return Value.cast(groups), [places[name].lane for name in ("kernel", "channel", "tap")]


class _Place:
    """A part's group, and its lane, one bit each."""

    def __init__(self, m: Module, name: str, axis: FoldAxis) -> None:
        self.axis = axis
        self.lane = Signal(axis.lanes, name=f"{name}_lane", init=1)
        self.group = Signal(range(axis.groups), name=f"{name}_group")
        self.at_end = Signal(name=f"{name}_at_end")
        group, lane = axis.place(axis.parts - 1)
        m.d.comb += self.at_end.eq((self.group == group) & self.lane[lane])

    def advance(self, m: Module, turn: Value, *, restart: Value) -> None:
        """To the next part if it is its ``turn``, around at the end; or to the first."""
        with m.If(turn):
            m.d.sync += self.lane.eq(self.lane.rotate_left(1))
            with m.If(self.lane[-1]):
                m.d.sync += self.group.eq(self.group + 1)
        with m.If(restart | (turn & self.at_end)):
            m.d.sync += [self.lane.eq(1), self.group.eq(0)]
