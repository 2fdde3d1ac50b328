"""Models as ``.npz``: a network's state by its names, without pickle, the same bytes each time."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from torch import nn

from sw.arrays import read_npz
from sw.cli import InputError

__all__ = ["MODEL", "load_model", "model_bytes"]

MODEL = "model.npz"
"""The file's name in a run's folder."""


def model_bytes(network: nn.Module) -> bytes:
    """The network's parameters and buffers as an ``.npz``."""
    arrays = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def load_model(network: nn.Module, place: Path) -> None:
    """Load a model into a network of the same shape.

    Parameters
    ----------
    network : nn.Module
    place : Path
        A model file, or the folder of a finished run.

    Raises
    ------
    InputError
        If there is none, or it is another network's.
    """
    path = place / MODEL if place.is_dir() else place
    try:
        state = {name: torch.from_numpy(array) for name, array in read_npz(path).items()}
        network.load_state_dict(state)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such model; finish the run that makes it first") from error
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{path}: not a model of this network: {error}") from error
