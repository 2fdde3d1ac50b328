"""A bitstream for a board: the engine with clock, reset and host link, at the board's pins."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from amaranth.back import verilog

from hw.board_top import BOARD_TOP, BoardTop
from hw.boards import BOARDS, Board
from hw.chip import critical_path
from hw.engine import Engine
from hw.flow import (
    ECPPACK,
    ICEPACK,
    YOSYS,
    FlowError,
    Routed,
    SynthesisResult,
    Tool,
    load_family,
    median_fmax,
    place_and_route,
    synthesise,
)
from hw.flow.cache import cached, key_of
from hw.network.network import Accelerator
from hw.targets import TOP, Options, Product
from hw.targets.rtlil import convert, no_garbage_collection
from hw.top import AnyTop, NetworkTop
from sw.link import DEFAULT_BAUD
from sw.network.packing import input_bytes, output_beats, output_bytes

__all__ = ["OPTIONS", "SUMMARY", "build"]

SUMMARY = f"a bitstream with a host link (--board {', '.join(BOARDS)})"
OPTIONS = frozenset({"board", "frequency", "seeds", "timeout", "timing_allow_fail"})

_PACKED_CONFIG = "chip.config"
_LINE_BITS = 10
_KINDS = (
    *("TRELLIS_COMB", "TRELLIS_FF", "DP16KD", "MULT18X18D"),
    *("ICESTORM_LC", "ICESTORM_RAM", "ICESTORM_DSP"),
)
"""nextpnr's kinds of cells that an engine is made of."""


@dataclasses.dataclass(frozen=True)
class _Packer:
    """What makes a bitstream of what nextpnr wrote."""

    tool: Tool
    file: str

    @property
    def arguments(self) -> list[str]:
        if self.tool is ICEPACK:
            return [_PACKED_CONFIG, self.file]
        return ["--compress", "--input", _PACKED_CONFIG, "--bit", self.file]


_PACKERS = {"ecp5": _Packer(ECPPACK, f"{TOP}.bit"), "ice40": _Packer(ICEPACK, f"{TOP}.bin")}


def build(top: AnyTop, options: Options) -> Product:
    """``katazome.bit`` or ``.bin``, ``katazome_board.il`` and the constraints.

    For a board whose tools are not open: ``katazome_board.v`` and the constraints.

    Raises
    ------
    FlowError
        If no or no such board is named, a tool is missing or refuses the design, the time is up,
        or the design is slower than the board's clock.
    """
    board = _board(options)
    if not isinstance(top.component, Engine | Accelerator):
        raise FlowError("--target bitstream: only a whole engine has a host link: set top=engine")
    design = BoardTop(top.component, board)
    files: dict[str, str | bytes] = {board.constraints: board.constraints_text()}
    notes = [f"{board.name}: clock {board.clock_mhz} MHz", *filter(None, [board.note])]
    tools = {"amaranth": version("amaranth")}
    if not board.chip:
        with no_garbage_collection():
            files[f"{BOARD_TOP}.v"] = verilog.convert(
                design, name=BOARD_TOP, ports=design.ports, emit_src=False
            )
        return Product(files=files, tools=tools, device=board.name, notes=notes)

    text = convert(design, name=BOARD_TOP, ports=design.ports)
    files[f"{BOARD_TOP}.il"] = text
    end = None if options.timeout is None else time.monotonic() + options.timeout
    family = load_family(board.family)
    source = {f"{BOARD_TOP}.il": text}
    netlist = synthesise(source, top=BOARD_TOP, family=family, timeout=options.timeout)
    routed = _routed(netlist, board, options, end)
    notes += [_closed(routed, board, options), _used(_best(routed)), _pace(top, board)]
    packer = _PACKERS[board.family]
    files[packer.file] = _packed(_best(routed), packer)
    notes.append(f"onto the board: {board.flash.format(file=packer.file)}")
    device = family.device(board.device)
    used = (YOSYS, device.tool, packer.tool)
    return Product(
        files=files,
        tools=tools | {tool.name: tool.version() for tool in used},
        area=netlist.area,
        fmax_mhz={"seeds": [r.fmax_mhz for r in routed], "median": median_fmax(routed)},
        device=board.name,
        critical_path=critical_path([_best(routed)]),
        notes=notes,
    )


def _board(options: Options) -> Board:
    """The board that the options name, at the clock that they name."""
    names = ", ".join(BOARDS)
    if options.board is None:
        raise FlowError(f"--target bitstream needs --board: {names}")
    if options.board not in BOARDS:
        raise FlowError(f"--board {options.board} is not one of {names}")
    board = BOARDS[options.board]
    if options.frequency is None:
        return board
    if options.frequency != int(options.frequency):
        raise FlowError(f"--frequency {options.frequency:g}: a board's clock is whole MHz")
    board = dataclasses.replace(board, clock_mhz=int(options.frequency))
    try:
        board.make_pll()
    except ValueError as error:
        raise FlowError(f"--frequency {options.frequency:g}: {board.name}'s {error}") from error
    return board


def _routed(
    netlist: SynthesisResult, board: Board, options: Options, end: float | None
) -> list[Routed]:
    """One seed after the other, until one is fast enough."""
    device = netlist.family.device(board.device)
    device = dataclasses.replace(
        device, name=board.name, arguments=(*board.chip, "--timing-allow-fail")
    )
    routed: list[Routed] = []
    for seed in options.seeds or (1,):
        routed += place_and_route(
            netlist,
            device,
            seeds=(seed,),
            frequency=board.clock_mhz,
            constraints=board.constraints_text(),
            timeout=None if end is None else max(end - time.monotonic(), 0),
        )
        if routed[-1].timed_out or (routed[-1].fmax_mhz or 0) >= board.clock_mhz:
            break
    known = [r for r in routed if r.fmax_mhz is not None]
    if not known:
        raise FlowError(f"{board.name}: the time was up before place and route had ended")
    return known


def _best(routed: list[Routed]) -> Routed:
    return max(routed, key=lambda r: r.fmax_mhz or 0)


def _closed(routed: list[Routed], board: Board, options: Options) -> str:
    """What to say of the timing.

    Raises
    ------
    FlowError
        If it is not closed, and must be.
    """
    best = _best(routed)
    fmax = best.fmax_mhz or 0.0
    if fmax >= board.clock_mhz:
        return f"timing closed: {fmax:.1f} MHz, seed {best.seed}"
    missed = f"timing not closed: {fmax:.1f} MHz of {board.clock_mhz} (best of {len(routed)} seeds)"
    if options.timing_allow_fail:
        return missed
    steps = [
        f"  {step['logic_ns']:5.2f}  {step['routing_ns']:7.2f}  {step['signal']}"
        for step in critical_path([best])
    ]
    advice = "Build for a lower --frequency, with more --seeds, or with --timing-allow-fail"
    path = ["The critical path, in ns:", "  logic  routing  signal", *steps]
    raise FlowError("\n".join([f"{board.name}: {missed}. {advice}.", *path]))


def _used(routed: Routed) -> str:
    """How full the chip is."""
    kinds = {kind: routed.utilisation[kind] for kind in _KINDS if kind in routed.utilisation}
    parts = (f"{cells['used']:,} of {cells['available']:,} {k}" for k, cells in kinds.items())
    return f"used: {', '.join(parts)}"


def _pace(top: AnyTop, board: Board) -> str:
    """How many frames the engine and the line can do."""
    if isinstance(top, NetworkTop):
        network, cycles = top.plan.config.network, top.plan.cycles
        _, height, width = network.input_shape
        outputs = output_beats(network) * output_bytes(network)
        what, pixels = "network", height * width * input_bytes(network)
    else:
        layer = top.config.layer
        cycles = layer.padded_shape[0] * layer.padded_shape[1]
        engine = top.component
        assert isinstance(engine, Engine)
        _, height, width = layer.input_shape
        _, output_rows, output_columns = layer.output_shape
        pixels = height * width * len(engine.s_axis.tdata) // 8
        outputs = output_rows * output_columns * len(engine.m_axis.tdata) // 8
        what = "engine"
    return (
        f"frames a second: {board.clock_mhz * 10**6 / cycles:,.0f} in the {what} at "
        f"this clock, {DEFAULT_BAUD / _LINE_BITS / (pixels + outputs):.1f} or less on the line"
    )


def _packed(routed: Routed, packer: _Packer) -> bytes:
    """The bitstream of a place and route."""
    config = routed.bitstream_config
    assert config is not None, "a place and route that ended has its file"
    digest = hashlib.sha256(config.read_bytes()).hexdigest()
    key: dict[str, Any] = {"config": digest, "arguments": packer.arguments}

    def make(folder: Path) -> None:
        (folder / _PACKED_CONFIG).hardlink_to(config)
        packer.tool.run(packer.arguments, folder=folder, log="pack", what="packing the bitstream")

    made = cached("bitstream", key_of(step="pack", tool=packer.tool.version(), **key), make)
    return (made / packer.file).read_bytes()
