"""What the switching of cells takes: sums by hand, and an engine's cells once for real."""

import json

import numpy as np
import pytest

from hw.flow.asic import find_liberty
from hw.flow.gates import Gates
from hw.flow.liberty import read_energies
from sim import activity
from sim.activity import changes_of, energies
from sim.bulk import SimulationError
from tests.hw.flow.cells import LIBRARY

SAIF = """\
(SAIFILE
(DURATION 100)
 (INSTANCE harness
  (NET
   (clk (T0 1) (T1 2) (TZ 0) (TX 0) (TB 0) (TC 99))
  )
  (INSTANCE dut
   (NET
    (clk (T0 1) (T1 2) (TZ 0) (TX 0) (TB 0) (TC 10))
    (n7 (T0 1) (T1 2) (TZ 0) (TX 0) (TB 0) (TC 4))
    (o\\[1\\] (T0 1) (T1 2) (TZ 0) (TX 0) (TB 0) (TC 3))
   )
  )
  (INSTANCE other
   (NET
    (n7 (T0 1) (T1 2) (TZ 0) (TX 0) (TB 0) (TC 77))
   )
  )
 )
)
"""


def test_changes_are_those_of_the_design():
    assert changes_of(SAIF) == {"clk": 10, "n7": 4, "o[1]": 3}
    with pytest.raises(SimulationError, match="no activity"):
        changes_of(SAIF.replace("INSTANCE dut", "INSTANCE design"))


def test_a_change_charges_what_is_on_the_net_and_takes_what_its_pins_take():
    nets = {
        "clk": [("DFFPOSX1", "CLK")],
        "n7": [("NAND2X1", "Y"), ("DFFPOSX1", "D"), ("$mem_v2", "RD_ADDR")],
        "o[1]": [("DFFPOSX1", "Q"), ("INVX1", "A")],
        "o[2]": [("INVX1", "Y")],
    }
    found = energies(
        Gates(verilog="", nets=nets), read_energies(LIBRARY, "three.lib"), changes_of(SAIF)
    )
    # C V^2 / 2 with 2 V is 2 C.
    clock = 10 * (2 * 0.75 + 1)
    registers = 4 * 2 * 0.25 + 3 * 6
    logic = 4 * 3.5 + 3 * 2 * 0.25
    assert found == {
        "clock": clock,
        "registers": registers,
        "logic": logic,
        "total": clock + registers + logic,
    }


def test_what_cannot_be_used_is_said(tmp_path, capsys):
    images = tmp_path / "images.npy"
    np.save(images, np.zeros((1, 2, 6, 7), dtype=np.uint8))
    library = tmp_path / "none.lib"
    library.write_text("library(none) { cell (NAND2X1) { area : 4; } }")
    words = ["--config", "tiny", "--images", str(images), "--liberty", str(library)]
    assert activity.main(words) == 2
    assert "expected units" in capsys.readouterr().err


@pytest.mark.slow
def test_cells_of_an_engine_compute_what_it_does(tmp_path, rng, capsys):
    library = find_liberty() or pytest.skip("needs Debian's qflow-tech-osu018")
    images = tmp_path / "images.npy"
    np.save(images, rng.integers(0, 256, (2, 2, 6, 7)).astype(np.uint8))
    found = tmp_path / "found.json"
    words = ["--config", "tiny", "--set", "strategy=direct", "--set", "fold.taps=9"]
    words += ["--images", str(images), "--liberty", str(library), "--json", str(found)]
    assert activity.main(words) == 0
    written = json.loads(found.read_text())
    assert written["outputs_compared"] == 2 * 6 * 4 * 5
    assert 0 < written["activity"] < 1
    assert min(written["energy_nj"].values()) > 0
    assert "equal to the golden model's" in capsys.readouterr().out
