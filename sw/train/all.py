"""``python -m sw.train.all``: every run that the tables and figures stand on, one after another.

A run that is stored in ``reports/training`` with the same options is skipped; one that was
interrupted goes on. So the command may be stopped and started at any time.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from fnmatch import fnmatch
from itertools import product
from pathlib import Path

from rich.console import Console

from sw import cli
from sw.cli import InputError

from .options import Options, recipe_of
from .record import KERNELS, METRICS, RUN
from .store import MODEL

__all__ = ["MODELS", "REPORTS", "is_stored", "main", "publish", "queue"]

WORK = Path("build/train")
REPORTS = Path("reports/training")
MODELS = Path("sw/models")
"""Trained networks of seed 0, under a megabyte each."""

SEEDS = (0, 1, 2)


def queue() -> list[Options]:
    """All runs, the most important ones first."""
    runs = [Options.of("cifar10", templates=bank) for bank in ("none", "hlac25")]
    for seed in SEEDS:
        runs += [Options.of("mnist", templates=b, seed=seed) for b in ("none", "hlac25")]
    for seed in SEEDS[1:]:
        runs += [Options.of("cifar10", templates=b, seed=seed) for b in ("none", "hlac25")]
    for data in ("mnist", "cifar10"):
        runs += [Options.of(data, system=system) for system in ("lbcnn", "binary", "pow2")]
        runs.append(Options.of(data, system="clustered", base=_model(Options.of(data))))
        runs.append(Options.of(data, templates="lbp"))
    runs += [Options.of(data, templates="ternary", fixed=25) for data in ("cifar10", "mnist")]
    runs.append(Options.of("cifar10", templates="hlac25-rgb"))
    runs.append(Options.of("cifar10", templates="greedy-rgb", fixed=25))
    for seed in SEEDS[1:]:
        runs.append(Options.of("cifar10", templates="ternary", fixed=25, seed=seed))
        runs.append(Options.of("mnist", templates="ternary", fixed=25, seed=seed))
    runs += [Options.of(data, templates="ternary") for data in ("mnist", "cifar10")]  # 32 of 32
    for bank in ("ternary-rgb", "clustered-rgb", "clustered"):
        runs.append(Options.of("cifar10", templates=bank, fixed=25))
    runs.append(Options.of("mnist", templates="clustered", fixed=25))
    runs.append(Options.of("cifar10", templates="hlac25", fixed=16))
    small = Options.of("mnist", templates="hlac25", fixed=16, stages="16p,16p")
    runs.append(small)
    for data, bank in product(("mnist", "cifar10"), ("none", "hlac25")):
        runs += _quantised(Options.of(data, templates=bank), "fixed8", "int8")
    return [*runs, *_quantised(small, "int8")]


def _model(options: Options) -> str:
    return str(MODELS / f"{options.name}.npz")


def _quantised(base: Options, *formats: str) -> list[Options]:
    """A trained run in other formats; those for chips are trained on for longer."""
    same = {name: getattr(base, name) for name in ("templates", "fixed", "stages", "seed")}
    runs = [Options.of(base.data, **same, format=name, base=_model(base)) for name in formats]
    return [replace(run, epochs=3) if run.title != run.name else run for run in runs]


def is_stored(options: Options, reports: Path = REPORTS) -> bool:
    """Whether ``reports`` holds this run, made with the same options, on whatever machine."""
    path = reports / options.name / RUN
    if not path.is_file():
        return False
    stored = Options(**json.loads(path.read_text(encoding="utf-8"))["options"])
    return replace(stored, threads=options.threads, device=options.device) == options


def publish(
    folder: Path, options: Options, *, reports: Path = REPORTS, models: Path = MODELS
) -> None:
    """Copy what is small of a finished run to the repository; the record last."""
    place = reports / options.name
    place.mkdir(parents=True, exist_ok=True)
    if options.seed == 0:
        models.mkdir(parents=True, exist_ok=True)
        for source, name in _models_of(options).items():
            shutil.copyfile(folder / source, models / name)
    for name in (METRICS, KERNELS, RUN):
        shutil.copyfile(folder / name, place / name)


def _models_of(options: Options) -> dict[str, str]:
    """Files of a run that are kept as its model, by their names there."""
    if options.format == "float":
        return {MODEL: f"{options.name}.npz"}
    endings = (".onnx", "-layer1.npz", "-layer1.toml")
    return {f"{options.title}{ending}": f"{options.title}{ending}" for ending in endings}


def _arguments(options: Options) -> list[str]:
    """The command line of a run of the queue: what differs from the data set's recipe."""
    usual = Options.of(options.data).as_dict() | asdict(recipe_of(options.data, options.format))
    words = [options.data]
    for name, value in options.as_dict().items():
        if value != usual[name]:
            words += [f"--{name}", str(value)]
    return words


def _run(options: Options) -> None:
    folder = WORK / options.name
    if (folder / RUN).exists() and not is_stored(options, WORK):
        shutil.rmtree(folder)  # finished with other options, and not wanted any more
    if not is_stored(options, WORK):
        command = [sys.executable, "-m", "sw.train", *_arguments(options), "--out", str(folder)]
        status = subprocess.run(command, check=False).returncode
        if status:
            raise InputError(f"{options.name}: its run ended with status {status}, see above")
    publish(folder, options)


@contextmanager
def _alone() -> Iterator[None]:
    WORK.mkdir(parents=True, exist_ok=True)
    with (WORK / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{WORK}: another queue is running there; wait for it") from error
        yield


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sw.train.all",
        description="Do the training runs that are not stored in reports/training yet, one after "
        "another. May be stopped and started again at any time.",
    )
    parser.add_argument("--list", action="store_true", help="say what is done and what is not")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="runs of these names")
    parser.add_argument("--limit", type=int, metavar="N", help="end after N runs")
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    wanted = [options for options in queue() if fnmatch(options.name, arguments.only)]
    if not wanted:
        raise InputError(f"only: no run is called {arguments.only!r}; see --list")
    if arguments.list:
        for options in wanted:
            print(f"{'done' if is_stored(options) else 'open'}  {options.name}")
        return 0
    console = Console(stderr=True)
    with _alone():
        for options in [o for o in wanted if not is_stored(o)][: arguments.limit]:
            console.print(f"[bold]{options.name}", highlight=False)
            _run(options)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _command(argv), prog="python -m sw.train.all")


if __name__ == "__main__":
    raise SystemExit(main())
