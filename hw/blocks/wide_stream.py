"""A stream whose payload is many words, each a signal of its own."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import ShapeLike, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["WideStream", "WideStreamSignature"]


class WideStreamSignature(wiring.Signature):
    """As :class:`amaranth.lib.stream.Signature`, with an array of payloads.

    Amaranth's signals end at 65,535 bits, and the products of a layer may have twice that.

    Parameters
    ----------
    shape : ShapeLike
        Of a word.
    dimensions : int
        Of the array of words: ``payload[a][b]`` for two.
    """

    def __init__(self, shape: ShapeLike, *dimensions: int) -> None:
        self.shape = shape
        self.dimensions = dimensions
        super().__init__(
            {"payload": Out(shape).array(*dimensions), "valid": Out(1), "ready": In(1)}
        )

    def create(self, *, path: Any = None, src_loc_at: int = 0) -> WideStream:
        """An interface with fresh signals."""
        return WideStream(self, path=path, src_loc_at=1 + src_loc_at)


class WideStream(wiring.PureInterface):
    """The signals of one stream; see :class:`WideStreamSignature`."""

    payload: Any
    valid: Signal
    ready: Signal
