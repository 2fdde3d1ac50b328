"""``python -m sw.network``: what a model file is as a chain of layers, and how exact that is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from sw import cli
from sw.images import check_frames, read_images
from sw.numeric import IntRange
from sw.templates import find_templates

from .compare import LayerComparison, compare_layers, compare_output, onnxruntime_tensors
from .graph import ArgMax, Conv, Dense, Layer, Network, Pool
from .onnx_import import Imported, import_network

__all__ = ["main"]

_PROG = "python -m sw.network"
_IMAGES_AT_ONCE = 256
"""Compared together, to bound memory."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Import a model file and print its layers, or what is wrong with it; say for "
        "which sums a layer's integers are not the file's. With --images, run onnxruntime on the "
        "same file and compare every integer that the file has.",
        epilog="Exit status: 0 done, 1 a value differs that should not, 2 input that cannot be "
        "used. Example: python -m sw.network --model sw/models/mnist-net.onnx "
        "--images samples:mnist:100",
    )
    parser.add_argument("--model", type=Path, required=True, metavar="NET.onnx", help="the model")
    parser.add_argument(
        "--images", metavar="IN.npy", help="compare on these: a file, or samples:NAME[:COUNT]"
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


def _compared(path: Path, imported: Imported, name: str) -> list[LayerComparison]:
    network, zero = imported.network, imported.network.input_zero_point
    images = check_frames(
        read_images(name),
        shape=network.input_shape,
        limits=network.input_range + IntRange(zero, zero),
        name=str(path),
        where=name,
    )
    found: list[LayerComparison] = []
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        part = images[start : start + _IMAGES_AT_ONCE]
        tensors, output = onnxruntime_tensors(path, imported, part)
        here = compare_layers(imported, part, tensors)
        here.append(compare_output(imported, part, tensors[output]))
        found = [a + b for a, b in zip(found, here, strict=True)] if found else here
    for layer in found:
        print(
            f"{layer.layer}: {layer.differing} of {layer.values} values differ from onnxruntime's, "
            f"by at most {layer.steps}, in {layer.images} of {len(images)} images"
        )
    return found


def _command(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    imported = import_network(arguments.model)
    _print(imported)
    compared: list[LayerComparison] = []
    if arguments.images is not None:
        compared = _compared(arguments.model, imported, arguments.images)
    if arguments.json is not None:
        cli.write_json(arguments.json, _as_json(imported, compared))
    said = {difference.layer: difference.steps for difference in imported.differences}
    if imported.remarks:  # the network's output then follows from what may differ before
        compared = compared[:-1]
    return int(any(layer.steps > said.get(layer.layer, 0) for layer in compared))


def _as_json(imported: Imported, compared: list[LayerComparison]) -> dict[str, object]:
    rows = list(_rows(imported.network))
    return {
        "digest": imported.network.digest,
        "layers": [dict(zip(rows[0], row, strict=True)) for row in rows[1:]],
        "differences": [asdict(difference) for difference in imported.differences],
        "notes": imported.notes,
        "compared": [asdict(layer) for layer in compared],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _command(argv), prog=_PROG)


if __name__ == "__main__":
    raise SystemExit(main())
