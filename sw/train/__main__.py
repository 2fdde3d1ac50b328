"""``python -m sw.train``: one training run, from its options to a folder of results."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from sw import cli
from sw.cli import InputError

from .build import build
from .data import load_pair
from .loop import Trainer, prepare_torch
from .networks import first_convolution
from .options import FORMATS, RECIPES, SYSTEMS, Options
from .record import RUN, finish, resume, save_epoch
from .templating import kernels_of

__all__ = ["main"]

_EPILOG = """\
The folder gets checkpoint.pt and metrics.jsonl after each epoch, then model.npz, kernels.npz and
run.json; with --format also NAME.onnx, NAME-layer1.npz and NAME-layer1.toml. A run that was
interrupted or killed goes on where it was when started again by the same command, and ends with
the same bits. Exit status: 0 done, 2 input that cannot be used, 130 interrupted.

examples:
  python -m sw.train mnist --out build/train/first
  python -m sw.train cifar10 --templates hlac25 --seed 1 --out build/train/templated
  python -m sw.train mnist --format int8 --base build/train/first --out build/train/integers
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sw.train",
        description="Train a small CNN, with or without template kernels in its first layer.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("data", choices=sorted(RECIPES), help="the data set")
    add("--out", type=Path, help="folder of the run (default: build/train/NAME)")
    add("--system", choices=SYSTEMS, help="how weights are made (default: plain)")
    add("--templates", metavar="none|NAME|FILE", help="the bank to fix (default: none)")
    add("--fixed", type=int, metavar="N", help="fix the bank's first N kernels (default: all)")
    add("--seed", type=int, metavar="N", help="of weights, order and augmentation (default: 0)")
    add("--epochs", type=int, metavar="N", help="default: the data set's recipe")
    add("--batch", type=int, metavar="N", help="images of a step (default: 128)")
    add("--rate", type=float, help="largest learning rate (default: the recipe's)")
    add("--decay", type=float, help="weight decay (default: the recipe's)")
    add("--threads", type=int, metavar="N", help="of PyTorch (default: 1)")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: a GPU if any")
    add("--clusters", type=int, metavar="N", help="representatives (default: 16)")
    add("--format", choices=FORMATS, help="train a finished run on in it (default: float)")
    add("--base", help="the run to begin with, its folder or model: for clustered and --format")
    add("--stages", help="kernels a stage, p: a maximum follows: 16p,16p (default: the usual)")
    add("--samples", action="store_true", help="the repository's 1,000 images alone: a try-out")
    add("--folder", default="data", help="where python -m sw.data stored the data (default: data)")
    return parser


def _options(arguments: argparse.Namespace) -> Options:
    given: dict[str, Any] = dict(vars(arguments))
    for name in ("out", "folder"):
        del given[name]
    if given["device"] == "auto":
        given["device"] = "cuda" if torch.cuda.is_available() else "cpu"
    elif given["device"] == "cuda" and not torch.cuda.is_available():
        raise InputError("device: there is no cuda here; use cpu or auto")
    return Options.of(given.pop("data"), **given)


def _command(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    options = _options(arguments)
    folder: Path = arguments.out or Path("build/train") / options.name
    cli.check_folder(folder)
    if (folder / RUN).exists():
        raise InputError(f"{folder / RUN}: this run is finished; name another --out, or remove it")
    prepare_torch(options)
    network = build(options)
    initial = kernels_of(first_convolution(network))
    trainer = Trainer(network, options, *load_pair(options, arguments.folder))
    resume(folder, trainer)
    _train(trainer, folder)
    words = sys.argv[1:] if argv is None else argv
    finish(folder, trainer, initial, shlex.join(["python", "-m", "sw.train", *words]))
    print(folder / RUN)
    return 0


def _train(trainer: Trainer, folder: Path) -> None:
    """All epochs that are left: bars on a terminal, a line an epoch in any case."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    live = console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not live) as progress:
        epochs = progress.add_task(trainer.options.name, total=trainer.options.epochs)
        progress.update(epochs, completed=len(trainer.metrics))
        steps = progress.add_task("batches", total=trainer.steps)
        while not trainer.finished:
            progress.reset(steps)
            line = trainer.epoch(on_step=lambda: progress.advance(steps))
            save_epoch(folder, trainer)
            progress.advance(epochs)
            console.print(
                f"{trainer.options.name}: epoch {line['epoch']}/{trainer.options.epochs}, loss "
                f"{line['loss']:.4f}, top-1 {line['top1']:.2f} %, top-5 {line['top5']:.2f} %",
                highlight=False,
                soft_wrap=True,
            )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _command(argv), prog="python -m sw.train")


if __name__ == "__main__":
    raise SystemExit(main())
