"""Our commands that simulate: what an exit status means, whichever of them it is."""

from __future__ import annotations

import sys
from collections.abc import Callable

from sw import cli

from .program import SimulationError
from .toolchain import ToolchainError

__all__ = ["FAILED", "run_simulation"]

FAILED = 1
"""Exit status: the RTL is wrong."""


def run_simulation(command: Callable[[], int], *, prog: str) -> int:
    """As :func:`sw.cli.run`; :data:`FAILED` if the RTL is wrong, bad input if a tool is missing."""

    def checked() -> int:
        try:
            return command()
        except SimulationError as error:
            print(f"{prog}: {error}", file=sys.stderr)
            return FAILED
        except ToolchainError as error:
            raise cli.InputError(str(error)) from error

    return cli.run(checked, prog=prog)
