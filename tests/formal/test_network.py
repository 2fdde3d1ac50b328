"""A network's streams: every value out is one that came in, where it belongs, whatever the pauses.

The reader's rows are a ring that is written and read at once: that no row is overwritten while a
window needs it, and none is read before it came, follows from the proof that every cell is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from amaranth.asserts import AnyConst  # pyright: ignore[reportAttributeAccessIssue]
from amaranth.hdl import Array, Module, Mux, Signal, signed, unsigned

from hw.network.argmax import ArgMaxLayer
from hw.network.frame_guard import FrameGuard
from hw.network.lane_converter import LaneConverter
from hw.network.window_reader import WindowReader
from sw.network.window import WindowGeometry
from sw.spec import Padding
from tests.formal.contract import Harness, claim, keeps_until_ready, moves, suppose, tagged_transfer
from tests.formal.prove import prove

pytestmark = pytest.mark.formal

FRAMES = 2
Source = tuple[int, int] | None
"""Where a value out comes from: (beat of the frame, lane); None: anywhere."""


class MappedHarness(Harness):
    """Each value of each beat out is a certain one of the frame in; ``last`` and ``bad`` go along.

    ``mapping`` names them, by beat and lane; ``ends`` is the mark of a frame's last beat.
    """

    def __init__(self, dut: Any, beats: int, mapping: list[list[Source]], ends: str = "last"):
        self.beats = beats
        self.mapping = mapping
        self.ends = ends
        super().__init__(dut)

    def properties(self, m: Module, probe: Any) -> None:  # noqa: ARG002
        keeps_until_ready(m, self.i, assume=True)
        keeps_until_ready(m, self.o)
        place, frame = self._count(m, self.i, self.beats, "in")
        given = self.i.payload
        suppose(m, given.last == (place == self.beats - 1))
        suppose(m, ~given.bad | given.last)
        out, out_frame = self._count(m, self.o, len(self.mapping), "out")

        # Any beat of any of the first frames; what it should hold is kept when it comes.
        chosen, chosen_frame = AnyConst(out.shape()), AnyConst(unsigned(1))
        here = moves(self.o) & (out == chosen) & (out_frame == chosen_frame)
        for lane in range(len(self.mapping[0])):
            sources = [row[lane] or (self.beats, 0) for row in self.mapping]
            beat = Array(beat for beat, _ in sources)[chosen]
            part = Array(part for _, part in sources)[chosen]
            kept = Signal(given["values"].shape().elem_shape, name=f"kept_{lane}")
            came = Signal(name=f"came_{lane}")
            with m.If(moves(self.i) & (frame == chosen_frame) & (place == beat)):
                m.d.sync += [came.eq(1), kept.eq(Array(given["values"])[part])]
            found = self.o.payload["values"][lane]
            claim(m, ~here | (beat == self.beats) | came, f"value {lane} has come before")
            claim(m, ~here | (beat == self.beats) | (found == kept), f"value {lane} is the one")
        verdict = Signal()
        with m.If(moves(self.i) & (frame == chosen_frame) & given.last):
            m.d.sync += verdict.eq(given.bad)
        last = self.o.payload[self.ends]
        at_end = out == len(self.mapping) - 1
        claim(m, ~self.o.valid | (last == at_end), "a frame ends with its last beat")
        claim(m, ~here | ~at_end | (self.o.payload.bad == verdict), "the verdict is the frame's")

    def _count(self, m: Module, port: Any, beats: int, name: str) -> tuple[Signal, Signal]:
        """The beat of the frame, and the frame, up to a few."""
        place, frame = Signal(range(beats), name=f"{name}_beat"), Signal(3, name=f"{name}_frame")
        with m.If(moves(port)):
            m.d.sync += place.eq(Mux(place == beats - 1, 0, place + 1))
            with m.If((place == beats - 1) & (frame != 7)):
                m.d.sync += frame.eq(frame + 1)
        return place, frame


def cells(g: WindowGeometry, passes: int | None) -> list[list[Source]]:
    """Of one channel or group a beat: the beats of the frame that a reader hands on, in order."""
    _, height, width = g.input_shape
    order: list[list[Source]] = []
    groups = range(g.groups)
    for row in range(g.output_size[0]):
        for column in range(g.output_size[1]):
            every = [(p, groups) for p in range(passes)] if passes else [(0, [n]) for n in groups]
            for _, inner in every:
                for down in range(g.kernel[0]):
                    for across in range(g.kernel[1]):
                        y = row * g.stride[0] - g.padding.top + down
                        x = column * g.stride[1] - g.padding.left + across
                        inside = 0 <= y < height and 0 <= x < width
                        for group in inner:
                            beat = (y * width + x) * g.groups + group
                            order.append([(beat, 0) if inside else None])
    return order


GEOMETRIES = {
    "pool": (WindowGeometry(input_shape=(1, 2, 2), kernel=(2, 2)), None, 18),
    "rows": (WindowGeometry(input_shape=(1, 3, 2), kernel=(2, 1)), 1, 18),
    "spare": (WindowGeometry(input_shape=(1, 3, 1), kernel=(2, 1), spare_rows=2), 1, 17),
    "passes": (WindowGeometry(input_shape=(2, 2, 1), kernel=(1, 1)), 2, 18),
    "groups": (WindowGeometry(input_shape=(2, 2, 1), kernel=(2, 1)), None, 18),
    "stride": (WindowGeometry(input_shape=(1, 4, 1), kernel=(1, 1), stride=(3, 1)), 1, 18),
    "padded": (
        WindowGeometry(input_shape=(1, 2, 1), kernel=(2, 1), padding=Padding(top=1)),
        1,
        17,
    ),
}


def reader(name: str, kind: type[WindowReader] = WindowReader) -> tuple[MappedHarness, int]:
    geometry, passes, depth = GEOMETRIES[name]
    channels, height, width = geometry.input_shape
    dut = kind(unsigned(1), geometry, passes=passes)
    harness = MappedHarness(dut, height * width * channels, cells(geometry, passes), ends="final")
    return harness, depth


@pytest.mark.parametrize("name", GEOMETRIES)
def test_every_cell_is_the_one_that_belongs_there(name: str) -> None:
    harness, depth = reader(name)
    prove(harness, mode="bmc", depth=depth).holds()


class Overflowing(WindowReader):
    """A reader that takes rows that it has no room for."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.i.ready.eq(1)
        return m


