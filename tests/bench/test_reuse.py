"""The strategies' report: its rows, sentences and pictures, and that what is committed agrees."""

import numpy as np
import pytest

from bench.reuse import __main__ as command
from bench.reuse.documents import REPORT, documents, load_report
from bench.reuse.front import chip_area, front
from bench.reuse.measure import blank_result, key_of_point, measure, model_counters
from bench.reuse.points import ENTRIES, FRAMES, KEYED, SERIES, Point, points
from bench.reuse.report import assemble, check_report, page, summary
from bench.reuse.words import cam_verdict, hit_rates, listed
from sw.config import STRATEGIES
from sw.config_error import ConfigError
from sw.part_configs import FoldConfig

CHANNELS = {"entries": 1, "tables": 1, "folds": 3}


def row(strategy, rate, lut4_eq, *, series="8", entries=None, dsp=0, bram=0, **fields):
    point = Point(
        sweep=fields.pop("sweep", "entries"),
        series=series,
        strategy=strategy,
        channels=1,
        entries=entries,
    )
    lookups = 1000 if entries else 0
    whole = blank_result(point) | {
        "multipliers": 8,
        "lookups": lookups,
        "hits": lookups // 4,
        "hit_rate": 0.25 if entries else None,
        "multiplications_needed": 100_000,
        "multiplications_executed": 12_345,
        "frames": FRAMES,
        "pixels": 1000,
        "cycles": 1000,
        "stall_cycles": 500,
        "pixels_per_cycle": rate,
        "rtl": True,
        "outputs_compared": 9_000,
        "area": {"lut4_eq": lut4_eq, "lut": 1, "carry": 1, "ff": 77, "dsp": dsp, "bram": bram},
        "measured": "2026-01-02",
    }
    return whole | fields


def report(*rows):
    return assemble(rows, tools={"Yosys": "0.70"})


def whole():
    """One row of each point, with made-up figures; some were not built."""
    rows = []
    for n, p in enumerate(points()):
        blank = {k: v for k, v in blank_result(p).items() if k in ("sweep", "fold", "table")}
        made = row(p.strategy, 1 / (n % 9 + 1), 900 + n, series=p.series, entries=p.entries)
        made |= blank | {"key": key_of_point(p), "channels": p.channels}
        rows.append(made | {"reason": "too large"} if n % 7 == 3 else made)
    return report(*rows)


def test_the_sweeps_are_those_that_were_asked_for():
    every = points()
    assert len({key_of_point(p) for p in every}) == len(every)
    for strategy in STRATEGIES:
        for series in SERIES:
            mine = [
                p for p in every if (p.sweep, p.strategy, p.series) == ("entries", strategy, series)
            ]
            entries = {p.entries for p in mine}
            assert entries == (set(ENTRIES) if strategy in KEYED else {None})
        assert any(p.sweep == "folds" and p.strategy == strategy for p in every)
    assert {SERIES[p.series].bits for p in every} == {8, 12, 16}
    assert all(p.channels == CHANNELS[p.sweep] for p in every)


@pytest.mark.parametrize("series", SERIES.values(), ids=lambda s: s.key)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_images_fit_their_engine(series, channels):
    images = series.images(channels)
    assert images.shape == (FRAMES, channels, 32, 32)
    config = Point(
        sweep="entries", series=series.key, strategy="value_cam", channels=channels, entries=8
    ).config()
    assert images.shape[1:] == config.layer.input_shape
    assert config.layer.input_format.range.contains(images)
    assert len(config.learned) == 7
    assert (images == series.images(channels)).all()


def test_green_is_the_middle_of_three():
    for series in SERIES.values():
        if series.sensor is None or not series.noise:
            assert (series.images(3)[:, 1:2] == series.images(1)).all()


def test_the_plain_tables_hit_as_often_as_a_plain_loop_says():
    """First in, first out, by a list."""
    point = Point(sweep="entries", series="8", strategy="value_cam", channels=1, entries=16)
    images = SERIES["8"].images(1)[:2]
    held, hits = [], 0
    for value in images.reshape(-1).tolist():
        hits += value in held
        held = held if value in held else [*held, value][-16:]
    assert model_counters(point.config(), images)["hits"] == hits


def test_what_is_impossible_is_a_row_with_its_reason():
    point = Point(
        sweep="folds",
        series="8",
        strategy="value_cam",
        channels=1,
        entries=8,
        fold=FoldConfig(channels=2),
    )
    with pytest.raises(ConfigError):
        point.config()
    found = measure(point)
    assert "fold.channels must be at most 1" in found["reason"]
    assert found["pixels_per_cycle"] is None
    check_report(report(found))


def test_a_front_has_no_point_that_another_beats():
    rng = np.random.default_rng(1)
    rows = [
        row(f"s{n}", int(rate), int(area), dsp=int(dsp))
        for n, (rate, area, dsp) in enumerate(rng.integers(1, 30, (60, 3)))
    ]
    best = front(rows)
    figures = [(r["pixels_per_cycle"], chip_area(r["area"])) for r in rows]
    for r in rows:
        mine = (r["pixels_per_cycle"], chip_area(r["area"]))
        beaten = any(f[0] >= mine[0] and f[1] <= mine[1] and f != mine for f in figures)
        assert beaten or any(mine == (b["pixels_per_cycle"], chip_area(b["area"])) for b in best)
        assert not (beaten and r in best)


