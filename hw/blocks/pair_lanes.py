"""Lanes that look products up by their operand pair, with multipliers shared for the misses."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.blocks.key_table import KeyTable
from hw.blocks.organisations import make_key_table
from hw.blocks.pair_repair import PairRepair, pair_layout
from hw.fold import FoldGeometry, OperandSignature, ProductSignature
from hw.protection import Guard, state
from hw.strategies.contract import strategy_events_layout

__all__ = ["PairLanes"]


class PairLanes(wiring.Component):
    """Give every lane's product, remembered or computed.

    A lane has a table of its own, whose key is the pair (value, weight), and a memory with an
    entry's product. A sub-step in which lanes miss waits. Lane n's misses are multiplier
    ``n % multipliers``'s, the lowest lane first, one a cycle; all products go into their entries
    and the sub-step moves on ``fill_cycles`` after the most that a multiplier had to do. Lanes
    that have no part in a sub-step, where a group is short, look nothing up and give 0.

    Guarded, products leave by way of a :class:`~hw.blocks.pair_repair.PairRepair`, a cycle later.
    While it holds any, nothing moves, and the same multipliers make those first. So a changed bit
    of an operand is a miss, and one of a product a multiplication more, neither hit nor miss.

    Parameters
    ----------
    geometry : FoldGeometry

    Members
    -------
    i : ``In(OperandSignature(geometry))``
    i_next : ``Out(1)``
        What ``i.ready`` will be in the next cycle.
    o : ``Out(ProductSignature(geometry))``
        :attr:`latency` cycles later, when nothing waits.
    flush : ``In(1)``
        Forget all pairs, at any time.
    events : ``Out(strategy_events_layout(...))``
        A lookup counts when its sub-step moves on, a miss when it is filled; a product that is
        made again as a multiplication and an error.
    """

    i: Any
    i_next: Signal
    o: Any
    flush: Signal
    events: data.View

    def __init__(self, geometry: FoldGeometry) -> None:
        self.geometry = geometry
        table = geometry.config.table
        self.numbers = list(geometry.lane_numbers())
        self.multipliers = min(table.multipliers, len(self.numbers))
        self.key = pair_layout(geometry)
        shape = Value.cast(Signal(self.key)).shape()
        self.guard = guard = Guard(geometry.config)
        self.tables = [make_key_table(shape, table, guard) for _ in self.numbers]
        self.repair = PairRepair(geometry) if guard.on else None
        self.events_layout = strategy_events_layout(
            lookups=len(self.numbers),
            misses=self.multipliers,
            multiplications=self.multipliers,
            errors=2 * len(self.numbers) if guard.on else 0,
        )
        super().__init__(
            {
                "i": In(OperandSignature(geometry)),
                "i_next": Out(1),
                "o": Out(ProductSignature(geometry)),
                "flush": In(1),
                "events": Out(self.events_layout),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles: find the pairs, read their products; guarded, see what they are."""
        return self.tables[0].latency + 1 + int(self.guard.on)

    @property
    def fill_cycles(self) -> int:
        """Cycles of a fill beside one for each miss: select and multiply; then insert."""
        return 1 + self.tables[0].insert_cycles

    def elaborate(self, platform: object) -> Module:
        m = Module()
        count = len(self.numbers)
        move = Signal()
        missing = Signal(count)
        missing_next = Signal(count)
        waits, waits_next = missing.any(), missing_next.any()
        if self.repair is not None:
            waits, waits_next = waits | self.repair.held, waits_next | self.repair.held_next
        m.d.comb += [move.eq(~waits), self.i.ready.eq(move), self.i_next.eq(~waits_next)]
        m.d.sync += missing.eq(missing_next)

        # Stages 1..: which entries hold the pairs; `wanted`: lanes that have a part in a sub-step.
        live, tag, wanted, wanted_next = self._marks(m, move)
        self._look_up(m, move, wanted)
        hits_next = Cat(table.hit_next for table in self.tables)
        m.d.comb += missing_next.eq(wanted_next & ~hits_next)
        inserts = self._fill(m, move, missing)

        # Last stage: read the products; guarded, one more, in which those that are damaged wait.
        kept = [self._product(m, n, move, inserts) for n in range(count)]
        missed = self._count(m, move, wanted, inserts)
        if self.repair is None:
            shown = Signal(count)
            m.d.sync += self.o.valid.eq(live & move)
            with m.If(move):
                m.d.sync += [self.o.tag.eq(tag), shown.eq(wanted)]
        else:
            repair, kept, shown = self.repair, [*self.repair.o], self.repair.parts
            m.d.comb += [repair.live.eq(live), repair.of.tag.eq(tag), repair.renewed.eq(missed)]
            self._repair(m, repair, move, wanted)
        for n, (k, c, t) in enumerate(self.numbers):
            always = all(self._has_part(step, (k, c, t)) for step in self.geometry.steps())
            masked = kept[n] if always else Mux(shown[n], kept[n], 0)
            m.d.comb += Value.cast(self.o.product[k][c][t]).eq(masked)
        return m

    def _has_part(self, step: tuple[int, int, int], lane: tuple[int, int, int]) -> bool:
        """Whether a lane serves something in a sub-step."""
        parts = zip(self.geometry.axes, step, lane, strict=True)
        return all(axis.part(group, x) is not None for axis, group, x in parts)

    def _marks(self, m: Module, move: Signal) -> tuple[Value, data.View, Signal, Signal]:
        """What goes with a sub-step to where its entries are known.

        Returns (valid, tag, lanes with a part, and these as they will be in the next cycle).
        """
        count = len(self.numbers)
        wanted = Signal(count, name="wanted_0")
        step = Value.cast(self.i.tag.step)
        for n, lane in enumerate(self.numbers):
            steps = [s for s in self.geometry.steps() if self._has_part(s, lane)]
            here = Cat(step == self.geometry.word(s) for s in steps)
            every = len(steps) == self.geometry.cycles
            m.d.comb += wanted[n].eq(self.i.valid & (1 if every else here.any()))
        live: Value = self.i.valid
        tag = self.i.tag
        wanted_next = Signal(count)
        for stage in range(1, self.tables[0].latency + 1):
            later_live = Signal(name=f"live_{stage}")
            later_tag = Signal(self.geometry.tag_layout, name=f"tag_{stage}", reset_less=True)
            later_wanted = Signal(count, name=f"wanted_{stage}")
            wanted_next = Signal(count, name=f"wanted_{stage}_next")
            m.d.comb += wanted_next.eq(Mux(move, wanted, later_wanted))
            m.d.sync += later_wanted.eq(wanted_next)
            with m.If(move):
                m.d.sync += [later_live.eq(live), later_tag.eq(tag)]
            live, tag, wanted = later_live, later_tag, later_wanted
        return live, tag, wanted, wanted_next

    def _look_up(self, m: Module, move: Signal, wanted: Signal) -> None:
        """Every lane's table, all moving with the sub-step."""
        for n, ((k, c, t), table) in enumerate(zip(self.numbers, self.tables, strict=True)):
            m.submodules[f"table_{k}_{c}_{t}"] = table
            m.d.comb += [
                table.i.payload.eq(Cat(self.i.value[c][t], self.i.weight[k][c][t])),
                table.i.valid.eq(move),
                table.o.ready.eq(1),
                table.used.eq(move & wanted[n]),
                table.flush.eq(self.flush),
            ]

    def _fill(self, m: Module, move: Signal, missing: Signal) -> list[tuple[Signal, Signal]]:
        """The multipliers; returns each one's (lane that it serves in this cycle, product)."""
        issued = Signal(len(missing))
        keys = [data.View(self.key, table.o.payload.key) for table in self.tables]
        asked: Value = missing
        turn: Value = move
        if self.repair is not None:
            # What is damaged first, then the misses of the sub-step behind it.
            held, pairs = self.repair.held, self.repair.shown.pair
            asked = Mux(held, self.repair.bad, missing)
            keys = [Mux(held, Value.cast(pairs[n]), Value.cast(key)) for n, key in enumerate(keys)]
            turn = move | (held & ~self.repair.held_next)
        chosen = Signal(len(missing))
        fills = []
        for number in range(self.multipliers):
            mine = range(number, len(missing), self.multipliers)
            # Cycle 0: the lowest lane that waits. Cycle 1: multiply. Cycle 2: insert.
            waiting = Cat((asked & ~issued)[n] for n in mine)
            lowest = Signal(len(mine), name=f"lowest_{number}")
            m.d.comb += lowest.eq(waiting & (~waiting + 1))
            key = Signal(self.key, name=f"key_{number}", reset_less=True)
            lane = Signal(len(mine), name=f"lane_{number}")
            filled = Signal(len(mine), name=f"filled_{number}")
            shape = self.geometry.product_shape
            product = Signal(shape, name=f"product_{number}", reset_less=True)
            m.d.comb += [chosen[n].eq(bit) for n, bit in zip(mine, lowest, strict=True)]
            m.d.sync += [
                Value.cast(key).eq(
                    reduce(or_, (Mux(b, keys[n], 0) for n, b in zip(mine, lowest, strict=True)))
                ),
                lane.eq(lowest),
                product.eq(key.value * key.weight),
                filled.eq(lane),
            ]
            fills.append((filled, product))
        m.d.sync += issued.eq(Mux(turn, 0, issued | chosen))
        return fills

    def _product(
        self, m: Module, n: int, move: Signal, fills: list[tuple[Signal, Signal]]
    ) -> Value:
        """Lane ``n``'s memory of products; filled and inserted by its multiplier."""
        table: KeyTable = self.tables[n]
        filled, product = fills[n % self.multipliers]
        memory = Memory(
            shape=self.guard.width(self.geometry.product_shape.width),
            depth=table.entries,
            init=[],
            attrs={"no_rw_check": "1", **state("table")},
        )
        m.submodules["products_{}_{}_{}".format(*self.numbers[n])] = memory
        write, read = memory.write_port(), memory.read_port()
        insert: Value = filled[n // self.multipliers]
        written = insert
        entry: Value = table.victim
        if self.repair is not None:
            held, made = self.repair.held, self.repair.made[n]
            m.d.comb += [
                self.repair.i[n].eq(read.data),
                self.repair.products[n].eq(product),
                made.eq(insert & held),
            ]
            written = insert & (~held | self.repair.anew[n])
            entry = Mux(held, self.repair.shown.entry[n], entry)
            insert = insert & ~held
        m.d.comb += [
            table.insert.eq(insert),
            write.en.eq(written),
            write.addr.eq(entry),
            write.data.eq(self.guard.guarded(product)),
            read.en.eq(move),
            read.addr.eq(table.o.payload.index),
        ]
        return read.data

    def _repair(self, m: Module, repair: PairRepair, move: Signal, wanted: Signal) -> None:
        """What was read goes through the repair with its pairs and entries, and leaves."""
        m.submodules.repair = repair
        m.d.comb += [
            repair.step.eq(move),
            repair.wanted.eq(wanted),
            self.o.valid.eq(repair.valid),
            self.o.tag.eq(repair.shown.tag),
        ]
        for n, table in enumerate(self.tables):
            found = table.o.payload
            m.d.comb += [repair.of.pair[n].eq(found.key), repair.of.entry[n].eq(found.index)]
            # An entry is made good instead.
            m.d.comb += Cat(table.forget, table.forgotten).eq(0)

    def _count(
        self, m: Module, move: Signal, wanted: Signal, fills: list[tuple[Signal, Signal]]
    ) -> Signal:
        """Report the events of this cycle; returns which lanes' misses were filled before it."""
        missed = Signal(len(self.numbers))
        served = Signal(len(self.numbers))
        for number, (filled, _) in enumerate(fills):
            for n, bit in enumerate(filled):
                m.d.comb += served[number + n * self.multipliers].eq(bit)
        # Of single bits: Verilator 5.48 adds reductions of several bits wrongly.
        count = Signal(range(self.multipliers + 1))
        inserted: Value = served
        misses: Value = count
        if self.repair is not None:
            held = self.repair.held
            inserted, misses = Mux(held, 0, served), Mux(held, 0, count)
            errors = Cat(self.repair.made, *(table.errors for table in self.tables))
            m.d.comb += self.events.errors.eq(_ones(errors))
        m.d.sync += missed.eq(Mux(move, 0, missed | inserted))
        m.d.comb += [
            count.eq(_ones(served)),
            self.events.lookups.eq(Mux(move, _ones(wanted), 0)),
            self.events.hits.eq(Mux(move, _ones(wanted & ~missed), 0)),
            self.events.misses.eq(misses),
            self.events.multiplications.eq(count),
            self.events.stall.eq(~move),
        ]
        return missed


def _ones(bits: Value) -> Value:
    """How many bits are high."""
    return sum(bits, Const(0))
