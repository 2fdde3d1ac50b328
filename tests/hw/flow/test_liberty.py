"""What a library says of energy."""

import pytest

from hw.flow import FlowError
from hw.flow.liberty import PinEnergy, read_energies
from tests.hw.flow.cells import LIBRARY


def test_energies_are_means_at_the_steepest_slope():
    found = read_energies(LIBRARY, "three.lib")
    assert found.volts == 2
    assert found.cells["NAND2X1"] == {
        "A": PinEnergy(capacitance=0.5, internal=0),
        "B": PinEnergy(capacitance=0.5, internal=0),
        "Y": PinEnergy(capacitance=0, internal=3.5),
    }
    assert found.cells["DFFPOSX1"]["CLK"] == PinEnergy(capacitance=0.75, internal=1)
    assert found.cells["INVX1"]["Y"].internal == 1.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("library(", "three.lib: no Liberty file: "),
        (
            LIBRARY.replace("1ns", "1ps"),
            "three.lib: expected units of 1 V, 1 ns and 1 pF, got 1v, 1ps",
        ),
        (LIBRARY.replace("internal_power", "leakage_power"), "three.lib: has no internal_power"),
    ],
)
def test_what_cannot_be_used_is_said(text, said):
    with pytest.raises(FlowError) as error:
        read_energies(text, "three.lib")
    assert str(error.value).startswith(said)