def test_a_front_leaves_out_what_failed():
    good, bad = row("direct", 0.5, 900), row("direct", 1.0, 10, reason="outputs differ")
    assert front([bad, good]) == [good]


def test_the_verdict_on_cams_follows_the_figures():
    cam, direct = row("value_cam", 0.9, 1000, entries=64), row("direct", 1.0, 800)
    assert cam_verdict([cam, direct]) == (
        "no CAM pays: what is as fast as the fastest (`value_cam`, 64 entries: 25.0 % hits, 0.90 "
        "pixels a cycle, 1,000) is 1.2 times smaller (`direct`: 1.00 pixels a cycle, 800)."
    )
    assert cam_verdict([cam, direct | {"area": cam["area"] | {"lut4_eq": 1100}}]) == (
        "a CAM pays (`value_cam`, 64 entries: 25.0 % hits, 0.90 pixels a cycle, 1,000); what is "
        "faster is larger (`direct`: 1.00 pixels a cycle, 1,100)."
    )
    slow = row("direct", 0.1, 300)
    assert cam_verdict([cam, slow]).endswith(
        "; the next smaller without one is slower (`direct`: 0.10 pixels a cycle, 300)."
    )
    dear = row("value_cam", 1.0, 700, entries=64, bram=40)
    assert cam_verdict([dear, direct]).startswith("no CAM pays")
    assert cam_verdict([dear, direct], lambda area: area["lut4_eq"]).startswith("a CAM pays")
    assert cam_verdict([cam]) == cam_verdict([direct]) == ""
    built_in = row("constant", 1.0, 5)
    assert cam_verdict([cam, slow, built_in]) == cam_verdict([cam, slow])


def test_hit_rates_are_those_of_plain_tables():
    rows = [
        row("value_cam", 0.5, 100, entries=8),
        row("value_cam", 0.5, 100, entries=16, table={"look_ahead": 4}),
        row("direct", 0.5, 100),
    ]
    assert hit_rates(rows, "value_cam") == {8: 0.25}


def test_words_in_a_row():
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_a_line_for_people():
    assert summary(row("direct", 0.5, 1234, dsp=3)) == (
        "entries: 8 bits, direct: 0.500 pixels a cycle, 1,234 LUT4-eq, 3 DSP, 0 BRAM"
    )
    assert summary(row("direct", 0.5, 1, reason="why")).endswith(": [why]")


def test_the_page_has_every_row():
    text = page(whole())
    tables = [line for line in text.splitlines() if line.startswith("| `")]
    built = [r for r in whole()["rows"] if r["reason"] is None]
    assert len(tables) == len(built) + len(front(r for r in built if r["sweep"] == "folds"))
    assert "- too large: " in text
    assert "| 25.0 % | 12,345 (12.3 %) |" in text
    for series in SERIES.values():
        assert f"{series.title}: 25 % of the lookups hit with 8 entries a channel" in text


def test_pictures_are_the_same_each_time():
    first, second = documents(whole()), documents(whole())
    assert first == second
    assert len(first) == 4
    assert all(text.rstrip().endswith("</svg>") for p, text in first.items() if p.suffix == ".svg")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row("direct", 1, 2), row("direct", 1, 2)], "twice: entries: 8 bits, direct"),
        ([row("direct", None, 2)], "has neither figures nor a reason"),
    ],
)
def test_a_report_that_misleads_is_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        check_report(report(*rows))


def test_another_schema_is_refused():
    with pytest.raises(ValueError, match="schema is 0, expected 1"):
        check_report(report() | {"schema": 0})


def test_the_date_is_the_newest():
    assert (
        report(row("direct", 1, 2), row("direct", 1, 2, measured=None))["measured"] == "2026-01-02"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--jobs", "0"], "--jobs must be 1 or more"),
        (["--strategies", "magic"], "--strategies: no magic; there are "),
    ],
)
def test_arguments_that_cannot_be(arguments, message, capsys):
    assert command.main(arguments) == 2
    assert message in capsys.readouterr().err


needs_report = pytest.mark.skipif(not REPORT.is_file(), reason="no report is committed")


@needs_report
def test_committed_documents_are_of_the_committed_report(capsys):
    assert command.main(["--check"]) == 0, capsys.readouterr().out


@needs_report
def test_the_check_names_what_differs(capsys, monkeypatch, tmp_path):
    stale = tmp_path / "stale.md"
    stale.write_text("old")
    monkeypatch.setattr(command, "documents", lambda _: {stale: "new"})
    assert command.main(["--check"]) == 1
    assert "stale.md: does not agree" in capsys.readouterr().out


@needs_report
def test_the_committed_report_has_every_point():
    assert [r["key"] for r in load_report()["rows"]] == [key_of_point(p) for p in points()], (
        "run `make reuse`"
    )


@needs_report
def test_committed_counts_are_what_the_model_predicts():
    """Of one point in twelve: the others are the same code."""
    rows = {r["key"]: r for r in load_report()["rows"]}
    for point in points()[::12]:
        found = rows[key_of_point(point)]
        if found["frames"] is None:
            continue
        images = SERIES[point.series].images(point.channels)
        expected = model_counters(point.config(), images)
        for name in ("lookups", "hits", "misses", "multiplications_executed"):
            assert found[name] == expected[name], f"{found['key']}: {name}: run `make reuse`"
