"""What a run leaves in its folder: checkpoint, metrics log, run record, model, first layer.

- ``checkpoint.pt``: all that the next epoch depends on; read without running code of it.
- ``metrics.jsonl``: a line an epoch; the same seed gives the same file on the same machine.
- ``run.json``: what made it and what that took; its being there says that the run is finished.
- ``model.npz``: the trained network by the names of its tensors.
- ``kernels.npz``: the first layer, ``initial`` and ``trained``, (K, C, kh, kw) of float32.
- ``NAME.onnx``, ``NAME-layer1.npz``, ``NAME-layer1.toml``: a quantised network, its first layer.
"""

from __future__ import annotations

import io
import json
import pickle
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sw.cli import InputError, write_files

from .export import exported
from .loop import Metrics, Trainer
from .networks import first_convolution
from .options import Options
from .quantise import Quantised
from .store import MODEL, model_bytes
from .templating import kernels_of

__all__ = [
    "CHECKPOINT",
    "KERNELS",
    "METRICS",
    "RUN",
    "bytes_of",
    "finish",
    "resume",
    "save_epoch",
]

CHECKPOINT, METRICS, RUN, KERNELS = "checkpoint.pt", "metrics.jsonl", "run.json", "kernels.npz"


def save_epoch(folder: Path, trainer: Trainer) -> None:
    """Write checkpoint and log; a kill at any time leaves both of some whole epoch."""
    stream = io.BytesIO()
    torch.save(trainer.state(), stream)
    write_files(folder, {METRICS: _lines(trainer.metrics), CHECKPOINT: stream.getvalue()})


def resume(folder: Path, trainer: Trainer) -> bool:
    """Go on from the folder's checkpoint, if there is one; return whether there was.

    Raises
    ------
    InputError
        If it is of other options, or not readable.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return False
    try:
        state = torch.load(path, map_location=trainer.options.device, weights_only=True)
        theirs = state["options"]
    except (RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise InputError(f"{path}: not a readable checkpoint; remove it to begin anew") from error
    ours = trainer.options.as_dict()
    if different := [name for name in ours if theirs.get(name) != ours[name]]:
        name = different[0]
        raise InputError(
            f"{path}: is of another run, with {name} {theirs.get(name)!r} and not {ours[name]!r}; "
            "name another --out, or remove it to begin anew"
        )
    trainer.restore(state)
    return True


def finish(folder: Path, trainer: Trainer, initial: np.ndarray, command: str) -> None:
    """Write model, first layer and, last, the run record.

    Parameters
    ----------
    folder : Path
    trainer : Trainer
        All epochs done.
    initial : array, shape (K, C, kh, kw)
        The first layer before training.
    command : str
        What makes the same run again.
    """
    first = first_convolution(trainer.network)
    kernels = io.BytesIO()
    np.savez_compressed(kernels, initial=initial, trained=kernels_of(first))
    record = {
        "name": trainer.options.name,
        "command": command,
        "options": trainer.options.as_dict(),
        "result": trainer.metrics[-1],
        "first_layer": _first_layer(trainer),
        "network": {
            "parameters": sum(p.numel() for p in trainer.network.parameters()),
            "trainable": _trainable(trainer.network),
            **bytes_of(trainer),
        },
        "costs": {name: round(value, 1) for name, value in vars(trainer.costs).items()},
        "versions": _versions(trainer.options),
    }
    contents: dict[str, str | bytes] = {}
    if isinstance(trainer.network, Quantised):
        contents |= exported(trainer.network, trainer.options, command, trainer.metrics[-1])
    contents |= {
        METRICS: _lines(trainer.metrics),
        MODEL: model_bytes(trainer.network),
        KERNELS: kernels.getvalue(),
        RUN: json.dumps(record, indent=1) + "\n",
    }
    write_files(folder, contents)


def _lines(metrics: list[Metrics]) -> str:
    return "".join(json.dumps(line) + "\n" for line in metrics)


def _first_layer(trainer: Trainer) -> dict[str, Any]:
    """The first convolution's weights: all of them, and those that have a gradient."""
    stage = trainer.network.get_submodule("stages.0.convolution")
    gradients = [p.grad for p in stage.parameters() if p.grad is not None]
    weight = first_convolution(trainer.network).weight
    return {"weights": weight.numel(), "trainable": sum(g.numel() for g in gradients)}


def _trainable(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def bytes_of(trainer: Trainer) -> dict[str, int]:
    """``gradient_bytes`` and ``optimiser_bytes`` that a trainer holds after a step."""
    gradients = [p.grad for p in trainer.network.parameters() if p.grad is not None]
    values = [value for state in trainer.optimiser.state.values() for value in state.values()]
    return {
        "gradient_bytes": sum(gradient.nbytes for gradient in gradients),
        "optimiser_bytes": sum(v.nbytes for v in values if isinstance(v, torch.Tensor)),
    }


def _versions(options: Options) -> dict[str, str]:
    device = platform.processor() or platform.machine()
    if options.device != "cpu":
        device = torch.cuda.get_device_name()
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": platform.platform(),
        "device": device,
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }
