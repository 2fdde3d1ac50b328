"""``python -m sim.board``: a board that is not there. Its RTL, at pin level, on a pseudo-terminal.

``python -m sw.host`` talks to it as to a board; the line between them can be made as bad as
wanted. All of a bitstream is simulated but the PLL and the pins' buffers.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import tty
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from amaranth.back import verilog

from hw.engine import Engine
from hw.network.network import Accelerator
from hw.system import System
from hw.targets.rtlil import no_garbage_collection
from sw.config import EngineConfig
from sw.configfile import add_arguments, from_arguments
from sw.network.config import NetworkConfig
from sw.network.configfile import is_network, network_from_arguments
from sw.network.planner import plan
from sw.work_folder import work_folder

from .command import run_simulation
from .toolchain import DEFAULT_BUILD_DIR, build_binary

__all__ = ["Noise", "VirtualBoard", "main", "virtual_board"]

_PROG = "python -m sim.board"
_HARNESS = Path(__file__).parent / "harness"
_TOP = "katazome_system"
_DIVISOR = 8
_EPILOG = """\
Then, in another terminal, with the port that it says:
  python -m sw.host --port PORT --config tiny --images images.npy --out y.npz

The baud rate does not matter. Ctrl-C ends it. Exit status: 0 ended, 2 input that cannot be used.
"""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """What goes wrong on the line, in both directions; chances per million.

    Parameters
    ----------
    flip : int
        That a bit is the other one.
    lose : int
        That a byte does not arrive.
    garbage : int
        That a byte comes that nobody sent, before one that was.
    seed : int
    """

    flip: int = 0
    lose: int = 0
    garbage: int = 0
    seed: int = 0


@dataclass(kw_only=True)
class VirtualBoard:
    """A board while it runs.

    Parameters
    ----------
    port : str
        What to open.
    injected : dict
        After its end: how many bits were ``flipped``, bytes ``lost`` and ``added``.
    """

    port: str
    injected: dict[str, int] = field(default_factory=dict)


@contextlib.contextmanager
def virtual_board(
    config: EngineConfig | NetworkConfig,
    *,
    noise: Noise | None = None,
    build_dir: Path = DEFAULT_BUILD_DIR,
) -> Iterator[VirtualBoard]:
    """A board with the engine of ``config`` for as long as the block lasts; or the network.

    Of a network every layer's settings are filled in (:func:`sw.network.planner.plan`).

    Raises
    ------
    ToolchainError
        If the design cannot be built.
    """
    binary = _build(config, build_dir)
    settings = noise or Noise()
    plusargs = [f"+{name}={value}" for name, value in vars(settings).items()]
    board_end, host_end = pty.openpty()
    try:
        tty.setraw(host_end)  # and held open: the terminal lives on between two hosts
        board = VirtualBoard(port=os.ttyname(host_end))
        with subprocess.Popen(
            [str(binary), f"+file={board_end}", *plusargs],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[board_end],
        ) as process:
            try:
                yield board
            finally:
                process.send_signal(signal.SIGTERM)
                said, _ = process.communicate()
                found = re.search(r"@noise (.*)", said)
                words = found[1].split() if found else []
                board.injected.update(zip(words[::2], map(int, words[1::2]), strict=True))
    finally:
        os.close(board_end)
        os.close(host_end)


def _build(config: EngineConfig | NetworkConfig, build_dir: Path) -> Path:
    engine = Engine(config) if isinstance(config, EngineConfig) else Accelerator(config)
    system = System(engine, divisor=_DIVISOR)
    with no_garbage_collection():
        text = verilog.convert(
            system,
            name=_TOP,
            ports=[system.rx, system.tx],
            emit_src=False,
            strip_internal_attrs=True,
        )
    with work_folder(build_dir, "emit") as folder:
        source = folder / f"{_TOP}.v"
        source.write_text(text)
        return build_binary(
            [_HARNESS / "board.sv", source, _HARNESS / "board.cpp"],
            top="board",
            build_dir=build_dir,
            flags=[f"-GDIVISOR={_DIVISOR}"],
            opt="-O1",  # built more than run
        )


def _per_million(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 1_000_000):
        raise argparse.ArgumentTypeError(f"expected 0 to 999999, got {text!r}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Simulate a board with an engine and its host link, on a pseudo-terminal.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    for name, what in (
        ("flip", "bits are flipped"),
        ("lose", "bytes are lost"),
        ("garbage", "bytes are added"),
    ):
        parser.add_argument(
            f"--{name}",
            type=_per_million,
            default=0,
            metavar="N",
            help=f"{what}: N of a million, 0 to 999999 (default 0)",
        )
    parser.add_argument("--seed", type=int, default=0, help="of the noise (default 0)")
    return parser


def _run(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    if is_network(arguments.config):
        config = plan(network_from_arguments(arguments)).config
    else:
        config = from_arguments(arguments)
    noise = Noise(
        flip=arguments.flip, lose=arguments.lose, garbage=arguments.garbage, seed=arguments.seed
    )
    print(f"{config.name}: building the board (once for each design)", file=sys.stderr)
    with virtual_board(config, noise=noise) as board:
        signal.signal(signal.SIGTERM, _stop)  # the simulator ends with us
        print(board.port, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    return 0


def _stop(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_simulation(lambda: _run(argv), prog=_PROG)


if __name__ == "__main__":
    raise SystemExit(main())
