"""Strategies: every way not to multiply twice, one file each, behind one contract.

:class:`~hw.strategies.contract.Strategy` is the contract, :mod:`hw.strategies.registry` has them by
the names of the configuration. Nothing is imported here, since blocks need the contract alone.
"""