class Hasty(WindowReader):
    """A reader that begins a row of windows a row too early."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        with m.If(~self.scan.o.valid):
            m.d.comb += self.scan.start.eq(1)
        return m


@pytest.mark.parametrize("fault", [Overflowing, Hasty])
def test_fault_in_the_rows(fault: type[WindowReader]) -> None:
    harness, depth = reader("pool", fault)
    prove(harness, mode="bmc", depth=depth).breaks("is the one", "has come before", "frame ends")


LANES = {"narrow": (3, 2, 1), "wide": (3, 1, 2), "much narrower": (5, 4, 1), "same": (2, 2, 2)}


def converted(
    channels: int, inputs: int, outputs: int, kind: type[LaneConverter] = LaneConverter
) -> MappedHarness:
    """Frames of two pixels."""
    groups_in, groups_out = -(-channels // inputs), -(-channels // outputs)
    mapping: list[list[Source]] = []
    for pixel in range(2):
        for group in range(groups_out):
            of_lanes: Sequence[int] = range(group * outputs, (group + 1) * outputs)
            mapping.append(
                [
                    (pixel * groups_in + c // inputs, c % inputs) if c < channels else None
                    for c in of_lanes
                ]
            )
    dut = kind(unsigned(2), channels=channels, inputs=inputs, outputs=outputs)
    return MappedHarness(dut, 2 * groups_in, mapping)


@pytest.mark.parametrize("name", LANES)
def test_lanes_are_converted(name: str) -> None:
    prove(converted(*LANES[name]), mode="bmc", depth=16).holds()


class Greedy(LaneConverter):
    """A converter that takes a beat while it hands one on."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.i.ready.eq(1)
        return m


def test_fault_in_a_converter() -> None:
    verdict = prove(converted(*LANES["narrow"], kind=Greedy), mode="bmc", depth=16)
    verdict.breaks("is the one", "frame ends", "stays until ready")


