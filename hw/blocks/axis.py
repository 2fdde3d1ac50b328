"""AXI4-Stream as an interface: the signals of one bus, under the standard's own names."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["AxiStream", "AxiStreamSignature"]


class AxiStreamSignature(wiring.Signature):
    """An AXI4-Stream bus as its transmitter sees it; a receiver has it as ``In``.

    Parameters
    ----------
    data_bits : int
        Width of ``tdata``: whole bytes.
    user_bits : int
        Width of ``tuser``; 0: no such signal.

    Raises
    ------
    ValueError
        If ``data_bits`` is not whole bytes.
    """

    def __init__(self, *, data_bits: int, user_bits: int = 0) -> None:
        if data_bits % 8 or data_bits <= 0:
            raise ValueError(f"data_bits must be whole bytes, not {data_bits} bits")
        members = {
            "tdata": Out(data_bits),
            "tvalid": Out(1),
            "tready": In(1),
            "tlast": Out(1),
        }
        if user_bits:
            members["tuser"] = Out(user_bits)
        super().__init__(members)

    def create(self, *, path: Any = None, src_loc_at: int = 0) -> AxiStream:
        """An interface with fresh signals."""
        return AxiStream(self, path=path, src_loc_at=1 + src_loc_at)


class AxiStream(wiring.PureInterface):
    """The signals of one bus; see :class:`AxiStreamSignature`."""

    tdata: Signal
    tvalid: Signal
    tready: Signal
    tlast: Signal
    tuser: Signal
