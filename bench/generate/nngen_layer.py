"""A convolution layer by NNgen: ``python nngen_layer.py SPEC.json FOLDER``."""

# pyright: reportMissingImports=false
# It needs nngen, of the extra `bench`; nothing of ours imports it.

from __future__ import annotations

import json
import sys
from pathlib import Path

import nngen as ng
import numpy as np

CHUNK = 64
TOP = "nngen_layer"


def main() -> None:
    """Write the layer's Verilog, its weights as bytes, and where each thing lies in memory."""
    spec, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    weight = np.array(spec["weight"], dtype=np.int64)  # K, C, kh, kw
    channels, height, width = spec["input_shape"]
    pixels = ng.placeholder(ng.uint8, shape=(1, height, width, channels), name="pixels")
    weights = ng.variable(ng.int8, shape=(len(weight), 3, 3, channels), name="weights")
    weights.set_value(weight.transpose(0, 2, 3, 1))
    layer = ng.conv2d(
        pixels,
        weights,
        strides=(1, 1, 1, 1),
        padding="VALID",
        dtype=ng.int32,
        sum_dtype=ng.int32,
        name="sums",
    )
    layer.attribute(par_ich=1, par_och=1, cshamt_out=0)
    text = ng.to_verilog([layer], TOP, silent=True, config={"maxi_datawidth": 32})
    (folder / f"{TOP}.v").write_text(text)
    parameters = np.asarray(ng.export_ndarray([layer], CHUNK)).astype(np.uint8)
    (folder / "parameters.bin").write_bytes(parameters.tobytes())
    known = {
        "top": TOP,
        "pixels": {"address": pixels.addr, "aligned": [int(n) for n in pixels.aligned_shape]},
        "parameters": -(-(pixels.addr + pixels.memory_size) // CHUNK) * CHUNK,
        "sums": {"address": layer.addr, "aligned": [int(n) for n in layer.aligned_shape]},
    }
    (folder / "design.json").write_text(json.dumps(known))


if __name__ == "__main__":
    main()
