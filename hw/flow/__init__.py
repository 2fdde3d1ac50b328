"""From RTL to area and Fmax: Yosys and nextpnr, cached, timed, and tidy when stopped.

The whole of it, for our engines and for anyone's Verilog::

    family = load_family("ecp5")                       # ecp5, ice40, xilinx or asic
    result = synthesise({"top.v": text}, top="top", family=family)
    result.area, result.cells                          # {"lut4_eq": ..., "ff": ...}, by cell
    harness = wrap(result)                             # few pins; registers around the block
    routed = place_and_route(harness, family.device(), seeds=(1, 2, 3))
    routed[0].fmax_mhz, routed[0].critical_path        # a float (None: not known), a path
    median_fmax(routed)

* :func:`synthesise` takes RTLIL (``.il``), Verilog (``.v``) or SystemVerilog (``.sv``) text by file
  name; files of other names lie beside them, for ``$readmemh``. :func:`read_sources` reads files.
* :func:`wrap` puts a synthesised block, cell for cell as its area was counted, between registers
  that a few pins feed. A board's top needs none: :func:`place_and_route` takes any result,
  ``constraints`` (an ``.lpf`` or ``.pcf`` text) and gives ``Routed.bitstream_config``.
* :func:`place` routes nothing, and so takes a fraction of the time; :func:`read_delays` reads what
  it estimates, and :func:`groups` shows all slow paths in groups: what to mend next.
* Every step is kept under ``build/cache`` (``KATAZOME_CACHE`` moves it) by a hash of its inputs,
  script and tools. A step that fails, times out or is stopped by Ctrl-C leaves nothing there.
* ``timeout`` is in seconds for the whole call. :func:`synthesise` raises :class:`FlowTimeoutError`;
  :func:`place_and_route` returns what is known, with ``timed_out`` set.
* :class:`FlowError` says what went wrong in words for the user: the tool's own error lines, or
  which ``pip install`` brings a tool that is missing.
* ``show_progress()`` around all of it: what runs now, on stderr if that is a terminal.
"""

from .errors import FlowError, FlowTimeoutError, MissingToolError
from .families import Device, Family, family_names, load_family
from .harness import wrap
from .paths import Group, TimedPath, groups, read_delays
from .place import PathStep, Routed, median_fmax, place, place_and_route
from .progress import show_progress
from .synthesis import SynthesisResult, read_sources, synthesise
from .tools import ECPPACK, ICEPACK, NEXTPNR_ECP5, NEXTPNR_ICE40, YOSYS, Tool

__all__ = [
    "ECPPACK",
    "ICEPACK",
    "NEXTPNR_ECP5",
    "NEXTPNR_ICE40",
    "YOSYS",
    "Device",
    "Family",
    "FlowError",
    "FlowTimeoutError",
    "Group",
    "MissingToolError",
    "PathStep",
    "Routed",
    "SynthesisResult",
    "TimedPath",
    "Tool",
    "family_names",
    "groups",
    "load_family",
    "median_fmax",
    "place",
    "place_and_route",
    "read_delays",
    "read_sources",
    "show_progress",
    "synthesise",
    "wrap",
]
