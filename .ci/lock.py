#!/usr/bin/env python3
"""Write the locks: what pip resolves pyproject.toml to, today.

Usage: lock.py [pip options, such as -c constraints.txt]; as `make lock` does. Nothing is installed.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
GPU_PACKAGES = ("cuda-", "nvidia-", "triton")
HEADER = "# Written by `make lock` from pyproject.toml ({extras}); do not edit.\n"


def resolve(requirement: str, options: list[str]) -> list[str]:
    """Return the closure of ``requirement`` as ``name==version`` lines, without the project.

    What is one build's alone is left out, PyTorch's for a GPU or for none: a machine takes the
    build of that version that its index offers, and what that build asks for.
    """
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
    command += ["--quiet", "--report", "-", *options, requirement]
    report = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    found = [item["metadata"] for item in json.loads(report)["install"]]
    pins = [
        f"{item['name']}=={item['version'].partition('+')[0]}"
        for item in found
        if item["name"] != "katazome" and not item["name"].startswith(GPU_PACKAGES)
    ]
    return sorted(pins, key=str.lower)


def main() -> None:
    """Write the locks; the others agree with that of `dev`, whose tools ask for more."""
    if sys.version_info[:2] != OLDEST:
        sys.exit(f"lock with the oldest Python we support: make lock PYTHON=python{OLDEST[0]}.11")
    core, dev = (ROOT / f"requirements{part}.lock" for part in ("", "-dev"))
    pins = resolve(".[dev]", sys.argv[1:])
    dev.write_text(HEADER.format(extras="extra `dev`") + "\n".join(pins) + "\n")
    pins = resolve(".", [*sys.argv[1:], "-c", str(dev)])
    core.write_text(HEADER.format(extras="no extras") + "\n".join(pins) + "\n")
    for extra in ("synth", "constant", "bench", "explore", "train"):
        pins = resolve(f".[{extra}]", [*sys.argv[1:], "-c", str(dev)])
        lock = ROOT / f"requirements-{extra}.lock"
        lock.write_text(HEADER.format(extras=f"extra `{extra}`") + "\n".join(pins) + "\n")


if __name__ == "__main__":
    main()
