"""``python -m bench``: what it measures, and what it takes from the report on record."""

import json

import pytest

from bench import __main__ as command
from bench.measure import blank_result
from bench.rows import ROWS

VERIFIED = {"compared": 1, "different": 0, "cycles_per_image": 1, "latency": 1}
GROWTH = {"text": "As on record.", "sweeps": {}}


def row_of(row, measured):
    return blank_result(row) | {"verified": VERIFIED, "measured": measured}


def one_after_the_other(work, items, *, jobs):
    del jobs
    return enumerate(map(work, items))


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The command without its work; returns (exit status, what was published)."""
    published = {}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "measure", lambda row, **_: row_of(row, "2026-02-02"))
    monkeypatch.setattr(command, "measure_growth", lambda _, **__: GROWTH)
    monkeypatch.setattr(command, "in_parallel", one_after_the_other)
    monkeypatch.setattr(command, "peer_version", lambda _: "1")
    monkeypatch.setattr(command, "documents", lambda _: {})
    for tool in ("YOSYS", "NEXTPNR_ECP5"):
        fake = type("Tool", (), {"version": staticmethod(lambda: "1")})
        monkeypatch.setattr(command, tool, fake)
    monkeypatch.setattr(command, "publish", lambda report, *_: published.update(report))

    def run(*arguments, record=ROWS):
        recorded = {"rows": [row_of(row, "2026-01-01") for row in record], "growth": GROWTH}
        monkeypatch.setattr(command, "load_report", lambda: recorded)
        return command.main(arguments), published

    return run


def test_some_rows_are_not_published(run, tmp_path):
    assert run("--rows", ROWS[1].key) == (0, {})
    report = json.loads((tmp_path / "build/bench.json").read_text())
    assert [row["key"] for row in report["rows"]] == [ROWS[1].key]


def test_all_rows_are_published(run):
    status, published = run()
    assert status == 0
    assert {row["measured"] for row in published["rows"]} == {"2026-02-02"}
    assert published["growth"] == GROWTH


def test_others_stay_as_on_record(run):
    status, published = run("--rows", ROWS[2].key, ROWS[0].key, "--keep", record=ROWS[1:])
    assert status == 0
    assert [row["key"] for row in published["rows"]] == [row.key for row in ROWS]
    new = [row["key"] for row in published["rows"] if row["measured"] == "2026-02-02"]
    assert new == [ROWS[0].key, ROWS[2].key]
    assert published["growth"] == GROWTH


def test_what_is_not_on_record_must_be_measured(run, capsys):
    assert run("--rows", ROWS[0].key, "--keep", record=ROWS[2:]) == (2, {})
    assert f"bench.json lacks {ROWS[1].key}" in capsys.readouterr().err


def test_keep_needs_rows(run, capsys):
    assert run("--keep") == (2, {})
    assert "--keep goes with --rows" in capsys.readouterr().err
