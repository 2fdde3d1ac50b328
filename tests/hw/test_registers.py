"""sw.registers and hw.emit: the table against the contract, and its emitted forms against it."""

import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from systemrdl import RDLCompiler
from systemrdl.node import RegNode

from hw.emit import c_header, markdown, systemrdl
from sw.configfile import config_names, load_config
from sw.numeric import IntRange
from sw.register_model import Access, Axis, Field, Register, RegisterMap, Window
from sw.registers import (
    COUNTERS,
    VERSION,
    bias_writes,
    magnitude_writes,
    register_map,
    scale_writes,
    setup_writes,
    weight_writes,
)
from sw.spec import SpecError

ROOT = Path(__file__).parents[2]
FULL = (
    "bias_bits=20",
    'output.kind="requantise"',
    "output.scale_bits=12",
    'template_scale="register"',
)
ALL_LEARNED = (*FULL, 'templates="none"')
VARIANTS = {
    **{name: (name, ()) for name in config_names()},
    "full": ("tiny", FULL),
    "all-learned": ("tiny", ALL_LEARNED),
}


@pytest.fixture(params=VARIANTS)
def config(request):
    name, assignments = VARIANTS[request.param]
    return load_config(name, assignments=assignments)


@pytest.fixture
def full():
    return load_config("tiny", assignments=FULL)


def test_offsets_are_the_contract(full):
    table = register_map(full)
    expected = {"ID": 0x000, "VERSION": 0x004, "CONTROL": 0x008, "STATUS": 0x00C}
    built = "CHANNELS HEIGHT WIDTH KERNELS LEARNED KERNEL_HEIGHT KERNEL_WIDTH INPUT_BITS"
    built += " WEIGHT_BITS OUTPUT_BITS ENTRIES MULTIPLIERS"
    expected |= {name: 0x010 + 4 * n for n, name in enumerate(built.split())}
    for n, name in enumerate(COUNTERS):
        expected |= {f"{name.upper()}_LO": 0x080 + 8 * n, f"{name.upper()}_HI": 0x084 + 8 * n}
    assert {r.name: r.offset for r in table.registers} == expected
    assert {w.name: w.offset for w in table.windows} == {
        "BIAS": 0x400,
        "SCALE": 0x800,
        "MAGNITUDE": 0xC00,
        "WEIGHT": 0x8000,
    }
    assert table.register("ID").value == 0x4B544D31
    assert table.offset("CONTROL") == 0x008
    with pytest.raises(KeyError):
        table.offset("NONE")


def test_what_was_built_is_the_configuration():
    table = register_map(load_config("cifar10-layer1"))
    values = {r.name: r.value for r in table.registers if 0x010 <= r.offset < 0x080}
    assert values == {
        "CHANNELS": 3,
        "HEIGHT": 32,
        "WIDTH": 32,
        "KERNELS": 32,
        "LEARNED": 7,
        "KERNEL_HEIGHT": 3,
        "KERNEL_WIDTH": 3,
        "INPUT_BITS": 8,
        "WEIGHT_BITS": 9,
        "OUTPUT_BITS": values["OUTPUT_BITS"],
        "ENTRIES": 256,
        "MULTIPLIERS": 8,
    }


def test_version_is_the_package_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert ".".join(map(str, VERSION)) == project["version"]


def test_windows_follow_the_configuration():
    def names(*assignments):
        return [w.name for w in register_map(load_config("tiny", assignments=assignments)).windows]

    assert names() == ["WEIGHT"]
    assert names("bias_bits=8") == ["BIAS", "WEIGHT"]
    assert names("output.scale_bits=8") == ["WEIGHT"]  # exact output has no requantiser
    assert names('output.kind="requantise"', "output.scale_bits=8") == ["SCALE", "WEIGHT"]
    assert names('template_scale="register"') == ["MAGNITUDE", "WEIGHT"]
    assert names('template_scale="register"', 'templates="none"') == ["WEIGHT"]


def test_without_learned_kernels_there_is_no_weight(full):
    templates = sorted(full.template_kernels)
    layer = replace(full.layer, weight=full.layer.weight[templates], bias=None, scale=None)
    config = replace(full, layer=layer)
    table = register_map(config)
    assert [w.name for w in table.windows] == ["BIAS", "SCALE", "MAGNITUDE"]
    assert table.register("ENTRIES").value == table.register("MULTIPLIERS").value == 0
    assert weight_writes(config) == []
    assert weight_writes(config, np.zeros((0, 2, 3, 3), int)) == []
    with pytest.raises(SpecError, match="weight: this engine has no WEIGHT window"):
        weight_writes(config, np.zeros((1, 2, 3, 3), int))


