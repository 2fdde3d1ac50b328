"""What every command shares: one clear line for bad input, files written whole or not at all.

A command is a function that returns its exit status; :func:`run` turns bad input into status 2,
Ctrl-C into 130 and a SIGTERM into 143, without a traceback: what a command would tidy up is tidied
up. A traceback that still appears is a bug of ours.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .config_error import ConfigError
from .spec import SpecError
from .templates import BankError

__all__ = [
    "BAD_INPUT",
    "INTERRUPTED",
    "TERMINATED",
    "InputError",
    "check_folder",
    "run",
    "write_files",
    "write_json",
]

BAD_INPUT = 2
"""Exit status for input that cannot be used, the same as argparse's."""
INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT, as shells have it."""
TERMINATED = 143
"""Exit status after SIGTERM."""
_CLOSED_PIPE = 141


class _TerminatedError(BaseException):
    """SIGTERM came: as with Ctrl-C, nothing but :func:`run` should stop it."""


class InputError(ValueError):
    """Input that a command cannot use; the message names the file, the field and what fits."""


def run(main: Callable[[], int], *, prog: str) -> int:
    """Call ``main`` and return its exit status; report what the user can put right on stderr.

    Parameters
    ----------
    main : function
        The command. It raises ConfigError, SpecError, BankError, InputError, or an OSError that
        names a file, for input that cannot be used. SystemExit (argparse's) passes through.
    prog : str
        What starts the line on stderr, for instance ``python -m hw.build``.
    """
    try:
        with _raising_on_sigterm():
            status = main()
        sys.stdout.flush()
    except (ConfigError, SpecError, BankError, InputError) as error:
        return _refuse(prog, str(error))
    except BrokenPipeError:  # the reader of a pipe left, as `head` does: nothing to report
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return _CLOSED_PIPE
    except OSError as error:
        if error.filename is None:
            raise
        return _refuse(prog, f"{os.fsdecode(error.filename)}: {error.strerror}")
    except KeyboardInterrupt:
        print(f"{prog}: interrupted, nothing written", file=sys.stderr)
        return INTERRUPTED
    except _TerminatedError:
        print(f"{prog}: terminated, nothing written", file=sys.stderr)
        return TERMINATED
    return status


@contextmanager
def _raising_on_sigterm() -> Iterator[None]:
    """Let a SIGTERM end the main thread by an exception, so that it ends its children."""
    if threading.current_thread() is not threading.main_thread():
        yield  # no other may say what a signal does
        return

    def terminate(number: int, frame: object) -> None:
        del number, frame
        raise _TerminatedError

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _refuse(prog: str, message: str) -> int:
    print(f"{prog}: error: {message}", file=sys.stderr)
    return BAD_INPUT


def check_folder(folder: Path) -> None:
    """Refuse a folder that :func:`write_files` could not write to; call it before long work.

    Raises
    ------
    InputError
        If the folder, or the nearest above it that exists, is no folder or not writable.
    """
    existing = folder.absolute()
    while not os.path.lexists(existing):
        existing = existing.parent
    if not existing.is_dir():
        raise InputError(f"{folder}: cannot write there: {existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: cannot write there: {existing} is not writable")


def write_files(folder: Path, contents: Mapping[str, str | bytes]) -> None:
    """Write files into ``folder``, made if missing, so that none is ever seen half-written.

    All are written beside their places first and then renamed, in the order given: put the file
    that others wait for last. On an error or Ctrl-C before that nothing has changed.

    Parameters
    ----------
    folder : Path
    contents : mapping of file name to text (written as UTF-8) or bytes

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    check_folder(folder)
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
        try:
            for name, content in contents.items():
                encoded = content.encode() if isinstance(content, str) else content
                (partial / name).write_bytes(encoded)
            for name in contents:
                (partial / name).replace(folder / name)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except BaseException as error:
        if made and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        if isinstance(error, OSError):
            raise InputError(f"{folder}: cannot write there: {error.strerror}") from error
        raise


def write_json(path: Path, content: object) -> None:
    """Write ``content`` as JSON, whole or not at all; as :func:`write_files`."""
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_files(path.parent, {path.name: text})
