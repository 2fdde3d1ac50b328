# Arty A7, for Vivado: the pins of hw/board_top.py, whose Verilog --board arty-a7 writes.
set_property -dict { PACKAGE_PIN E3 IOSTANDARD LVCMOS33 } [get_ports clk]
create_clock -name clk -period 10.000 [get_ports clk]

# From and to the FT2232H.
set_property -dict { PACKAGE_PIN A9 IOSTANDARD LVCMOS33 } [get_ports rx]
set_property -dict { PACKAGE_PIN D10 IOSTANDARD LVCMOS33 } [get_ports tx]
set_false_path -from [get_ports rx]
set_false_path -to [get_ports { tx led }]

# LED 4: the clock runs and the reset is over.
set_property -dict { PACKAGE_PIN H5 IOSTANDARD LVCMOS33 } [get_ports led]

set_property CFGBVS VCCO [current_design]
set_property CONFIG_VOLTAGE 3.3 [current_design]
