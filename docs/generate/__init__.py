"""Figures, tables and the register reference: everything in the documents that is a result."""
