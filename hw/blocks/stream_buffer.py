"""The contract of what cuts a stream's ready path: registers, or a memory."""

from __future__ import annotations

from typing import ClassVar

from amaranth.hdl import Module, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Member, Out

__all__ = ["StreamBuffer"]


class StreamBuffer(wiring.Component):
    """Pass a stream on, in order and unchanged: ``i.ready`` and all of ``o`` are registered.

    Up to :attr:`capacity` payloads are held; one takes :attr:`LATENCY` cycles through an empty
    buffer. The room of one that leaves is offered :attr:`room_latency` cycles later than it could.

    Parameters
    ----------
    shape : ShapeLike
    capacity : int
    foresight : int
        Cycles by which ``i_next`` is earlier than the next one.
    more : Member
        Further members of a kind of buffer, by name.

    Members
    -------
    i : ``In(stream.Signature(shape))``
    o : ``Out(stream.Signature(shape))``
    i_next : ``Out(1)``
        What ``i.ready`` will be ``foresight + 1`` cycles later; combinational.
    busy : ``Out(1)``
        A payload is held.
    """

    LATENCY: ClassVar[int]

    i: stream.Interface
    o: stream.Interface
    i_next: Signal
    busy: Signal

    def __init__(
        self, shape: ShapeLike, *, capacity: int, foresight: int = 0, **more: Member
    ) -> None:
        self.shape = shape
        self.capacity = capacity
        self.foresight = foresight
        super().__init__(
            {
                "i": In(stream.Signature(shape)),
                "o": Out(stream.Signature(shape)),
                "i_next": Out(1),
                "busy": Out(1),
                **more,
            }
        )

    @property
    def room_latency(self) -> int:
        """Cycles by which the room of a payload that leaves is offered later than it could be."""
        return self.foresight

    def elaborate(self, platform: object) -> Module:
        raise NotImplementedError
