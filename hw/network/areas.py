"""``python -m hw.network.areas``: what the planner takes each layer for, beside its synthesis."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In

from hw.boards import BOARDS
from hw.flow import FlowError, load_family, synthesise
from hw.flow.progress import show_progress
from hw.network.chain import ComputingLayer, layer_block
from hw.network.pool_layer import PoolLayer
from hw.targets import TOP
from hw.targets.rtlil import convert
from sw import cli
from sw.configfile import add_arguments
from sw.network.chips import Cost
from sw.network.configfile import is_network, network_from_arguments
from sw.network.graph import Conv, Dense, Pool
from sw.network.plan import plans_of
from sw.network.planner import Plan, plan
from sw.network.registers import computing

__all__ = ["LayerArea", "layer_areas", "main"]

_PROG = "python -m hw.network.areas"


@dataclass(frozen=True, kw_only=True)
class LayerArea:
    """A layer by itself.

    Parameters
    ----------
    layer : str
    planned, built : Cost
        What :func:`sw.network.ways.layer_cost` takes it for, and what Yosys makes of it.
    """

    layer: str
    planned: Cost
    built: Cost

    @property
    def error(self) -> float:
        """Of the LUTs, in percent: positive if the planner takes too many."""
        return 100 * (self.planned.lut / self.built.lut - 1) if self.built.lut else 0.0

    def __str__(self) -> str:
        columns = (
            f"{self.planned.lut:>8,.0f} {self.built.lut:>8,.0f} {self.error:>+7.1f} %",
            f"{self.planned.dsp:>5} {self.built.dsp:>5}",
            f"{self.planned.bram:>5} {self.built.bram:>5}",
        )
        return f"{self.layer:<12}" + "   ".join(columns)


class _Alone(wiring.Component):
    """A layer whose ports can be those of a top module: no constant is among them."""

    i: stream.Interface
    o: stream.Interface

    def __init__(self, layer: ComputingLayer) -> None:
        self.layer = layer
        members = {name: layer.signature.members[name] for name in ("i", "o")}
        if not isinstance(layer, PoolLayer):
            members["i_write"] = In(stream.Signature(layer.i_write.payload.shape()))
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.layer = layer = self.layer
        wiring.connect(m, wiring.flipped(self.i), layer.i)
        wiring.connect(m, layer.o, wiring.flipped(self.o))
        if not isinstance(layer, PoolLayer):
            write: stream.Interface = vars(self)["i_write"]
            m.d.comb += [
                layer.i_write.valid.eq(write.valid),
                layer.i_write.payload.eq(write.payload),
                write.ready.eq(layer.i_write.ready),
            ]
        return m


def layer_areas(planned: Plan, *, family: str) -> Iterator[LayerArea]:
    """Each layer but ArgMax, synthesised by itself.

    Raises
    ------
    FlowError
        If Yosys is missing.
    """
    config = planned.config
    for layer, how in zip(computing(config.network), plans_of(config), strict=True):
        assert isinstance(layer, Conv | Dense | Pool)
        text = convert(_Alone(layer_block(layer, how)))
        area = synthesise({f"{TOP}.il": text}, top=TOP, family=load_family(family)).area
        lut, dsp, bram = (int(area[name] or 0) for name in ("lut4_eq", "dsp", "bram"))
        yield LayerArea(
            layer=layer.name,
            planned=planned.costs[layer.name],
            built=Cost(lut=lut, dsp=dsp, bram=bram),
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Synthesise each layer of a network by itself, and print what the planner "
        "took it for beside it: LUTs, multipliers, block memories.",
        epilog=f"Example: {_PROG} --config mnist-net --board icebreaker --rate 100",
    )
    add_arguments(parser)
    parser.add_argument("--board", choices=BOARDS, help="what it must fit")
    parser.add_argument("--rate", type=float, metavar="N", help="frames a second it must reach")
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    if not is_network(arguments.config):
        raise cli.InputError(f"--config {arguments.config}: that is a layer, not a network")
    config = network_from_arguments(arguments)
    wishes = {name: getattr(arguments, name) for name in ("board", "rate")}
    config = replace(config, **{name: wish for name, wish in wishes.items() if wish is not None})
    family = BOARDS[config.board].family if config.board else "ecp5"
    planned = plan(config)
    print(f"{config.name} on {config.board or family}: planned, synthesised")
    print(f"{'layer':<12}{'LUTs':>28}   {'mult.':>11}   {'memories':>11}")
    found: list[LayerArea] = []
    try:
        with show_progress():
            for area in layer_areas(planned, family=family):
                print(area, flush=True)
                found.append(area)
    except FlowError as error:
        raise cli.InputError(str(error)) from error
    print(
        LayerArea(
            layer="all",
            planned=planned.cost,
            built=sum((area.built for area in found), Cost()),
        )
    )
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _command(argv), prog=_PROG)


if __name__ == "__main__":
    raise SystemExit(main())
