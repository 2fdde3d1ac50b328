"""``python -m sw.network``: what a model file is as a chain of layers, and how exact that is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from sw import cli
from sw.images import IMAGES_HELP
from sw.templates import find_templates

from .accuracy import float_top1
from .graph import ArgMax, Conv, Dense, Layer, Network, Pool
from .measure import Measured, measure
from .onnx_import import Imported, import_network

__all__ = ["main"]

_PROG = "python -m sw.network"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Import a model file and print its layers, or what is wrong with it; say for "
        "which sums a layer's integers are not the file's. With --images, run onnxruntime on the "
        "same file, compare every integer that the file has, and say how many of the values that "
        "enter a layer are zero; and, where it is known what is on the images, how many are right.",
        epilog="Exit status: 0 done, 1 a value differs that should not, 2 input that cannot be "
        "used. Example: python -m sw.network --model sw/models/mnist-net.onnx "
        "--images samples:mnist:100",
    )
    parser.add_argument("--model", type=Path, required=True, metavar="NET.onnx", help="the model")
    parser.add_argument("--images", metavar="IN.npy", help=f"compare on these: {IMAGES_HELP}")
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="Y.npy",
        help="what is on the images of a file: integers, shape (N,)",
    )
    parser.add_argument(
        "--outputs",
        type=Path,
        metavar="OUT.npz",
        help="compare these too: what sim.run wrote of the same images",
    )
    parser.add_argument(
        "--float",
        type=Path,
        metavar="RUN.json",
        help="print the accuracy beside it that a training run's run.json records",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all this as JSON")
    return parser


def _size(shape: tuple[int, int, int]) -> str:
    return "x".join(map(str, shape))


def _weights(layer: Layer) -> str:
    if isinstance(layer, Conv):
        height, width = layer.spec.kernel_shape
        return f"{height}x{width}, {layer.spec.weight_format.bits} bits"
    if isinstance(layer, Dense):
        return f"{layer.weight.size}, {layer.weight_range.bits} bits"
    if isinstance(layer, Pool):
        return f"{layer.kind} {layer.kernel[0]}x{layer.kernel[1]}"
    return ""


def _templates(layer: Layer) -> str:
    if not isinstance(layer, Conv):
        return ""
    found = sum(kernel is not None for kernel in find_templates(layer.spec.weight))
    return f"{found} of {layer.spec.kernels}"


def _requantiser(layer: Layer) -> str:
    if isinstance(layer, ArgMax) or layer.requantise is None:
        return ""
    found = layer.requantise
    low, high = int(found.multiplier.min()), int(found.multiplier.max())
    factor = "" if (low, high) == (1, 1) else f" x {low}" + (f"..{high}" if high > low else "")
    return f">> {found.shift}{factor}, {found.limits.lo}..{found.limits.hi}"


_COLUMNS = ("layer", "gives", "weights", "templates", "requantises", "multiplications")


def _rows(network: Network) -> Iterator[tuple[str, ...]]:
    yield _COLUMNS
    for layer in network.layers:
        yield (
            layer.name,
            _size(layer.output_shape),
            _weights(layer),
            _templates(layer),
            _requantiser(layer),
            f"{layer.multiplications:,}",
        )


def _print(imported: Imported) -> None:
    network = imported.network
    limits, zero = network.input_range, network.input_zero_point
    print(
        f"images {_size(network.input_shape)}, {limits.lo + zero}..{limits.hi + zero}; "
        f"{network.multiplications:,} multiplications a frame"
    )
    rows = list(_rows(network))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        print("  ".join([*cells, row[-1].rjust(widths[-1])]).rstrip())
    for remark in imported.remarks:
        print(remark)
    if not imported.remarks:
        print("every integer is what the file says, for every input")


def _print_measured(measured: Measured, arguments: argparse.Namespace) -> None:
    run: Path | None = arguments.float
    given = [replace(layer, layer=str(arguments.outputs)) for layer in measured.given]
    for layer in [*measured.compared, *given]:
        print(
            f"{layer.layer}: {layer.differing} of {layer.values} values differ from onnxruntime's, "
            f"by at most {layer.steps}, in {layer.images} of {measured.images} images"
        )
    for layer in measured.zeros:
        share = 100 * layer.zeros / layer.values
        print(f"{layer.layer}: {share:.1f} % of the values that enter it are zero")
    recorded = None if run is None else float_top1(run)
    for name, accuracy in measured.accuracy.items():
        print(f"accuracy, {name}: {accuracy}")
    if recorded is not None:
        print(f"accuracy, float model: {recorded:.2f} % ({run})")


def _command(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    imported = import_network(arguments.model)
    _print(imported)
    if arguments.images is None and (arguments.labels or arguments.float or arguments.outputs):
        raise cli.InputError("--labels, --outputs, --float: they go with --images")
    measured = Measured()
    if arguments.images is not None:
        measured = measure(
            arguments.model,
            imported,
            images=arguments.images,
            labels=arguments.labels,
            outputs=arguments.outputs,
        )
        _print_measured(measured, arguments)
    if arguments.json is not None:
        cli.write_json(arguments.json, _as_json(imported, measured))
    said = {difference.layer: difference.steps for difference in imported.differences}
    compared = measured.compared
    if imported.remarks:  # the network's output then follows from what may differ before
        compared = compared[:-1]
    wrong = not imported.remarks and any(layer.differing for layer in measured.given)
    return int(wrong or any(layer.steps > said.get(layer.layer, 0) for layer in compared))


def _as_json(imported: Imported, measured: Measured) -> dict[str, object]:
    rows = list(_rows(imported.network))
    return {
        "digest": imported.network.digest,
        "layers": [dict(zip(rows[0], row, strict=True)) for row in rows[1:]],
        "differences": [asdict(difference) for difference in imported.differences],
        "notes": imported.notes,
        **asdict(measured),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _command(argv), prog=_PROG)


if __name__ == "__main__":
    raise SystemExit(main())