def test_the_widest_layers_fit_the_address_space():
    for learned, channels, kernel in [(1, 64, 7), (256, 1, 4), (9, 9, 7), (65, 63, 1), (7, 64, 3)]:
        axes = [Axis(name=n, size=s) for n, s in zip("lrc", (learned, kernel, kernel), strict=True)]
        window = Window(
            name="WEIGHT",
            offset=0x8000,
            outer=Axis(name="channel", size=channels),
            inner=tuple(axes),
            limits=IntRange(0, 0),
            meaning="",
        )
        RegisterMap(registers=(), windows=(window,))


def test_weight_addresses_and_data(config):
    if not config.learned:
        pytest.skip("no learned kernel")
    L, C, kh, kw = config.learned_weight.shape
    S = 1
    while L * kh * kw > S:
        S *= 2
    rng = np.random.default_rng(1)
    limits = config.layer.weight_format.range
    weight = rng.integers(limits.lo, limits.hi, (L, C, kh, kw), endpoint=True)
    expected = [
        (
            0x8000 + 4 * (c * S + kernel * kh * kw + i * kw + j),
            int(weight[kernel, c, i, j]) % (1 << 32),
        )
        for c in range(C)
        for kernel in range(L)
        for i in range(kh)
        for j in range(kw)
    ]
    assert weight_writes(config, weight) == expected
    assert weight_writes(config) == weight_writes(config, config.learned_weight)


def test_setup_writes_everything(full):
    K = full.layer.kernels
    bias = np.arange(K) - 2
    writes = bias_writes(full, bias)
    assert writes == [(0x400 + 4 * k, (k - 2) % (1 << 32)) for k in range(K)]
    assert scale_writes(full) == [(0x800 + 4 * k, int(full.scale[k])) for k in range(K)]
    magnitudes = [t.magnitude for t in full.template_kernels.values()]
    assert magnitude_writes(full) == [(0xC00 + 4 * n, a) for n, a in enumerate(magnitudes)]
    everything = setup_writes(full)
    vectors = bias_writes(full) + scale_writes(full) + magnitude_writes(full)
    assert everything == vectors + weight_writes(full)
    addresses = [address for address, _ in everything]
    assert addresses == sorted(set(addresses))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 2, 3, 4), int), r"weight: expected integers of shape \(2, 2, 3, 3\)"),
        (np.zeros((2, 2, 3, 3)), "weight: expected integers .*, got float64"),
        (np.full((2, 2, 3, 3), 256), "weight: values must be -256 to 255, not 256 to 256"),
    ],
)
def test_wrong_weights_are_refused(values, message):
    with pytest.raises(SpecError, match=message):
        weight_writes(load_config("tiny"), values)


def test_wrong_magnitudes_are_refused(full):
    templates = len(full.template_kernels)
    limit = (1 << full.magnitude_bits) - 1
    with pytest.raises(SpecError, match=f"magnitude: values must be 0 to {limit}, not 1 to "):
        magnitude_writes(full, [1] * (templates - 1) + [limit + 1])
    with pytest.raises(SpecError, match="magnitude: expected integers of shape"):
        magnitude_writes(full, [1])
    with pytest.raises(SpecError, match="magnitude: this engine has no MAGNITUDE window"):
        magnitude_writes(load_config("tiny"), [1] * templates)


def register(offset=0, name="A", fields=()):
    return Register(name=name, offset=offset, access=Access.READ, meaning="", fields=fields)


def window(offset):
    inner = (Axis(name="k", size=5),)
    return Window(name="W", offset=offset, inner=inner, limits=IntRange(0, 1), meaning="")


