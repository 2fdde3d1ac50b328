"""AXI4-Lite as an interface: the members of one bus, under the standard's own names."""

from __future__ import annotations

import enum
from typing import Any

from amaranth.hdl import Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["AxiLite", "AxiLiteSignature", "Response"]


class Response(enum.IntEnum):
    """``bresp`` and ``rresp`` (AMBA AXI, table A3-4) that AXI4-Lite uses here."""

    OKAY = 0b00
    SLVERR = 0b10


class AxiLiteSignature(wiring.Signature):
    """An AXI4-Lite bus as its manager sees it; a subordinate has it as ``In``.

    Parameters
    ----------
    address_bits : int
    data_bits : int
        32 or 64.

    Raises
    ------
    ValueError
        If the standard has no such data width.
    """

    def __init__(self, *, address_bits: int = 16, data_bits: int = 32) -> None:
        if data_bits not in (32, 64):
            raise ValueError(f"data_bits must be 32 or 64, not {data_bits}")
        self.address_bits = address_bits
        self.data_bits = data_bits
        super().__init__(
            {
                "awaddr": Out(address_bits),
                "awprot": Out(3),
                "awvalid": Out(1),
                "awready": In(1),
                "wdata": Out(data_bits),
                "wstrb": Out(data_bits // 8),
                "wvalid": Out(1),
                "wready": In(1),
                "bresp": In(2),
                "bvalid": In(1),
                "bready": Out(1),
                "araddr": Out(address_bits),
                "arprot": Out(3),
                "arvalid": Out(1),
                "arready": In(1),
                "rdata": In(data_bits),
                "rresp": In(2),
                "rvalid": In(1),
                "rready": Out(1),
            }
        )

    def create(self, *, path: Any = None, src_loc_at: int = 0) -> AxiLite:
        """An interface with fresh signals."""
        return AxiLite(self, path=path, src_loc_at=1 + src_loc_at)


class AxiLite(wiring.PureInterface):
    """The signals of one bus; see :class:`AxiLiteSignature`."""

    awaddr: Signal
    awprot: Signal
    awvalid: Signal
    awready: Signal
    wdata: Signal
    wstrb: Signal
    wvalid: Signal
    wready: Signal
    bresp: Signal
    bvalid: Signal
    bready: Signal
    araddr: Signal
    arprot: Signal
    arvalid: Signal
    arready: Signal
    rdata: Signal
    rresp: Signal
    rvalid: Signal
    rready: Signal
