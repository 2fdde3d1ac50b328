"""A constant matrix-vector product by da4ml: ``python da4ml_core.py SPEC.json FOLDER``."""

# pyright: reportMissingImports=false
# It needs da4ml, of the extra `bench`; nothing of ours imports it.

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from da4ml.codegen.rtl.rtl_model import VerilogModel
from da4ml.trace import FixedVariableArray, HWConfig, comb_trace
from da4ml.types import minimal_kif


def main() -> None:
    """Write the core's Verilog and what its ports hold."""
    spec, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    weight = np.array(spec["weight"], dtype=np.float64)  # inputs x outputs
    inputs = len(weight)
    x = FixedVariableArray.from_kif(
        np.zeros(inputs, np.int64),
        np.full(inputs, spec["input_bits"], np.int64),
        np.zeros(inputs, np.int64),
        HWConfig(1, -1, -1),
        0,
        {"hard_dc": -1},
    )
    core = comb_trace(x, x @ weight)
    work = folder / "work"
    model = VerilogModel(
        core, "core", work, latency_cutoff=spec["latency_cutoff"], print_latency=False
    )
    model.write()
    for path in [*(work / "src").glob("*.v"), *(work / "src/static").glob("*.v")]:
        if path.stem != "core_wrapper":
            path.rename(folder / path.name)
    kinds = [minimal_kif(interval) for interval in core.out_qint]
    outputs = [[int(k + i + f), bool(k), -int(f)] for k, i, f in kinds]
    (folder / "design.json").write_text(json.dumps({"outputs": outputs}))


if __name__ == "__main__":
    main()
