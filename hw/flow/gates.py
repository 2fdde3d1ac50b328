"""A netlist of library cells as something to simulate, and which pins are on which net."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .asic import LIBRARY
from .cache import cached, key_of
from .errors import FlowError
from .synthesis import SynthesisResult
from .tools import YOSYS

__all__ = ["Gates", "Pin", "gates_of"]

# Each net gets one name, which needs no escaping, the same in both files. Ports keep theirs.
_SCRIPT = f"""\
read_rtlil netlist.il
splitnets
rename -hide w:* i:* o:* %u %d
opt_clean -purge
rename -enumerate -pattern n% w:* i:* o:* %u %d
write_json gates.json
read_liberty -ignore_miss_func {LIBRARY}
hierarchy -top {{top}}
write_verilog -noattr gates.v
"""

Pin = tuple[str, str]
"""A cell's type and the pin's name."""


@dataclass(frozen=True, kw_only=True)
class Gates:
    """A netlist of cells.

    Parameters
    ----------
    verilog : str
        The cells as modules too, by their functions.
    nets : mapping of net name to list of Pin
        What is on each net that has a cell's pin; a bit of a port is ``name[3]``.
    """

    verilog: str
    nets: Mapping[str, list[Pin]]


def gates_of(block: SynthesisResult) -> Gates:
    """The netlist of a synthesis in the cells of a library.

    Raises
    ------
    FlowError
        If it is in no library's cells, or a cell's function is not known.
    """
    library = block.family.files.get(LIBRARY)
    if library is None:
        raise FlowError("a netlist of generic gates: expected a cell library (--liberty FILE)")
    script = _SCRIPT.format(top=block.top)
    files = {"netlist.il": block.rtlil.read_text(), LIBRARY: library, "gates.ys": script}
    key = key_of(step="gates", files=files, yosys=YOSYS.version())

    def make(folder: Path) -> None:
        arguments = ["-q", "-l", "gates.log", "gates.ys"]
        YOSYS.run(arguments, folder=folder, log="gates", what=f"gates of {block.top}")

    folder = cached("gates", key, make, files)
    module = json.loads((folder / "gates.json").read_text())["modules"][block.top]
    names = {
        bit: name if len(net["bits"]) == 1 else f"{name}[{place}]"
        for name, net in module["netnames"].items()
        for place, bit in enumerate(net["bits"])
    }
    nets: dict[str, list[Pin]] = {}
    for cell in module["cells"].values():
        for pin, bits in cell["connections"].items():
            for bit in bits:
                if isinstance(bit, int):  # otherwise a constant
                    nets.setdefault(names[bit], []).append((cell["type"], pin))
    return Gates(verilog=(folder / "gates.v").read_text(), nets=nets)
