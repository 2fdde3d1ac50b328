"""One seed for a test run: printed, and set again by ``KATAZOME_SEED``.

It seeds Hypothesis, cocotb and the ``rng`` fixture, so one number repeats a failure anywhere.
"""

import importlib.util
import os
import random
import signal
import zlib

import numpy as np
import pytest
from hypothesis import settings

_VARIABLE = "KATAZOME_SEED"

# The examples in docstrings of what needs PyTorch: where it is installed.
if importlib.util.find_spec("torch") is None:
    collect_ignore = ["sw/train"]

# Building or simulating hardware takes as long as it takes: only the whole test has a time limit.
settings.register_profile("katazome", deadline=None, print_blob=True)
settings.load_profile("katazome")


@pytest.hookimpl(tryfirst=True)  # before Hypothesis reads its option
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed, in the environment so that xdist's workers and simulators have it too."""
    seed = os.environ.setdefault(_VARIABLE, str(random.SystemRandom().randrange(2**31)))
    if not seed.isdecimal():
        raise pytest.UsageError(f"{_VARIABLE} must be a number of decimal digits, not {seed!r}")
    os.environ.setdefault("COCOTB_RANDOM_SEED", seed)
    if config.getoption("--hypothesis-seed") is None:
        config.option.hypothesis_seed = seed
    # A shell's background job ignores Ctrl-C, and so would all that tests start and interrupt.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    """Show how to repeat this run."""
    return f"seed: {_VARIABLE}={os.environ[_VARIABLE]}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: pytest.ExitCode
) -> None:
    """Show it again beside the failures: -q hides the header."""
    if exitstatus == pytest.ExitCode.TESTS_FAILED:
        terminalreporter.write_line(f"Repeat with {_VARIABLE}={os.environ[_VARIABLE]}")


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Return a generator that depends on the run's seed and the test's name, not on its turn."""
    name = zlib.crc32(request.node.nodeid.encode())
    return np.random.default_rng([int(os.environ[_VARIABLE]), name])
