"""Links lead somewhere, decisions have their form, and nothing of a machine is in the documents."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "sw").rglob("*.md")]
)
DECISIONS = sorted((ROOT / "docs/adr").glob("*.md"))
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(path):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    path = ROOT / page
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        if link.startswith(("https://", "http://")):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(file), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES)
def test_nothing_of_a_machine(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert not re.search(r"/(work|home|root|tmp)/", text)
    assert "\t" not in text or page == "CHANGELOG.md"
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_form(path):
    text = path.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequence"]
    assert text.startswith(f"# {path.stem[:4]}: ")
    assert len(text.splitlines()) < 40


def test_decisions_are_numbered_and_listed():
    assert [path.stem[:4] for path in DECISIONS] == [
        f"{n:04}" for n in range(1, len(DECISIONS) + 1)
    ]
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    assert re.findall(r"\(adr/([^)]+)\)", index) == [path.name for path in DECISIONS]


def test_the_map_of_the_tree_is_true():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = re.search(r"^## The tree\n\n```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert tree
    folder = ROOT
    for line in tree[1].splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            folder = ROOT / name
        places = (
            [folder] if folder.name == name.rstrip("/") else list(folder.glob(name.rstrip("/")))
        )
        assert places, line
        assert all(place.exists() for place in places), line
