"""Make the model files of this folder: Brevitas's own exports, in its two formats.

Not a part of the tests: Brevitas 0.13.4, qonnx 1.0.0 and onnxoptimizer made the files, beside
PyTorch 2.13, in an environment of their own: ``python generate.py FOLDER``.
"""

# pyright: reportMissingImports=false

import sys
from pathlib import Path

import brevitas.nn as qnn
import torch
from brevitas.export import export_onnx_qcdq, export_qonnx
from brevitas.inject.enum import RestrictValueType
from brevitas.quant import Int32Bias, Uint8ActPerTensorFloat
from torch import nn

CASES = {
    "plain": {},
    "low": {"bits": 4, "bias": False},
    "normalised": {"normalised": True},
    "channel": {"per_channel": True},
    "shifts": {"shifts": True},
}


def network(*, bits=8, bias=True, normalised=False, per_channel=False, shifts=False):
    """Convolutions, pools and a linear layer, with Brevitas's usual quantisers."""
    power = {"restrict_scaling_type": RestrictValueType.POWER_OF_TWO} if shifts else {}
    weights = {f"weight_{name}": value for name, value in power.items()}
    weights["weight_bit_width"] = bits
    of_bias = {"bias": bias, "bias_quant": Int32Bias if bias and not normalised else None}
    channel = {"weight_scaling_per_output_channel": per_channel}
    source = {"bit_width": 8, "return_quant_tensor": True, "act_quant": Uint8ActPerTensorFloat}
    relu = {"bit_width": bits, "return_quant_tensor": True} | power
    return nn.Sequential(
        qnn.QuantIdentity(**source, **power),
        qnn.QuantConv2d(1, 4, 3, **of_bias, **channel, **weights),
        *([nn.BatchNorm2d(4)] if normalised else []),
        qnn.QuantReLU(**relu),
        nn.MaxPool2d(2),
        qnn.QuantConv2d(4, 6, 3, padding=1, stride=2, bias=False, **channel, **weights),
        qnn.QuantReLU(**relu),
        nn.Flatten(),
        qnn.QuantLinear(6 * 3 * 3, 5, **of_bias, **weights),
    )


def main() -> None:
    """Write both formats of all cases."""
    folder = Path(sys.argv[1])
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for name, options in CASES.items():
        model, images = network(**options), torch.rand(64, 1, 12, 12)
        model.train()
        for _ in range(20):
            model(images * torch.rand(1) * 2)
        model.eval()
        for export, kind in ((export_qonnx, "qonnx"), (export_onnx_qcdq, "qcdq")):
            path = str(folder / f"{kind}-{name}.onnx")
            export(model, args=images[:1], export_path=path, opset_version=13, dynamo=False)


if __name__ == "__main__":
    main()
