"""The out-of-context harness: a block of any ports behind four pins, for its Fmax alone.

A block with hundreds of ports fits no package. The harness feeds every input bit from its own
flip-flop, a stage of one long shift register behind a pin, and takes every output bit into its
own flip-flop; groups of those are folded by XOR, a table and a flip-flop a level, to one pin. So
each path inside runs from register to register, nothing can be optimised away, and no path of
the harness has more than one table. The block is the netlist whose area was counted: it is
synthesised alone and put in afterwards, cell for cell.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from .cache import cached, key_of, share
from .errors import FlowError
from .synthesis import Port, SynthesisResult
from .tools import YOSYS

__all__ = ["HARNESS", "INSTANCE", "harness_verilog", "wrap"]

HARNESS = "katazome_harness"
"""The harness's module."""
INSTANCE = "dut"
"""The block in it: what a path's names begin with."""
FOLD = 4
"""Bits that one XOR folds: the inputs of a look-up table."""


def wrap(
    result: SynthesisResult, *, clock: str = "clk", timeout: float | None = None
) -> SynthesisResult:
    """The harness with a synthesised block in it, ready to place and route.

    Parameters
    ----------
    result : SynthesisResult
    clock : str
        The block's clock; a block without such a port is combinational. A reset is an input
        like the others.
    timeout : float, optional
        Seconds.

    Raises
    ------
    FlowError
        If the block has no output or a bidirectional port, or Yosys fails.
    """
    text = harness_verilog(result.top, result.ports, clock=clock)
    script = _script(result)
    netlist = hashlib.sha256(result.rtlil.read_bytes()).hexdigest()
    key = key_of(step="wrap", netlist=netlist, text=text, script=script, yosys=YOSYS.version())

    def make(folder: Path) -> None:
        share(result.rtlil, folder / "block.il")
        YOSYS.run(
            ["-q", "-l", "yosys.log", "wrap.ys"],
            folder=folder,
            log="yosys",
            timeout=timeout,
            what=f"harness around {result.top}",
        )
        summary = {"cells": result.cells, "ports": [], "stat": {}}  # the block's: a good guess
        (folder / "summary.json").write_text(json.dumps(summary))

    files = {"harness.v": text, "wrap.ys": script}
    folder = cached(f"wrap-{result.family.name}", key, make, files)
    return SynthesisResult(HARNESS, result.family, folder)


def harness_verilog(top: str, ports: Sequence[Port], *, clock: str = "clk") -> str:
    """The harness's Verilog, with the block as a black box."""
    inputs = [p for p in ports if p.direction == "input" and p.name != clock]
    outputs = [p for p in ports if p.direction == "output"]
    if not outputs:
        raise FlowError(f"{top}: a block without outputs has no Fmax")
    if other := [p.name for p in ports if p.direction not in ("input", "output")]:
        raise FlowError(f"{top}: no harness for bidirectional ports: {', '.join(other)}")
    clocked = any(p.name == clock for p in ports)
    lines = [
        "(* blackbox *)",
        f"module {top}({', '.join(_name(p.name) for p in ports)});",
        *(f"  {p.direction} [{p.width - 1}:0] {_name(p.name)};" for p in ports),
        "endmodule",
        "",
        f"module {HARNESS}(input clk, input din, output dout);",
        *_feed(inputs),
        f"  wire [{sum(p.width for p in outputs) - 1}:0] out;",
        f"  {top} {INSTANCE}(",
        *_connections(inputs, "in"),
        *_connections(outputs, "out"),
        *([f"    .{_name(clock)}(clk),"] if clocked else []),
    ]
    lines[-1] = lines[-1].rstrip(",")
    lines.append("  );")
    lines += _fold(sum(p.width for p in outputs))
    return "\n".join([*lines, "endmodule", ""])


def _name(name: str) -> str:
    """An escaped identifier: it may be any."""
    return f"\\{name} "


def _feed(inputs: Sequence[Port]) -> list[str]:
    bits = sum(p.width for p in inputs)
    if not bits:
        return []
    shifted = "din" if bits == 1 else f"{{in[{bits - 2}:0], din}}"
    return [f"  reg [{bits - 1}:0] in;", f"  always @(posedge clk) in <= {shifted};"]


def _connections(ports: Sequence[Port], wire: str) -> list[str]:
    lines, low = [], 0
    for port in ports:
        lines.append(f"    .{_name(port.name)}({wire}[{low + port.width - 1}:{low}]),")
        low += port.width
    return lines


def _fold(bits: int) -> list[str]:
    """Registers for ``bits`` bits, then levels of XOR, each registered, to one."""
    lines = [f"  reg [{bits - 1}:0] fold_0;", "  always @(posedge clk) fold_0 <= out;"]
    level = 0
    while bits > 1:
        groups = [range(low, min(low + FOLD, bits)) for low in range(0, bits, FOLD)]
        lines.append(f"  reg [{len(groups) - 1}:0] fold_{level + 1};")
        lines.append("  always @(posedge clk) begin")
        lines += [
            f"    fold_{level + 1}[{n}] <= ^fold_{level}[{group[-1]}:{group[0]}];"
            for n, group in enumerate(groups)
        ]
        lines.append("  end")
        level, bits = level + 1, len(groups)
    return [*lines, f"  assign dout = fold_{level}[0];"]


def _script(result: SynthesisResult) -> str:
    commands = [command.format(top=HARNESS) for command in result.family.synthesis]
    lines = [
        "read_verilog harness.v",
        *commands,
        "read_rtlil -overwrite block.il",
        f"hierarchy -top {HARNESS}",
        f"flatten -noscopeinfo {HARNESS}",
        "clean",
        "write_json netlist.json",
    ]
    return "\n".join(lines) + "\n"
