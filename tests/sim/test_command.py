"""What our commands that simulate end with."""

import pytest

from sim.command import run_simulation
from sim.program import SimulationError
from sim.toolchain import ToolchainError


@pytest.mark.parametrize(
    ("error", "status"), [(SimulationError("it hangs"), 1), (ToolchainError("no g++"), 2)]
)
def test_what_went_wrong_is_said_and_is_the_status(error, status, capsys):
    def command():
        raise error

    assert run_simulation(command, prog="python -m sim.this") == status
    said = capsys.readouterr().err
    assert said.startswith("python -m sim.this: ")
    assert str(error) in said
    assert run_simulation(lambda: 0, prog="x") == 0
