"""One page of a sweep: pictures to point at, a table to sort and filter; no network needed."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

from sw.config import STRATEGIES

from .compare import strategy_of
from .evaluate import rebuild_command
from .front import fronts, size_of
from .space import Point, Value

__all__ = ["report", "shown_rows"]

_PAGE = files("hw.explore") / "page"
_UNSAID = "configuration's"
"""The strategy of a point that does not say."""
_SNIPPET = "window.vegaEmbed = vegaEmbed;"
_ENERGIES = ("energy_nj", "switching_nj")
_PICTURES = {
    "front": "Area and rate",
    "reuse": "Multiplications executed",
    "energy": "Energy proxy",
}
_CAPTIONS = {
    "front": """Every engine that could be built. Those with a ring are beaten by none of the same
chip, width of inputs, and kind of weights: loaded, or never changed. In the area a
multiplier and a block memory count as the LUTs that a chip has for each.""",
    "reuse": "Of those that the layer needs; by the entries of its tables, where it has any.",
    "energy": """Operations and memory bits of a frame, times published energies of each: a ranking
of engines that compute the same, not the power of this circuit.""",
}


def report(rows: list[dict[str, Any]], about: Mapping[str, Any]) -> str:
    """The page, as HTML.

    Parameters
    ----------
    rows : list of dict
        As :func:`hw.explore.evaluate.blank_row` has them.
    about : mapping
        What all share: ``config``.
    """
    import vl_convert  # noqa: PLC0415 (of the extra `explore`)

    config = str(about.get("config", "?"))
    figures = "\n".join(
        f'<figure><h2>{title}</h2><div id="{name}" class="picture"></div>'
        f"<figcaption>{_CAPTIONS[name]}</figcaption></figure>"
        for name, title in _PICTURES.items()
    )
    return Template(_text("page.html")).substitute(
        title=html.escape(f"Engines of {config}"),
        count=len(rows),
        common=html.escape(_common(rows)),
        summary=html.escape(_summary(rows)),
        style=_text("page.css"),
        figures=figures,
        rows=_json(shown_rows(rows, config)),
        specs=_json({name: chart() for name, chart in _CHARTS.items()}),
        vega=vl_convert.javascript_bundle(_SNIPPET).replace("</script", "<\\/script"),
        script=_text("page.js"),
    )


def shown_rows(rows: list[dict[str, Any]], config: str) -> list[dict[str, Any]]:
    """What the page shows of each row, flat."""
    best = {row["key"] for row in fronts(rows)}
    common = _shared(rows)
    return [
        {
            "engine": Point.of(dict(set(row["settings"].items()) - common)).key,
            "strategy": strategy_of(row) or _UNSAID,
            "target": row["target"],
            "input_bits": row["settings"].get("input_bits"),
            "entries": row["settings"].get("table.entries"),
            "state": row["state"],
            "front": row["key"] in best,
            "size": size_of(row),
            **{name: row["area"][name] for name in ("lut4_eq", "ff", "dsp", "bram", "um2")},
            "fmax_mhz": row["fmax_mhz"],
            "pixels_per_cycle": row["pixels_per_cycle"],
            "frames_per_second": _frames_per_second(row),
            "executed": row["executed"],
            "hit_rate": row["hit_rate"],
            **{name: row[name]["total"] if row.get(name) else None for name in _ENERGIES},
            "reason": row["reason"],
            "command": rebuild_command(Point.of(row["settings"]), config),
        }
        for row in rows
    ]


def _shared(rows: list[dict[str, Any]]) -> set[tuple[str, Value]]:
    """What is set in all engines alike: it tells none from another."""
    settings = [set(row["settings"].items()) for row in rows]
    return set.intersection(*settings) if len(settings) > 1 else set()


def _common(rows: list[dict[str, Any]]) -> str:
    shared = Point.of(dict(_shared(rows))).key
    return f"All with {shared}." if shared else ""


def _frames_per_second(row: Mapping[str, Any]) -> int | None:
    if row["fmax_mhz"] is None or not row["cycles"]:
        return None
    return round(row["fmax_mhz"] * 1e6 * row["frames"] / row["cycles"])


def _summary(rows: list[dict[str, Any]]) -> str:
    states = [row["state"] for row in rows]
    counts = [f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states))]
    outputs = sum(row["outputs_compared"] or 0 for row in rows)
    return f"{', '.join(counts)}; {outputs:,} outputs of the RTL compared with the golden model"


def _text(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")


def _json(value: object) -> str:
    """JSON that may stand within ``<script>``."""
    return json.dumps(value).replace("<", "\\u003c")


def _points(x: Any, y: Any) -> dict[str, Any]:
    """A picture of all rows that the page's filter leaves, by strategy; the front ringed."""
    import altair as alt  # noqa: PLC0415 (of the extra `explore`)

    tooltips = [
        alt.Tooltip("engine:N"),
        alt.Tooltip("size:Q", format=",", title="area"),
        alt.Tooltip("dsp:Q"),
        alt.Tooltip("bram:Q"),
        alt.Tooltip("fmax_mhz:Q", format=".1f", title="Fmax, MHz"),
        alt.Tooltip("pixels_per_cycle:Q", format=".3f", title="pixels a cycle"),
        alt.Tooltip("executed:Q", format=".3%", title="multiplications executed"),
        alt.Tooltip("energy_nj:Q", format=",.0f", title="nJ a frame"),
    ]
    base = alt.Chart(alt.NamedData("rows")).encode(x=x, y=y, tooltip=tooltips)
    dots = base.mark_point(filled=True, size=55, opacity=0.8).encode(
        color=alt.Color(
            "strategy:N",
            scale=alt.Scale(domain=[*STRATEGIES, _UNSAID], scheme="tableau10"),
            legend=alt.Legend(orient="bottom", columns=3, title=None),
        ),
        shape=alt.Shape("target:N", legend=None),
    )
    rings = base.transform_filter("datum.front").mark_point(size=190, color="#444", strokeWidth=1.2)
    chart = (rings + dots).properties(width="container", height=340)
    return chart.configure(font="system-ui, sans-serif").to_dict()


def _axis(field: str, title: str, *, log: bool = True, form: str = "") -> dict[str, Any]:
    scale = {"type": "log", "nice": False} if log else {}
    axis = {"format": form, "labelOverlap": True} if form else {"labelOverlap": True}
    return {"shorthand": f"{field}:Q", "title": title, "scale": scale, "axis": axis}


def _front() -> dict[str, Any]:
    import altair as alt  # noqa: PLC0415

    return _points(
        alt.X(**_axis("size", "LUT4-eq, with multipliers and memories (asic: um2)", form="~s")),
        alt.Y(**_axis("pixels_per_cycle", "pixels a cycle", form="~g")),
    )


def _reuse() -> dict[str, Any]:
    import altair as alt  # noqa: PLC0415

    return _points(
        alt.X(**_axis("entries", "entries of a table", form="~g")),
        alt.Y(**_axis("executed", "multiplications executed", log=False, form="%")),
    )


def _energy() -> dict[str, Any]:
    import altair as alt  # noqa: PLC0415

    return _points(
        alt.X(**_axis("pixels_per_cycle", "pixels a cycle", form="~g")),
        alt.Y(**_axis("energy_nj", "nJ a frame (proxy)", form="~s")),
    )


_CHARTS = {"front": _front, "reuse": _reuse, "energy": _energy}
