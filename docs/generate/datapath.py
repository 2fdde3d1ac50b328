"""The picture of an engine's datapath: its blocks, with the numbers of a configuration."""

from __future__ import annotations

from docs.generate.drawing import GREY, INDIGO, MADDER, PINE, Canvas, style, svg
from hw.blocks.bias_adder import BiasAdder
from hw.blocks.requantise import Requantise
from hw.blocks.template_bank import TemplateBank
from hw.engine import Engine
from hw.strategies.value_cam import ValueCam
from sw.config import EngineConfig
from sw.configfile import load_config

__all__ = ["datapath_figure", "draw_datapath"]

_MAIN = 330  # height of the line that the frame follows in and out
_BANK = 440  # and of the template bank's
_TABLE = 265  # and of the reuse table's
_TITLE, _SMALL = 9.5, 8.5  # points


def datapath_figure(name: str = "cifar10-layer1") -> str:
    """The SVG of the engine of a named configuration with templates and learned kernels."""
    with style():
        return svg(draw_datapath(load_config(name)).figure)


def draw_datapath(config: EngineConfig) -> Canvas:
    """The picture of an engine with templates and a ``value_cam``, in the present style."""
    engine = Engine(config)
    canvas = Canvas(1266, 590)
    parts = (_title, _input, _bank, _table, _miss_unit, _accumulator, _output)
    for part in parts:
        part(canvas, engine)
    _control(canvas)
    return canvas


def _beats(number: int, unit: str = "beat") -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _block(
    canvas: Canvas,
    place: tuple[float, float, float, float],
    title: str,
    lines: str,
    *,
    colour: str = GREY,
) -> None:
    """A box with a title, and lines of text under it, together in its middle."""
    left, bottom, width, height = place
    canvas.box(left, bottom, width, height, colour=colour)
    above, below = title.count("\n") + 1, lines.count("\n") + 1
    centre, top = left + width / 2, bottom + height / 2 + (above * 19 + below * 16) / 2
    canvas.text(centre, top - above * 9.5, title, bold=True, colour=colour, size=_TITLE)
    canvas.text(centre, top - above * 19 - below * 8 - 1, lines, size=_SMALL)


def _title(canvas: Canvas, engine: Engine) -> None:
    config = engine.config
    channels, height, width = config.layer.input_shape
    rows, columns = config.layer.kernel_shape
    canvas.text(
        30,
        556,
        f"{config.name}: {width}x{height} pixels of {channels} channels, {rows}x{columns}; "
        f"{len(config.template_kernels)} template and {len(config.learned)} learned kernels",
        bold=True,
        size=11.5,
        align="left",
    )
    canvas.text(
        30,
        532,
        f"one pixel a cycle; {engine.latency} cycles from the last pixel of a window to its output",
        colour=GREY,
        align="left",
    )


def _input(canvas: Canvas, engine: Engine) -> None:
    layer = engine.config.layer
    canvas.text(58, _MAIN + 16, "s_axis", bold=True, size=9.5)
    canvas.text(58, _MAIN - 16, f"{len(engine.s_axis.tdata)} bits", size=_SMALL, colour=GREY)
    canvas.arrow((30, _MAIN), (92, _MAIN))
    _block(canvas, (92, _MAIN - 38, 92, 76), "Skid buffer", "cuts ready\n1 cycle")
    canvas.arrow((184, _MAIN), (210, _MAIN))
    rows, columns = layer.padded_shape
    lines = f"frame guard\nzero padding\n{columns}x{rows} beats\n1 cycle"
    _block(canvas, (210, _MAIN - 58, 116, 116), "Raster", lines)
    canvas.arrow((326, _MAIN), (348, _MAIN), head=False)
    datapath = engine.datapath
    for level, delay, start in (
        (_BANK, datapath.bank_delay, 444),
        (_TABLE, datapath.strategy_delay, 456),
    ):
        canvas.arrow((348, _MAIN), (348, level), (364 if delay else start, level))
        if delay:
            canvas.box(364, level - 24, 66, 48)
            canvas.text(397, level, f"delay\n{_beats(delay)}", size=_SMALL)
            canvas.arrow((430, level), (start, level))


def _bank(canvas: Canvas, engine: Engine) -> None:
    bank = engine.datapath.bank
    assert isinstance(bank, TemplateBank)
    plan = bank.plan
    canvas.box(444, _BANK - 62, 450, 124, colour=INDIGO)
    canvas.text(
        460, _BANK + 44, "Template bank", bold=True, colour=INDIGO, size=_TITLE, align="left"
    )
    canvas.text(
        878,
        _BANK + 44,
        f"{len(engine.config.template_kernels)} kernels, {plan.adders} adders, no multiplier; "
        f"{_beats(plan.latency)}",
        size=_SMALL,
        align="right",
    )
    stages = {
        "channel sums": plan.stages["channel sums"],
        "magnitude": plan.stages["common magnitude"],
        "tree of masks": plan.stages["tree"],
        "by kernel": plan.stages["kernel magnitudes"],
    }
    chips = [(label, _beats(adders, "adder")) for label, adders in stages.items() if adders]
    chips.insert(-1 if len(chips) > 1 else 0, ("line buffer", "and window"))
    gap, left, right = 18, 460, 878
    width = (right - left - gap * (len(chips) - 1)) / len(chips)
    for n, (label, number) in enumerate(chips):
        start = left + n * (width + gap)
        canvas.box(start, _BANK - 46, width, 62, colour=INDIGO, fill="#ffffff", radius=5)
        canvas.text(start + width / 2, _BANK - 15, f"{label}\n{number}", size=_SMALL)
        if n:
            canvas.arrow((start - gap, _BANK - 15), (start, _BANK - 15), colour=INDIGO)
    canvas.arrow((894, _BANK), (914, _BANK), (914, _MAIN), (934, _MAIN))


