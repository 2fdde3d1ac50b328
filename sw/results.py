"""The files that ``sim.run`` and ``sw.reference`` write: outputs as ``.npz``, counters as JSON."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from .cli import InputError, check_folder
from .images import IMAGES_HELP

__all__ = ["Counted", "add_run_arguments", "check_outputs", "write_outputs"]


class Counted(Protocol):
    """Counters of an engine or a network."""

    def as_dict(self) -> Mapping[str, object]:
        """Names to values, in the order of the registers."""
        ...


def add_run_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add ``--images``, ``--out`` and ``--json``, the same for the RTL and the golden model."""
    parser.add_argument("--images", required=required, metavar="IN.npy", help=IMAGES_HELP)
    parser.add_argument(
        "--out",
        type=Path,
        required=required,
        metavar="OUT.npz",
        help="where to write y, int64, shape (N, K, OH, OW); of a network logits, "
        "shape (N, classes), and label, shape (N,)",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where to write the counters, as JSON"
    )


def check_outputs(out: Path, json_file: Path | None) -> None:
    """Refuse output files that :func:`write_outputs` could not write; call it before long work.

    Raises
    ------
    InputError
        If one is a folder, or its folder cannot be written to, or both are the same file.
    """
    for path in filter(None, (out, json_file)):
        if path.is_dir():
            raise InputError(f"{path}: is a folder; expected the name of a file to write")
        check_folder(path.parent)
    if json_file is not None and out.absolute() == json_file.absolute():
        raise InputError(f"{out}: --out and --json name the same file")


def write_outputs(
    out: Path,
    arrays: Mapping[str, npt.NDArray[np.generic]],
    json_file: Path | None,
    counters: Counted,
) -> None:
    """Write the outputs and, if asked for, the counters: both files or none.

    Parameters
    ----------
    out : Path
        Gets ``arrays`` as an ``.npz``; the same arrays give the same bytes.
    arrays : mapping of name to array
        A layer's outputs are ``y``; a network's are ``logits`` and ``label``.
    json_file : Path, optional
        Gets the counters by name, in the order of the registers.
    counters : Counters or NetworkCounters

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    check_outputs(out, json_file)
    text = json.dumps(counters.as_dict(), indent=2) + "\n"
    writers: list[tuple[Path, Callable[[BinaryIO], object]]] = []
    if json_file is not None:
        writers.append((json_file, lambda stream: stream.write(text.encode())))
    # Not compressed: that takes longer than the golden model.
    writers.append((out, lambda stream: np.savez(stream, allow_pickle=False, **arrays)))
    with ExitStack() as stack:
        parts = [(_write_beside(path, write, stack), path) for path, write in writers]
        for part, path in parts:
            part.replace(path)


def _write_beside(path: Path, write: Callable[[BinaryIO], object], stack: ExitStack) -> Path:
    """Write a file next to ``path``; ``stack`` removes it unless it was renamed before."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    stack.callback(part.unlink, missing_ok=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            write(stream)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    return part
