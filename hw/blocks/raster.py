"""Frames to beats: the frame guard, the zero padding, and the marks that travel with each beat."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.shapes import shape_of
from sw.spec import LayerSpec

__all__ = ["MARKS", "Raster", "beat_layout", "ends_with_last", "pixel_layout"]


def pixel_layout(layer: LayerSpec) -> data.ArrayLayout:
    """All channels of one pixel, channel 0 in the low bits."""
    return data.ArrayLayout(shape_of(layer.input_format.range), layer.channels)


MARKS = data.StructLayout({"live": 1, "used": 1, "emit": 1, "last": 1, "end": 1, "bad": 1})
"""What travels with a beat; see :func:`beat_layout`. All zero: nothing is to be done."""


def beat_layout(layer: LayerSpec) -> data.StructLayout:
    """One position of the padded frame, and what the datapath must know of it.

    ``live``: of a frame, not idle between two. ``used``: lies in the window of some output, as
    :attr:`sw.spec.LayerSpec.covered`. ``emit``: an output's window ends here; ``last``: the
    frame's last one. ``end``: last beat of the frame; ``bad``, with it: the frame was too short
    (filled with zeros) or too long (cut).
    """
    return data.StructLayout({"pixel": pixel_layout(layer), "marks": MARKS})


def ends_with_last(layer: LayerSpec) -> bool:
    """Whether a frame's last window always ends with its last beat: with a stride it need not."""
    sizes = zip(layer.padded_shape, layer.kernel_shape, layer.stride, strict=True)
    return all((length - kernel) % stride == 0 for length, kernel, stride in sizes)


