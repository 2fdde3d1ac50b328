"""cocotb test modules; they run in the simulator, see :mod:`sim.protocol`."""
