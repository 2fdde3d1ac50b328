"""The lookups of a reuse table: every channel's value at once, in a table of its own."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.organisations import make_key_table
from hw.blocks.raster import pixel_layout
from hw.fanout import kept_register
from hw.protection import Guard
from hw.shapes import shape_of
from sw.config import EngineConfig

__all__ = ["Lookups", "lookup_layout"]


def lookup_layout(config: EngineConfig) -> data.StructLayout:
    """A beat whose values are looked up, if it is ``live``."""
    return data.StructLayout({"pixel": pixel_layout(config.layer), "live": 1})


_SHORT = 2
"""Beats of a table in which a flush must not be late: what came with it is found in the next."""


class Lookups(wiring.Component):
    """Look a beat's values up, remember those that miss, and say which these are.

    Moves by the beat, ``latency`` of them. In the first cycle of a beat at ``o`` all that miss are
    put into their tables; :attr:`index` is right from the second on. The beat must be held while
    ``held``: until every miss is ``served``, and all keys are in their places.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    i : ``In(stream.Signature(lookup_layout(config), always_ready=True))``
        ``valid`` where beats move; not while ``held``.
    key, index : ``Out(...)`` arrays
        Of the beat that is shown, by channel: its values, and the entries that they are in.
    index_next : ``Out(...)`` array
        What ``index`` will be in the next cycle; combinational.
    live : ``Out(1)``
    first : ``Out(1)``
        The first cycle in which the beat is shown.
    missing : ``Out(channels)``
        Which of its values missed and are not ``served`` yet; a register.
    served : ``In(channels)``
    held : ``Out(1)``
    held_next : ``Out(1)``
        What ``held`` will be in the next cycle; combinational.
    flush : ``In(1)``
        Forget everything, at any time, also what comes in the same cycle, and in the next one too
        where tables are slow enough; what is shown stays.
    forget, forgotten : ``In(channels)``, ``In(range(entries))``, only guarded
        Forget an entry, at any time.
    errors : ``Out(range(channels + 1))``, only guarded
        Damaged entries that were found, at most one a channel.
    victim : ``Out(...)`` array
        In the first cycle, the entries that make room.
    """

    i: stream.Interface
    key: Any
    index: Any
    index_next: Any
    victim: Any
    live: Signal
    first: Signal
    missing: Signal
    served: Signal
    held: Signal
    held_next: Signal
    flush: Signal
    forget: Signal
    forgotten: Signal
    errors: Signal

    def __init__(self, config: EngineConfig) -> None:
        channels, entry = config.layer.channels, range(config.table.entries)
        shape = shape_of(config.layer.input_format.range)
        self.guard = guard = Guard(config)
        self.tables = [make_key_table(shape, config.table, guard) for _ in range(channels)]
        members = {
            "i": In(stream.Signature(lookup_layout(config), always_ready=True)),
            "key": Out(shape).array(channels),
            "index": Out(entry).array(channels),
            "index_next": Out(entry).array(channels),
            "victim": Out(entry).array(channels),
            "live": Out(1),
            "first": Out(1),
            "missing": Out(channels),
            "served": In(channels),
            "held": Out(1),
            "held_next": Out(1),
            "flush": In(1),
        }
        if guard.on:
            members |= {"forget": In(channels), "forgotten": In(entry)}
            members["errors"] = Out(range(channels + 1))
        super().__init__(members)

    @property
    def latency(self) -> int:
        """Beats from a value to its entry."""
        return self.tables[0].latency

    def elaborate(self, platform: object) -> Module:
        m = Module()
        step = Signal()
        m.d.comb += step.eq(self.i.valid)
        missing_next = Signal.like(self.missing)
        coming = self._live(m, step)
        for c, table in enumerate(self.tables):
            m.submodules[f"table_{c}"] = table
            flush: Value = self.flush
            if self.latency > _SHORT:
                flush = kept_register(m, flush, f"flush_{c}")
            missed = coming & ~table.hit_next
            m.d.comb += [
                table.i.payload.eq(self.i.payload.pixel[c]),
                table.i.valid.eq(step),
                table.o.ready.eq(1),
                table.used.eq(step & self.live),
                table.insert.eq(self.first & self.missing[c]),
                table.flush.eq(flush),
                self.key[c].eq(table.o.payload.key),
                self.index[c].eq(table.o.payload.index),
                self.index_next[c].eq(table.index_next),
                self.victim[c].eq(table.victim),
                missing_next[c].eq(Mux(step, missed, self.missing[c] & ~self.served[c])),
            ]
        m.d.sync += [self.missing.eq(missing_next), self.first.eq(step)]
        inserting, inserting_next = self._inserting(m)
        m.d.comb += [
            self.held.eq(self.missing.any() | inserting),
            self.held_next.eq(missing_next.any() | inserting_next),
        ]
        if self.guard.on:
            for c, table in enumerate(self.tables):
                m.d.comb += [table.forget.eq(self.forget[c]), table.forgotten.eq(self.forgotten)]
            m.d.comb += self.errors.eq(sum(table.errors for table in self.tables))
        return m

    def _live(self, m: Module, step: Signal) -> Signal:
        """Carry the mark along; returns that of the beat behind the one that is shown."""
        behind: Signal = self.i.payload.live
        for n in range(1, self.latency):
            mark = Signal(name=f"live_{n}")
            with m.If(step):
                m.d.sync += mark.eq(behind)
            behind = mark
        with m.If(step):
            m.d.sync += self.live.eq(behind)
        return behind

    def _inserting(self, m: Module) -> tuple[Signal, Signal]:
        """Whether keys are on their way to their places, after the first cycle; and in the next."""
        now, following = Signal(name="inserting"), Signal(name="inserting_next")
        cycles = [Signal(name=f"inserting_{n}") for n in range(1, self.tables[0].insert_cycles)]
        begun = Signal()
        m.d.comb += begun.eq(self.first & self.missing.any())
        before = [begun, *cycles][: len(cycles)]
        m.d.sync += [cycle.eq(last) for cycle, last in zip(cycles, before, strict=True)]
        m.d.comb += [now.eq(Cat(cycles).any()), following.eq(Cat(before).any())]
        return now, following
