"""hw.flow.names: a netlist's names are the user's again."""

import pytest

from hw.flow.names import block_of, readable


@pytest.mark.parametrize(
    ("name", "signal"),
    [
        ("dut.bank.sum_12[3]", "bank.sum_12"),
        ("dut.bank.sum_12_LUT4_Z_1_B_CCU2C_COUT$CCU2_COMB1", "bank.sum_12"),
        ("dut.o__payload_TRELLIS_FF_Q_29_DI_CCU2C_S0$CCU2_FCI_INT", "o__payload"),
        ("dut.bank.delay_4.ring_24.0.3$DPRAM_COMB1", "bank.delay_4.ring_24"),
        ("dut.bank.delay_4.ring_24.0.5_WRE", "bank.delay_4.ring_24"),
        ("dut.bank.delay_4.$signature__addr[2]", "bank.delay_4"),
        ("dut.table.live_LUT4_Z_2", "table.live"),
        ("$PACKER_VCC_NET", "VCC_NET"),
        ("fold_1_LUT4_Z", "fold_1"),
    ],
)
def test_names_are_the_users(name, signal):
    assert readable(name) == signal


def test_the_block_of_a_signal():
    assert block_of("datapath.bank.sum_12") == "datapath.bank"
    assert block_of("valid") == ""
