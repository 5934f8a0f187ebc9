"""The ledger layer: tensors, folds, formats, units. Knows no transformer."""

from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import vram
from vram.ledger.arithmetic import ceil_div, if_less, largest, round_up, smallest
from vram.ledger.units import shown

SIZES = st.integers(1, 10**6)
FORMATS = st.sampled_from(sorted(vram.dtypes))


def tensor(name="w", shape=(4, 4), dtype="fp32", kind="mlp", axes=()):
    return vram.Tensor(name, shape, vram.dtypes[dtype], kind, axes)


@given(SIZES, SIZES, st.integers(1, 200), FORMATS)
def test_a_row_counts_by_multiplication(rows, columns, layers, dtype):
    one = tensor(shape=(rows, columns), dtype=dtype)
    many = tensor("w.{}", (rows, columns), dtype, axes=(vram.Axis(layers),))
    assert many.numel == layers * one.numel == layers * rows * columns
    assert many.nbytes == layers * one.nbytes


@given(st.lists(st.tuples(SIZES, FORMATS), min_size=1, max_size=8))
def test_sums_equal_their_parts(parts):
    ledger = vram.Ledger(tensor(f"w{i}", (n,), dtype) for i, (n, dtype) in enumerate(parts))
    for field in ("dtype", "kind", "name"):
        assert sum(part.nbytes for part in ledger.by(field).values()) == ledger.nbytes
        assert sum(part.numel for part in ledger.by(field).values()) == ledger.numel
    assert ledger.nbytes >= sum(int(t.dtype.bits_per_weight * t.numel) // 8 for t in ledger)


@given(SIZES, st.sampled_from([1, 2, 16, 64, 256]))
def test_blocks_in_three_kinds_of_number(n, k):
    symbol = sympy.Symbol("x", positive=True, integer=True)
    for function in (ceil_div, round_up):
        plain = function(n, k)
        assert plain == function(np.array([n]), k)[0] == function(symbol, k).subs(symbol, n)
        assert type(plain) is int
    assert (ceil_div(n, k) - 1) * k < n <= ceil_div(n, k) * k


@given(st.lists(SIZES, min_size=1, max_size=5), SIZES)
def test_choices_in_three_kinds_of_number(values, bound):
    symbols = sympy.symbols(f"x:{len(values)}", positive=True, integer=True)
    put = dict(zip(symbols, values, strict=True))
    for function, plain in ((largest, max(values)), (smallest, min(values))):
        assert function(values) == plain
        assert function(symbols).subs(put) == plain
        assert list(function([np.array([v, v]) for v in values])) == [plain, plain]
    first = values[0]
    rule = if_less(first, bound, 10, 20)
    assert rule == if_less(np.array([first]), bound, 10, 20)[0] == if_less(symbols[0], bound, 10, 20).subs(put)


def test_names_are_those_of_the_checkpoint():
    row = tensor("layers.{}.experts.{}.w", axes=(vram.Axis(2, start=3), vram.Axis(2)))
    assert list(row.names()) == [
        "layers.3.experts.0.w",
        "layers.3.experts.1.w",
        "layers.4.experts.0.w",
        "layers.4.experts.1.w",
    ]
    ledger = vram.Ledger([row])
    assert ledger["layers.4.experts.1.w"] is row
    assert list(ledger.layer(4)) == [tensor("layers.4.experts.{}.w", axes=(vram.Axis(2),))]
    with pytest.raises(vram.VramError, match="layer: 5"):
        ledger.layer(5)


def test_bits_per_weight():
    bits = {name: vram.dtypes[name].bits_per_weight for name in vram.dtypes}
    assert (bits["fp64"], bits["fp32"], bits["tf32"], bits["bf16"], bits["fp16"]) == (64, 32, 32, 16, 16)
    assert (bits["fp8_e4m3"], bits["fp8_e5m2"], bits["int8"], bits["int4"]) == (8, 8, 8, 4)
    block = vram.Dtype("q8_0", "blocks of 32 with an FP16 scale", 34, block=32)
    assert block.bits_per_weight == Fraction(17, 2)
    assert block.nbytes(33) == 2 * 34


@given(st.integers(0, 10**15), st.sampled_from(["GB", "GiB", "MB", "MiB"]), st.integers(0, 4))
def test_shown_numbers_are_the_exact_ones_rounded(nbytes, unit, digits):
    text, shown_unit = shown(nbytes, unit, digits).rsplit(" ", 1)
    exact = Fraction(nbytes, vram.UNITS[unit])
    assert shown_unit == unit
    assert abs(Fraction(text.replace(",", "")) - exact) <= Fraction(1, 2 * 10**digits)


def test_gb_is_not_gib():
    assert vram.gb(13 * 10**9 * 4) == "52.00 GB"
    assert vram.gib(13 * 10**9 * 4) == "48.43 GiB"
    assert Fraction(vram.UNITS["GiB"], vram.UNITS["GB"]) == Fraction(2**30, 10**9)


@pytest.mark.parametrize("ask", [
    lambda: vram.dtypes["bf61"], lambda: vram.recipes["bf16-mixt"], lambda: vram.optimizers["adamx"],
    lambda: vram.models["llama-2-7"], lambda: vram.gpus["A100"], lambda: vram.symbols.q,
    lambda: vram.Ledger([tensor()])["v"], lambda: vram.Ledger([tensor()]).by("kin"),
])  # fmt: skip
def test_an_unknown_name_lists_the_known_ones(ask):
    with pytest.raises(vram.VramError, match=r"is not known.*Known: "):
        ask()


def test_the_nearest_match_is_named():
    with pytest.raises(vram.VramError, match="Did you mean 'adamw'"):
        vram.optimizers["adamww"]
