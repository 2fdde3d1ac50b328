"""Scripts that run the other generators, each in a process of its own.

They import nothing of ours: ``python SCRIPT SPEC.json FOLDER`` writes Verilog and ``design.json``.
"""