def _strategy(engine: Engine) -> ValueCam:
    strategy = engine.datapath.strategy
    assert isinstance(strategy, ValueCam)
    return strategy


def _table(canvas: Canvas, engine: Engine) -> None:
    table = _strategy(engine).table
    g = table.geometry
    canvas.box(456, 112, 272, 240, colour=MADDER)
    canvas.text(472, 334, "Reuse table", bold=True, colour=MADDER, size=_TITLE, align="left")
    canvas.text(712, 334, _beats(table.latency), size=_SMALL, align="right")
    deepest = 4 * (min(g.channels, 3) - 1)
    for shift in range(deepest, -1, -4):  # a stack: one for each channel
        for left in (472, 602):
            canvas.box(left + shift, 222 + shift, 102, 78, colour=MADDER, fill="#ffffff", radius=5)
    canvas.text(
        523, 261, f"1, 2 match\nCAM of {g.entries}\nx {g.key_shape.width} bits", size=_SMALL
    )
    canvas.text(
        653, 261, f"3 read\n{g.products} products\nof {g.product_shape.width} bits", size=_SMALL
    )
    canvas.arrow((574 + deepest, _TABLE), (602, _TABLE), colour=MADDER)
    canvas.arrow((704 + deepest, _TABLE), (752, _TABLE))
    canvas.text(592, 204, f"{g.channels} of each, one a channel", size=_SMALL)


def _miss_unit(canvas: Canvas, engine: Engine) -> None:
    g = _strategy(engine).table.geometry
    canvas.box(472, 126, 240, 56, colour=MADDER, fill="#ffffff", radius=5)
    canvas.text(
        592,
        154,
        f"a miss: {_beats(g.lanes, 'shared multiplier')},\n"
        f"{g.fill_cycles} cycles; the products are kept",
        size=_SMALL,
    )
    canvas.arrow((487, 222), (487, 182), colour=MADDER)
    canvas.arrow((697, 182), (697, 222), colour=MADDER)


def _accumulator(canvas: Canvas, engine: Engine) -> None:
    accumulator = _strategy(engine).accumulator
    g = accumulator.geometry
    lines = (
        f"sum of {g.channels.parts} channels,\n{g.kernels.parts} chains of {g.taps.parts}\n"
        f"adders, row delays\n{_beats(accumulator.latency - accumulator.lead)}"
    )
    place = (752, _TABLE - 66, 142, 132)
    _block(canvas, place, "Transposed\naccumulator", lines, colour=MADDER)
    canvas.arrow((894, _TABLE), (914, _TABLE), (914, _MAIN), (934, _MAIN))


def _output(canvas: Canvas, engine: Engine) -> None:
    config = engine.config
    bias, requantise = BiasAdder(config), Requantise(config)
    what = f"{config.bias_bits} bits\n{_beats(bias.latency)}" if bias.latency else "none here"
    canvas.box(934, _MAIN - 78, 108, 156, colour=PINE)
    canvas.text(988, _MAIN + 52, "Bias", bold=True, colour=PINE, size=_TITLE)
    canvas.text(988, _MAIN + 28 - (6 if bias.latency else 0), what, size=_SMALL)
    canvas.axes.plot([946, 1030], [_MAIN, _MAIN], color=PINE, linewidth=0.8)
    canvas.text(988, _MAIN - 22, "Requantise", bold=True, colour=PINE, size=_TITLE)
    exact = config.output.kind == "exact"
    what = (
        "exact sums\nhere" if exact else f"{config.output.bits} bits\n" + _beats(requantise.latency)
    )
    canvas.text(988, _MAIN - 50, what, size=_SMALL)
    canvas.arrow((1042, _MAIN), (1062, _MAIN))
    lines = "holds the last\noutput; cuts\nready; 1 cycle"
    _block(canvas, (1062, _MAIN - 46, 112, 92), "Frame closer", lines)
    canvas.arrow((1174, _MAIN), (1236, _MAIN))
    canvas.text(1210, _MAIN + 16, "m_axis", bold=True, size=9.5)
    bits = config.output_range.bits
    canvas.text(
        1210,
        _MAIN - 22,
        f"{config.layer.kernels} x {bits}\nbits",
        size=_SMALL,
        colour=GREY,
    )


def _control(canvas: Canvas) -> None:
    canvas.box(210, 30, 964, 46)
    title = "Control port, weight port"
    canvas.text(226, 53, title, bold=True, colour=GREY, size=_TITLE, align="left")
    canvas.text(
        1158,
        53,
        "registers on AXI4-Lite: run, weights, biases, factors, counters; sets of weights",
        size=_SMALL,
        align="right",
    )
    for y, name in ((64, "s_axil"), (40, "s_weight")):
        canvas.text(151, y + 10, name, bold=True, size=9.5)
        canvas.arrow((92, y), (210, y))
    for x, top, label in (
        (268, _MAIN - 58, "run"),
        (592, 126, "weights"),
        (988, _MAIN - 78, "biases, factors"),
    ):
        canvas.arrow((x, 76), (x, top), dashed=True)
        canvas.text(x + 8, 93, label, size=_SMALL, colour=GREY, align="left")
    canvas.arrow((1118, _MAIN - 46), (1118, 76), dashed=True)
    canvas.text(1126, 93, "events", size=_SMALL, colour=GREY, align="left")
