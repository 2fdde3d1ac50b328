"""README's and getting started's commands do what they say."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FENCE = re.compile(
    r"^(?:<!-- (?P<mark>[\w ]+) -->\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
COMMAND = re.compile(r"^(?P<command>[^#\n]+?)\s*(?:#.*)?$", re.MULTILINE)
ACTIVATE = "source .venv/bin/activate"
NEEDS_COMPILER = pytest.mark.skipif(
    shutil.which("g++") is None, reason="simulating needs g++, which `make test` asks for"
)


def blocks(document, *, mark=None):
    """(language, code) of the fenced blocks with that mark on the line before."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return [(m["language"], m["code"]) for m in FENCE.finditer(text) if m["mark"] == mark]


def execute(language, code):
    """Run a block in the repository's root, as a reader does, with this Python first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = {"sh": ["bash", "-euo", "pipefail", "-c", code], "python": ["python", "-c", code]}
    done = subprocess.run(
        command[language],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
    return done.stdout


@NEEDS_COMPILER
def test_readme_start():
    commands = blocks("README.md")
    assert [language for language, _ in commands] == ["sh"]
    output = execute(*commands[0])
    assert "\n0 of 2400 differ\n" in output
    rtl, model = (ROOT / "build/tiny" / f"{name}.json" for name in ("rtl", "model"))
    differing = [
        (line, other)
        for line, other in zip(
            rtl.read_text().splitlines(), model.read_text().splitlines(), strict=True
        )
        if line != other
    ]
    assert [other.strip() for _, other in differing] == ['"cycles": null,']


@NEEDS_COMPILER
def test_getting_started():
    output = ""
    for language, code in blocks("docs/user/getting-started.md"):
        output += execute(language, code)
    assert re.search(r"^\d+ of 3240 lookups found their products$", output, re.MULTILINE)


def test_long_commands_are_the_makefiles():
    """Not run here: CI runs them, or is them."""
    described = dict(
        re.findall(
            r"^([a-z-]+):.*?## (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    found = []
    for language, code in blocks("README.md", mark="long"):
        assert language == "sh"
        found += [m["command"] for m in COMMAND.finditer(code)]
    targets = [command.removeprefix("make ") for command in found if command != ACTIVATE]
    assert targets
    assert set(targets) <= described.keys()
    ci = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "make test" in ci.splitlines()
    assert "test" in targets


def test_only_known_marks_are_used():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {m["mark"] for m in FENCE.finditer(text)} <= {None, "long"}


def test_contributing_names_real_targets():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake ([a-z-]+)\b(?= |`|$)", text, re.MULTILINE))
    known = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert targets <= known
