"""The picture of the datapath is legible for any engine that it is made for."""

from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from docs.generate.datapath import draw_datapath
from docs.generate.drawing import style
from sw.configfile import load_config

REQUANTISED = ["bias_bits=20", "output.kind=requantise", "output.scale_bits=12"]


@pytest.mark.parametrize("name", ["cifar10-layer1", "mnist-layer1", "tiny"])
@pytest.mark.parametrize("assignments", [[], REQUANTISED], ids=["exact", "requantised"])
def test_no_text_lies_on_another_or_leaves_the_picture(name, assignments):
    with style():
        canvas = draw_datapath(load_config(name, assignments=assignments))
        renderer = FigureCanvasAgg(canvas.figure).get_renderer()
        boxes = {text.get_text(): text.get_window_extent(renderer) for text in canvas.axes.texts}
    area = canvas.axes.get_window_extent(renderer)
    for text, box in boxes.items():
        assert area.x0 < box.x0 <= box.x1 < area.x1, text
        assert area.y0 < box.y0 <= box.y1 < area.y1, text
    for (one, box), (other, around) in combinations(boxes.items(), 2):
        assert not box.overlaps(around), f"{one!r} lies on {other!r}"


def test_it_says_what_the_engine_is():
    config = load_config("cifar10-layer1")
    with style():
        texts = "\n".join(t.get_text() for t in draw_datapath(config).axes.texts)
    assert "25 template and 7 learned kernels" in texts
    assert f"{config.layer.kernels} x {config.output_range.bits}" in texts
