"""Parts of a network's page: text made safe, bars, tables, pictures; all of it inline."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from collections.abc import Iterable
from html import escape

import numpy as np
import numpy.typing as npt

__all__ = ["STYLE", "bar", "counted", "element", "number", "picture", "stack", "table"]

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5c6775; --line: #d5dae1;
  --paper: #fff; --card: #f5f7fa; --accent: #1f6feb; --warn: #b3541e; --good: #1a7f4b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa5b4; --line: #39424f;
  --paper: #14181e; --card: #1d232c; --accent: #6ea8ff; --warn: #f0a06a; --good: #5cc28e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px; max-width: 1120px; color: var(--ink);
  background: var(--paper); font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 28px; } h2 { margin: 36px 0 10px; font-size: 19px; }
p { margin: 4px 0; } .soft { color: var(--soft); }
.figures { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 16px; }
.figure { flex: 1 1 150px; padding: 12px 14px; background: var(--card); border-radius: 8px; }
.figure b { display: block; font-size: 22px; }
.chain { display: flex; flex-wrap: wrap; align-items: stretch; gap: 10px 0; }
.layer { width: 158px; padding: 9px 11px; background: var(--card); border-radius: 8px;
  border-top: 5px solid var(--colour); }
.layer p { font-size: 13px; }
.wire { display: flex; flex-direction: column; justify-content: center; padding: 0 7px;
  font-size: 12px; color: var(--soft); text-align: center; }
.wire::after { content: "\\2192"; font-size: 20px; line-height: 1; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { padding: 5px 10px 5px 0; text-align: left; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; } td.n, th.n { text-align: right; white-space: nowrap; }
.bar { min-width: 90px; height: 11px; background: var(--line); border-radius: 3px;
  overflow: hidden; display: flex; }
.bar i { display: block; height: 100%; background: var(--colour); }
.row { display: grid; grid-template-columns: 130px 1fr 240px; gap: 12px; align-items: center;
  margin: 7px 0; }
.row .bar { height: 18px; }
@media (max-width: 620px) { .row { grid-template-columns: 1fr; gap: 2px; } }
.key { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px;
  background: var(--colour); }
.samples { display: flex; flex-wrap: wrap; gap: 12px; }
.sample { width: 92px; margin: 0; text-align: center; font-size: 13px; }
.sample img { width: 84px; height: 84px; image-rendering: pixelated; border-radius: 5px; }
.sample b { font-size: 16px; } .wrong b { color: var(--warn); } .right b { color: var(--good); }
"""


def element(tag: str, *inner: str, **attributes: str) -> str:
    """An element; ``inner`` is markup, attributes are text. ``class_`` is class."""
    given = "".join(f' {name.rstrip("_")}="{escape(v)}"' for name, v in attributes.items())
    return f"<{tag}{given}>{''.join(inner)}</{tag}>"


def number(value: float | None, unit: str = "") -> str:
    """A figure for people; a dash for none."""
    if value is None:
        return "\N{EN DASH}"
    shown = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return f"{shown} {unit}".strip()


def counted(count: int, noun: str) -> str:
    """So many of something."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def bar(parts: Iterable[tuple[float, str]], title: str) -> str:
    """A bar of parts, each a share of the whole and a colour."""
    inner = [
        element("i", style=f"width:{100 * min(max(share, 0), 1):.2f}%;--colour:{colour}")
        for share, colour in parts
    ]
    return element("div", *inner, class_="bar", role="img", title=title, aria_label=title)


def stack(name: str, parts: list[tuple[str, float, str]], whole: float, says: str) -> str:
    """A labelled bar of named parts of ``whole``."""
    shares = [(value / whole if whole else 0.0, colour) for _, value, colour in parts]
    title = ", ".join(f"{part} {number(value)}" for part, value, _ in parts)
    cells = (element("span", escape(name)), bar(shares, title), element("span", escape(says)))
    return element("div", *cells, class_="row")


def table(head: list[str], rows: Iterable[list[str]], *, numbers: set[int]) -> str:
    """A table; cells are markup, the columns ``numbers`` are aligned to the right."""

    def cell(tag: str, column: int, text: str) -> str:
        return element(tag, text, class_="n") if column in numbers else element(tag, text)

    top = element("tr", *(cell("th", n, escape(text)) for n, text in enumerate(head)))
    body = [element("tr", *(cell("td", n, text) for n, text in enumerate(row))) for row in rows]
    whole = element("table", element("thead", top), element("tbody", *body))
    return element("div", whole, class_="scroll")


def picture(image: npt.NDArray[np.integer]) -> str:
    """An image (C, H, W) of bytes as a PNG within an ``img``'s address: grey, or RGB of three."""
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    pixels = pixels[:3] if len(pixels) >= 3 else pixels[:1]
    channels, height, width = pixels.shape
    rows = pixels.transpose(1, 2, 0).reshape(height, -1)
    lines = np.hstack([np.zeros((height, 1), np.uint8), rows]).tobytes()
    header = struct.pack(">2I5B", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")
    png = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)
    return f"data:image/png;base64,{b64encode(png).decode()}"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
