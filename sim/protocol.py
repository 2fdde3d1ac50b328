"""Build the emitted Verilog for cocotb, once, and run benches on it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from cocotb_tools.runner import get_runner

from hw.targets import verilog
from sw.config import EngineConfig
from sw.configfile import load_config
from sw.work_folder import work_folder

from .toolchain import DEFAULT_BUILD_DIR, prepare

__all__ = ["bench_config", "bench_seed", "run_bench"]

_TOP = "katazome"
_CONFIG = "KATAZOME_BENCH"
_SEED = "KATAZOME_SEED"
_BUILD_ARGS = ["-Wno-fatal", "-Wno-lint", "--x-assign", "fast", "--x-initial", "fast"]
_TIMESCALE = ("1ns", "1ps")


def bench_config() -> EngineConfig:
    """The configuration that :func:`run_bench` runs: called by a bench, in the simulator."""
    arguments = json.loads(os.environ[_CONFIG])
    model = arguments["model"]
    return load_config(
        arguments["config"],
        model=Path(model) if model else None,
        assignments=arguments["assignments"],
    )


def bench_seed() -> int:
    """The seed of a bench's random numbers: KATAZOME_SEED, 0 unless it is set."""
    return int(os.environ.get(_SEED, "0"))


def run_bench(
    modules: Sequence[str],
    config: str,
    *,
    model: Path | None = None,
    assignments: Sequence[str] = (),
    build_dir: Path = DEFAULT_BUILD_DIR,
    waves: bool = False,
) -> dict[str, str | None]:
    """Run modules' cocotb tests on an engine, in one simulation.

    Parameters
    ----------
    modules : sequence of str
        Such as ``["sim.benches.frames"]``; no two tests have the same name.
    config, model, assignments
        As :func:`sw.configfile.load_config` takes them.
    build_dir : Path
    waves : bool
        Leave ``dump.vcd`` in the folder of the build.

    Returns
    -------
    dict of test name to None, or to how it failed
        Empty if the simulator ended before any test did; then its log is on stdout.
    """
    toolchain = prepare(build_dir)
    os.environ.update(toolchain.environment())
    text = verilog.emit(load_config(config, model=model, assignments=assignments))
    key = hashlib.sha256(f"{toolchain.root}\0{_BUILD_ARGS}\0{waves}\0{text}".encode()).hexdigest()
    folder = build_dir.absolute() / "cocotb" / key[:20]
    _build(text, folder, waves=waves)
    runner = get_runner("verilator")
    arguments = {
        "config": config,
        "model": str(model.absolute()) if model else None,
        "assignments": list(assignments),
    }
    with work_folder(folder, "bench") as work:
        results, log = work / "results.xml", work / "log"
        try:
            runner.test(
                test_module=modules,
                hdl_toplevel=_TOP,
                hdl_toplevel_lang="verilog",
                build_dir=folder,
                test_dir=str(work),
                results_xml=str(results),
                seed=bench_seed(),
                extra_env={_CONFIG: json.dumps(arguments), "COCOTB_LOG_LEVEL": "WARNING"},
                log_file=log,
                waves=waves,
            )
        except SystemExit:  # what it raises where a test fails: the results say more
            print(log.read_text(errors="replace"))
        if waves:
            shutil.copy(work / "dump.vcd", folder)
        return _outcomes(results)


def _build(text: str, folder: Path, *, waves: bool) -> None:
    """Compile ``text`` in ``folder``, unless that was done before."""
    folder.mkdir(parents=True, exist_ok=True)
    done, source = folder / "done", folder / f"{_TOP}.v"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists():
            return
        source.write_text(text)
        get_runner("verilator").build(
            sources=[source],
            hdl_toplevel=_TOP,
            build_dir=folder,
            build_args=_BUILD_ARGS,
            timescale=_TIMESCALE,
            waves=waves,
            log_file=folder / "build.log",
        )
        done.touch()


def _outcomes(results: Path) -> dict[str, str | None]:
    if not results.is_file():
        return {}
    outcomes: dict[str, str | None] = {}
    for case in ET.parse(results).getroot().iter("testcase"):  # noqa: S314
        failed = [item for item in case if item.tag in ("failure", "error")]
        text = "\n".join(f"{item.get('error_msg') or item.get('message')}" for item in failed)
        outcomes[case.get("name", "?")] = text if failed else None
    return outcomes
