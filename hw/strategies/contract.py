"""The contract of every strategy: how the learned kernels' sums are made of the pixels."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.raster import pixel_layout
from hw.pace import Pace
from hw.shapes import shape_of
from sw.config import EngineConfig

__all__ = ["Strategy", "learned_sums_layout", "strategy_events_layout", "weight_layout"]


def strategy_beat_layout(config: EngineConfig) -> data.StructLayout:
    """A beat's pixel; whether it lies in a window (``used``), and whether one ends (``emit``)."""
    return data.StructLayout({"pixel": pixel_layout(config.layer), "used": 1, "emit": 1})


def learned_sums_layout(config: EngineConfig) -> data.StructLayout:
    """Every learned kernel's sum, a field ``k<kernel>`` each, ascending, in its exact shape."""
    return data.StructLayout({f"k{k}": shape_of(config.sum_range(k)) for k in config.learned})


def weight_layout(config: EngineConfig) -> data.StructLayout:
    """One weight of a set: its ``first`` and its ``last`` are marked."""
    weight = shape_of(config.layer.weight_format.range)
    return data.StructLayout({"weight": weight, "first": 1, "last": 1})


def strategy_events_layout(
    *, lookups: int = 0, misses: int = 0, multiplications: int = 0, errors: int = 0
) -> data.StructLayout:
    """What a strategy did in a cycle, at most so much of each.

    ``hits + misses == lookups`` holds in total, not in each cycle. ``stall``: a beat waited for a
    miss. ``errors``: damaged entries were found.
    """
    return data.StructLayout(
        {
            "lookups": range(lookups + 1),
            "hits": range(lookups + 1),
            "misses": range(misses + 1),
            "multiplications": range(multiplications + 1),
            "errors": range(errors + 1),
            "stall": 1,
        }
    )


class Strategy(wiring.Component):
    """The sums of the learned kernels, whatever way their products come about.

    o.k(t) = sum of weight[k][c][i][j] * pixel[c](t - latency - age(i, j)) over c, i, j     (1)

    where ``age(i, j) = (kh - 1 - i) * padded_width + (kw - 1 - j)``; t counts beats. ``i.valid``
    is high in exactly the cycles in which a beat moves, and only after a cycle in which
    ``i_ready_next`` was high. In the cycle of a move, beat t is at ``i`` and the sums of beat
    ``t - latency`` are at ``o``, from registers; sums of beats that do not ``emit`` are arbitrary.
    How long a beat is held is the strategy's own affair; it must be bounded.

    There are two sets of weights. The active one is computed with; initially the model's. A
    new one is loaded beside it, in the order of (C, L, kh, kw), at any time: ``first`` begins
    anew. ``swap`` makes the loaded set the active one.

    Parameters
    ----------
    config : EngineConfig
        With at least one learned kernel.
    events : StructLayout
        :func:`strategy_events_layout`, with this strategy's figures.

    Members
    -------
    i : ``In(stream.Signature(strategy_beat_layout(config), always_ready=True))``
    i_valid_next : ``In(1)``
        What ``i.valid`` will be in the next cycle, for those with clock enables to spread.
    i_ready_next : ``Out(1)``
        Whether a beat may move in the next cycle; combinational, not from ``i_valid_next``.
    o : ``Out(stream.Signature(learned_sums_layout(config), always_ready=True))``
        ``valid`` in the cycles of moves.
    i_weight : ``In(stream.Signature(weight_layout(config)))``, only with run-time weights
    loaded : ``Out(1)``, only with run-time weights
        Everything that ``i_weight`` took is in its place.
    swap : ``In(1)``, only with run-time weights
        For one cycle, in which no weight moves and ``loaded`` is high, and while no beat is in
        flight: the last :attr:`latency` beats did not emit.
    damaged : ``Out(1)``, only with run-time weights
        A weight whose parity is wrong is used, and came of the active set; never without
        protection. The sums that it spoils leave in the next cycle at the earliest.
    flush : ``In(1)``
        Forget all products, at any time; a strategy that remembers none ignores it.
    events : ``Out(events)``
    """

    i: stream.Interface
    i_valid_next: Signal
    i_ready_next: Signal
    o: stream.Interface
    i_weight: stream.Interface
    loaded: Signal
    swap: Signal
    damaged: Signal
    flush: Signal
    events: data.View

    def __init__(self, config: EngineConfig, events: data.StructLayout) -> None:
        self.config = config
        members: dict[str, Any] = {
            "i": In(stream.Signature(strategy_beat_layout(config), always_ready=True)),
            "i_valid_next": In(1),
            "i_ready_next": Out(1),
            "o": Out(stream.Signature(learned_sums_layout(config), always_ready=True)),
            "flush": In(1),
            "events": Out(events),
        }
        if config.run_time_weights:
            members["i_weight"] = In(stream.Signature(weight_layout(config)))
            members["loaded"] = Out(1)
            members["swap"] = In(1)
            members["damaged"] = Out(1)
        super().__init__(members)

    @property
    def latency(self) -> int:
        """Beats from a window's last pixel to its sums, at least 1."""
        raise NotImplementedError

    @property
    def pace(self) -> Pace:
        """How long it holds a beat; here as one that folds every beat."""
        return Pace(hold=self.config.fold.cycles, hold_emitting=self.config.fold.cycles)

    @property
    def holds(self) -> bool:
        """Whether ``i_ready_next`` can be low; here as of one that only folds."""
        return self.config.fold.cycles > 1

    def elaborate(self, platform: object) -> Module:
        raise NotImplementedError