@pytest.mark.parametrize(
    ("registers", "windows", "message"),
    [
        ([register(2)], [], "A: offset 0x2 is not aligned"),
        ([register(0), register(0, "B")], [], "A and B overlap"),
        ([register(4), register(0, "B")], [], "A and B overlap or are out of order"),
        ([register(0), register(4)], [], "two registers share a name"),
        ([register(1 << 16)], [], "A: does not fit 16 address bits"),
        ([], [window(16)], "W: offset 0x10 is not aligned"),
        ([register(0x24)], [window(0x20)], "A and W overlap or are out of order"),
        (
            [register(fields=(Field(name="f", lsb=32, meaning=""),))],
            [],
            "A.f: bits overlap or do not fit",
        ),
        (
            [register(fields=tuple(Field(name=n, lsb=0, meaning="") for n in "fg"))],
            [],
            "A.g: bits overlap",
        ),
    ],
)
def test_a_wrong_table_is_refused(registers, windows, message):
    with pytest.raises(ValueError, match=message):
        RegisterMap(registers=tuple(registers), windows=tuple(windows))


def test_an_index_out_of_range_has_no_address():
    with pytest.raises(IndexError, match="W: k must be 0 to 4"):
        window(0).address(5)


def test_c_header_compiles_and_says_the_same(config, tmp_path):
    table = register_map(config)
    (tmp_path / "katazome_regs.h").write_text(c_header.emit(table))
    entries = (*table.registers, *table.windows)
    checks = [(f"KATAZOME_{entry.name}_OFFSET", entry.offset) for entry in entries]
    for entry in table.registers:
        if entry.value is not None:
            checks.append((f"KATAZOME_{entry.name}_VALUE", entry.value))
        for field in entry.fields:
            name = f"KATAZOME_{entry.name}_{field.name.upper()}"
            checks += [(f"{name}_MASK", field.mask), (f"{name}_SHIFT", field.lsb)]
    for entry in table.windows:
        for indices in ([0] * len(entry.axes), [axis.size - 1 for axis in entry.axes]):
            arguments = ", ".join(map(str, indices))
            macro = f"KATAZOME_{entry.name}_ADDRESS({arguments})"
            checks.append((macro, entry.address(*indices)))
    lines = [f"if ({text} != {value}u) return {n + 1};" for n, (text, value) in enumerate(checks)]
    body = "\n".join(lines)
    (tmp_path / "main.c").write_text(
        f'#include "katazome_regs.h"\nint main(void) {{\n{body}\nreturn 0;\n}}\n'
    )
    flags = ["-Wall", "-Wextra", "-Werror", "-std=c99", "-pedantic"]
    subprocess.run(["gcc", *flags, "-o", "main", "main.c"], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "main"], check=False).returncode == 0


def test_systemrdl_elaborates_and_says_the_same(config, tmp_path):
    table = register_map(config)
    path = tmp_path / "katazome.rdl"
    path.write_text(systemrdl.emit(table))
    compiler = RDLCompiler()
    compiler.compile_file(str(path))
    top = compiler.elaborate(top_def_name="katazome").top
    found = {}
    for node in top.descendants(unroll=True):
        if isinstance(node, RegNode):
            found[node.get_path().removeprefix("katazome.")] = node
    expected = {r.name: r.offset for r in table.registers}
    for entry in table.windows:
        for row in range(entry.rows):
            for column in range(entry.columns):
                path = f"[{row}].word[{column}]" if entry.outer else f"[{column}]"
                expected[entry.name + path] = entry.offset + 4 * (row * entry.stride + column)
    assert {path: node.absolute_address for path, node in found.items()} == expected
    for entry in table.registers:
        node = found[entry.name]
        assert node.has_sw_readable
        assert node.has_sw_writable == (entry.access is Access.READ_WRITE)
        fields = {field.inst_name: field for field in node.fields()}
        if entry.value is not None:
            assert fields["value"].get_property("reset") == entry.value
        for field in entry.fields:
            assert fields[field.name].lsb == field.lsb
            assert fields[field.name].width == field.width
    assert all(not found[p].has_sw_readable for p in expected if "[" in p)


def test_markdown_names_everything(config):
    table = register_map(config)
    text = markdown.emit(table)
    for entry in table.registers:
        assert f"| {entry.offset:#05x} | {entry.name} | {entry.access.value} |" in text
        assert all(f"`{field.name}`" in text for field in entry.fields)
    for entry in table.windows:
        assert f" | {entry.name} | w | {entry.limits.lo}..{entry.limits.hi} |" in text
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1


def test_the_same_table_gives_the_same_text(full):
    for emitter in (c_header, markdown, systemrdl):
        text = emitter.emit(register_map(full))
        assert text == emitter.emit(register_map(full))
        assert text.endswith("\n")
        assert all(line == line.rstrip() for line in text.splitlines())
