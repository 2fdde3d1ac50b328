"""The images of a simulation, with the labels that the RTL gave, on the page of a build."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sw.cli import InputError, write_files
from sw.images import labels_of
from sw.network.config import NetworkConfig
from sw.network.page import Sample, network_page

__all__ = ["read_report", "write_page"]

_SHOWN = 48
"""Images on a page: enough to see what it is, few enough for a small file."""


def read_report(folder: Path, config: NetworkConfig) -> Mapping[str, Any]:
    """The report of a build of this network; call it before long work.

    Raises
    ------
    InputError
        If there is none in the folder, or it is of another network, or that gives no labels.
    """
    path = folder / "report.json"
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        digest = report["network"]["sha256"]
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such report (python -m hw.build writes it)") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the report of a network") from error
    if digest != config.network.digest:
        raise InputError(f"{path}: is of another network than {config.name} (build it anew)")
    if not config.network.classifies:
        raise InputError(f"--report: {config.name} gives no labels to show")
    return report


def write_page(
    folder: Path,
    report: Mapping[str, Any],
    images: npt.NDArray[np.integer],
    labels: npt.NDArray[np.generic],
    name: str,
) -> None:
    """Write ``report.html`` anew, with the first images and their labels.

    Parameters
    ----------
    images : array of int, shape (N, C, H, W)
    labels : array of int, shape (N,)
        What the RTL said.
    name : str
        What ``--images`` was: of those with a name it is known what they are.
    """
    truth = labels_of(name)
    shown = [
        Sample(image=image, label=int(label), truth=None if truth is None else int(truth[n]))
        for n, (image, label) in enumerate(zip(images[:_SHOWN], labels[:_SHOWN], strict=True))
    ]
    write_files(folder, {"report.html": network_page(report, shown)})