class GuardHarness(Harness):
    """Every frame out has its pixels, and is bad if the one in had not."""

    PIXELS = 3

    def properties(self, m: Module, probe: Any) -> None:  # noqa: ARG002
        keeps_until_ready(m, self.i, assume=True)
        keeps_until_ready(m, self.o)
        run: Any = vars(self)["run"]
        suppose(m, run)
        place, ended, surplus = Signal(range(self.PIXELS)), Signal(), Signal()
        last = place == self.PIXELS - 1
        takes = moves(self.i) & ~surplus
        with m.If(moves(self.o)):
            m.d.sync += place.eq(Mux(last, 0, place + 1))
            m.d.sync += ended.eq(~last & (ended | (takes & self.i.payload.last)))
            with m.If(last):
                m.d.sync += surplus.eq(~ended & ~(takes & self.i.payload.last))
        with m.If(surplus & moves(self.i) & self.i.payload.last):
            m.d.sync += surplus.eq(0)
        good = takes & self.i.payload.last & ~ended
        beat = self.o.payload
        value = beat["values"][0]
        claim(m, ~self.o.valid | (beat.last == last), "a frame has its pixels")
        claim(m, ~moves(self.o) | ~last | (beat.bad == ~good), "bad if it had not")
        claim(m, ~moves(self.o) | ended | takes, "a pixel comes of one")
        claim(m, ~moves(self.o) | ~ended | (value == 0), "what is missing is zero")
        same = value == self.i.payload["values"][0]
        claim(m, ~moves(self.o) | ended | same, "a pixel is the one that came")


def test_whole_frames_alone_get_in() -> None:
    dut = FrameGuard(unsigned(2), channels=1, pixels=GuardHarness.PIXELS)
    prove(GuardHarness(dut), mode="bmc", depth=20).holds()


class Lenient(FrameGuard):
    """A guard that finds nothing bad."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.o.payload.bad.eq(0)
        return m


def test_fault_in_the_guard() -> None:
    dut = Lenient(unsigned(2), channels=1, pixels=GuardHarness.PIXELS)
    prove(GuardHarness(dut), mode="bmc", depth=12).breaks("bad if it had not")


class ArgMaxHarness(Harness):
    """Logits unchanged, then the first of the largest."""

    CLASSES = 3

    def properties(self, m: Module, probe: Any) -> None:  # noqa: ARG002
        keeps_until_ready(m, self.i, assume=True)
        keeps_until_ready(m, self.o)
        at, place = Signal(range(self.CLASSES)), Signal(range(self.CLASSES + 1))
        suppose(m, self.i.payload.last == (at == self.CLASSES - 1))
        value = self.o.payload["values"][0]
        labels = place == self.CLASSES
        with m.If(moves(self.i)):
            m.d.sync += at.eq(Mux(self.i.payload.last, 0, at + 1))
        logits = Array(Signal(value.shape(), name=f"logit_{n}") for n in range(self.CLASSES))
        with m.If(moves(self.o)):
            m.d.sync += place.eq(Mux(labels, 0, place + 1))
            with m.If(~labels):
                m.d.sync += logits[place].eq(value)
        tagged_transfer(
            m,
            push=moves(self.i),
            pushed=self.i.payload["values"][0],
            pop=moves(self.o) & ~labels,
            popped=value,
            capacity=1,
            name="logits",
        )
        shown = self.o.valid & labels
        claim(m, ~self.o.valid | (self.o.payload.last == labels), "the label is last")
        claim(m, ~shown | (value < self.CLASSES), "the label is a class")
        best = logits[value[:2]]
        for n, logit in enumerate(logits):
            beaten = Mux(n < value, logit < best, logit <= best)
            claim(m, ~shown | beaten, f"class {n} is not larger nor as large before")


def test_the_label_is_the_first_of_the_largest() -> None:
    dut = ArgMaxLayer(signed(3), signed(4), ArgMaxHarness.CLASSES)
    prove(ArgMaxHarness(dut), mode="bmc", depth=14).holds()


def test_fault_in_the_label() -> None:
    class Wrong(ArgMaxLayer):
        """Never takes a later class."""

        def elaborate(self, platform: object) -> Module:
            m = super().elaborate(platform)
            with m.If(self.i.valid & self.i.ready):
                m.d.sync += self.label.eq(0)
            return m

    dut = Wrong(signed(3), signed(4), ArgMaxHarness.CLASSES)
    prove(ArgMaxHarness(dut), mode="bmc", depth=14).breaks("is not larger")
