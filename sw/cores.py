"""How many processes may work at once: what whoever runs many commands tells each of them."""

import os

__all__ = ["CORES", "cores"]

CORES = "KATAZOME_CORES"
"""Environment variable: how many cores a command and what it starts may use."""


def cores() -> int:
    """Cores that may be used: as ``KATAZOME_CORES`` says, or all that this process may run on."""
    told = os.environ.get(CORES, "")
    if told.isascii() and told.isdigit() and int(told):
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
