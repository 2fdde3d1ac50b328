"""Simulation: the emitted Verilog in Verilator, on a bulk bench and on a cocotb protocol bench."""