class Raster(wiring.Component):
    """Turn frames of pixels into beats of the padded frame, row by row.

    A frame starts when its first pixel waits and ``run`` is high; it then goes on to its end
    whatever ``run`` does. A frame whose ``last`` comes early is filled with zeros; of one that
    does not end in time the surplus is dropped up to its ``last``. Both are marked ``bad``.
    After a frame ``drain`` idle beats follow unless the next frame starts before. One beat a
    cycle; ``i.ready`` depends on ``run`` and ``o.ready`` in the same cycle; ``o`` is registered.

    Parameters
    ----------
    layer : LayerSpec
    drain : int
        Beats that the datapath needs to finish the last output of a frame.
    judged : bool
        Whether what comes before may say that a frame is bad.

    Members
    -------
    run : ``In(1)``
    i : ``In(stream.Signature({"pixel": pixel_layout(layer), "last": 1}))``
        If ``judged`` also ``"bad": 1``, heeded with the frame's last pixel.
    o : ``Out(stream.Signature(beat_layout(layer)))``
    o_next : ``Out(1)``
        What ``o.valid`` will be in the next cycle; combinational.
    in_frame, busy : ``Out(1)``
        A frame has started and its end is not sent; that, or a beat is still to be sent.
    """

    run: Signal
    i: stream.Interface
    o: stream.Interface
    o_next: Signal
    in_frame: Signal
    busy: Signal

    def __init__(self, layer: LayerSpec, *, drain: int, judged: bool = False) -> None:
        self.layer = layer
        self.drain = drain
        self.judged = judged
        verdict = {"bad": 1} if judged else {}
        pixel = data.StructLayout({"pixel": pixel_layout(layer), "last": 1, **verdict})
        super().__init__(
            {
                "run": In(1),
                "i": In(stream.Signature(pixel)),
                "o": Out(stream.Signature(beat_layout(layer))),
                "o_next": Out(1),
                "in_frame": Out(1),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        room = Signal()
        beat = Signal()
        end = Signal()
        fill = Signal()
        skip = Signal()
        bad = Signal()
        idle = Signal()
        draining = Signal(range(self.drain + 1))
        drains = Signal()  # `draining != 0`
        inside, final, used, emit, last = self._position(m, beat, end)

        # A frame goes on, or a new one starts; then a beat needs a pixel unless it is padding.
        active = Signal()
        pixel = Signal()
        asks = Signal()
        take = Signal()
        m.d.comb += [
            room.eq(~self.o.valid | self.o.ready),
            active.eq(self.in_frame | (self.run & self.i.valid & ~skip)),
            pixel.eq(inside & ~fill),
            beat.eq(room & active & (~pixel | self.i.valid)),
            # `beat & pixel`, but that what comes from `valid` does not go back by `ready`.
            asks.eq(room & pixel & (self.in_frame | (self.run & ~skip))),
            take.eq(asks & self.i.valid),
            self.i.ready.eq(asks | skip),
            idle.eq(room & ~active & drains),
            self.busy.eq(self.in_frame | self.o.valid | drains),
        ]
        wrong = self._guard(m, take=take, final=final, fill=fill, skip=skip)

        m.d.comb += self.o_next.eq(~room | beat | idle)
        m.d.sync += self.o.valid.eq(self.o_next)
        with m.If(room):  # whether or not a beat comes: `valid` says so
            payload = self.o.payload
            m.d.sync += [
                payload.pixel.eq(self.i.payload.pixel),
                payload.marks.live.eq(beat),
                payload.marks.used.eq(beat & used),
                payload.marks.emit.eq(beat & emit),
                payload.marks.last.eq(beat & last),
                payload.marks.end.eq(beat & end),
                payload.marks.bad.eq(beat & end & (bad | wrong)),
            ]
            with m.If(~take):
                m.d.sync += Value.cast(payload.pixel).eq(0)
        with m.If(idle):
            m.d.sync += [draining.eq(draining - 1), drains.eq(draining != 1)]
        with m.If(beat):
            m.d.sync += [self.in_frame.eq(~end), bad.eq((bad | wrong) & ~end)]
            with m.If(end):
                m.d.sync += [draining.eq(self.drain), drains.eq(self.drain > 0), fill.eq(0)]
        return m

    def _guard(
        self, m: Module, *, take: Signal, final: Signal, fill: Signal, skip: Signal
    ) -> Signal:
        """Compare the input's frame ends with ours; returns whether this pixel shows a fault."""
        wrong = Signal()
        m.d.comb += wrong.eq(take & (final ^ self.i.payload.last))
        with m.If(wrong & ~final):
            m.d.sync += fill.eq(1)
        with m.If(wrong & final):
            m.d.sync += skip.eq(1)
        with m.Elif(skip & self.i.valid & self.i.payload.last):
            m.d.sync += skip.eq(0)
        if not self.judged:
            return wrong
        fault = Signal()
        m.d.comb += fault.eq(wrong | (take & final & self.i.payload.bad))
        return fault

    def _position(
        self, m: Module, beat: Signal, end: Signal
    ) -> tuple[Signal, Signal, Signal, Signal, Signal]:
        """Count rows and columns; returns (inside the frame, its last pixel, used, emit, last)."""
        layer = self.layer
        _, height, width = layer.input_shape
        rows, columns = layer.padded_shape
        across = _Axis(
            m,
            "column",
            length=columns,
            padding=layer.padding.left,
            size=width,
            kernel=layer.kernel_shape[1],
            stride=layer.stride[1],
        )
        down = _Axis(
            m,
            "row",
            length=rows,
            padding=layer.padding.top,
            size=height,
            kernel=layer.kernel_shape[0],
            stride=layer.stride[0],
        )
        across.advance(m, beat)
        with m.If(across.at_end):
            down.advance(m, beat)
        inside = Signal()
        final = Signal()
        used = Signal()
        emit = Signal()
        last = Signal()
        m.d.comb += [
            inside.eq(across.inside & down.inside),
            final.eq(across.final & down.final),
            used.eq(across.used & down.used),
            emit.eq(across.emit & down.emit),
            last.eq(across.last & down.last),
            end.eq(across.at_end & down.at_end),
        ]
        return inside, final, used, emit, last


class _Axis:
    """Position along one axis of the padded frame, with what holds there: registers, mostly.

    ``inside`` the frame; ``final`` pixel of it; ``used`` by a window; ``emit``: a window ends
    here; ``last`` window; ``at_end`` of the padded frame.
    """

    def __init__(
        self,
        m: Module,
        name: str,
        *,
        length: int,
        padding: int,
        size: int,
        kernel: int,
        stride: int,
    ) -> None:
        self.name = name
        self.length = length
        self.position = Signal(range(length), name=name)
        self.phase = Signal(range(max(kernel, stride)), name=f"{name}_phase", init=kernel - 1)
        self.stride = stride
        self.following: list[tuple[Signal, Value]] = []
        last_window = (length - kernel) // stride * stride + kernel - 1
        self.at_end = self._within("at_end", range(length - 1, length))
        self.inside = self._within("inside", range(padding, padding + size))
        self.final = self._within("final", range(padding + size - 1, padding + size))
        self.last = self._within("last", range(last_window, last_window + 1))
        covered = self._within("covered", range(last_window + 1))
        self.used, self.emit = Signal(name=f"{name}_used"), Signal(name=f"{name}_emit")
        m.d.comb += [self.used.eq((self.phase < kernel) & covered), self.emit.eq(self.phase == 0)]

    def _within(self, what: str, places: range) -> Value:
        """Whether the position is one of ``places``: a register that moves with it."""
        first, end = places[0], places[-1] + 1
        if (first, end) == (0, self.length):
            return Const(1, 1)
        holds = Signal(name=f"{self.name}_{what}", init=first == 0)
        before_end = self.position < end - 1
        if first == 0:
            follows = before_end | self.at_end
        elif end == first + 1:
            follows = self.position == first - 1
        else:
            follows = (self.position >= first - 1) & before_end
        self.following.append((holds, follows))
        return holds

    def advance(self, m: Module, step: Value) -> None:
        """Move on by one position when ``step``, and around at the end."""
        with m.If(step):
            m.d.sync += [
                self.position.eq(self.position + 1),
                self.phase.eq(self.phase - 1),
                *(holds.eq(follows) for holds, follows in self.following),
            ]
            with m.If(self.phase == 0):
                m.d.sync += self.phase.eq(self.stride - 1)
            with m.If(self.at_end):
                m.d.sync += [self.position.eq(0), self.phase.eq(self.phase.init)]
