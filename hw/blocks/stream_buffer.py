"""The contract of what cuts a stream's ready path: registers, or a memory."""

from __future__ import annotations

from typing import ClassVar

from amaranth.hdl import Module, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Member, Out

__all__ = ["StreamBuffer"]


class StreamBuffer(wiring.Component):
    """Pass a stream on, in order and unchanged: ``i.ready`` and all of ``o`` are registered.

    Up to :attr:`CAPACITY` payloads are held; one takes :attr:`LATENCY` cycles through an empty
    buffer. The room of one that leaves is offered :attr:`ROOM_LATENCY` cycles later than it could.

    Parameters
    ----------
    shape : ShapeLike
    more : Member
        Further members of a kind of buffer, by name.

    Members
    -------
    i : ``In(stream.Signature(shape))``
    o : ``Out(stream.Signature(shape))``
    i_next : ``Out(1)``
        What ``i.ready`` will be in the next cycle; combinational.
    busy : ``Out(1)``
        A payload is held.
    """

    CAPACITY: ClassVar[int]
    LATENCY: ClassVar[int]
    ROOM_LATENCY: ClassVar[int] = 0

    i: stream.Interface
    o: stream.Interface
    i_next: Signal
    busy: Signal

    def __init__(self, shape: ShapeLike, **more: Member) -> None:
        self.shape = shape
        super().__init__(
            {
                "i": In(stream.Signature(shape)),
                "o": Out(stream.Signature(shape)),
                "i_next": Out(1),
                "busy": Out(1),
                **more,
            }
        )

    def elaborate(self, platform: object) -> Module:
        raise NotImplementedError
