"""What the layers of a network hand on: the values of a pixel, some channels a beat."""

from __future__ import annotations

from amaranth.hdl import ShapeLike
from amaranth.lib import data

__all__ = ["value_layout"]


def value_layout(shape: ShapeLike, lanes: int) -> data.StructLayout:
    """A beat: ``lanes`` neighbouring channels of a pixel, the lowest in the low bits.

    A frame is sent pixel by pixel, row by row; the beats of a pixel by ascending channel. ``last``
    comes with the frame's last beat, and with it alone ``bad``: the frame that entered the network
    was too short or too long.
    """
    return data.StructLayout({"values": data.ArrayLayout(shape, lanes), "last": 1, "bad": 1})
