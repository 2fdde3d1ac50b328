"""The organisations of lookup tables by name, behind one contract."""

from __future__ import annotations

from amaranth.hdl import Shape

from hw.blocks.cam import Cam
from hw.blocks.cam_memory import MemoryCam
from hw.blocks.cam_sets import SetCam
from hw.blocks.key_table import KeyTable
from hw.protection import Guard
from sw.part_configs import TableConfig

__all__ = ["KEY_TABLES", "make_key_table"]

KEY_TABLES: dict[str, type[KeyTable]] = {
    "registers": Cam,
    "memory": MemoryCam,
    "set_associative": SetCam,
}


def make_key_table(shape: Shape, table: TableConfig, guard: Guard | None = None) -> KeyTable:
    """What ``table.organisation`` names; plain without a ``guard``."""
    return KEY_TABLES[table.organisation](shape, table, guard)
