"""Formulas beside numbers: the text in symbols, with the sizes put in, gives the number. Tables are safe to show."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Piecewise

import vram
from vram import Architecture, VramError, lora, symbols, weights
from vram.show import StyledTable, formulas, symbolic, tensor_table
from vram.show.copies import copies
from vram.show.explain import sizes, written
from vram.show.numbers import algebra, short, signed, trimmed

_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


def value(text: str, symbols: dict[str, int]) -> Fraction:
    """What a formula of the tables is worth: `l(12h² + 13h)`, `32 · 4,096 · 3h`, `⌊h/a⌋`."""
    text = text.replace("⌊", "(").replace("⌋", ")//1")
    text = text.replace(",", "").replace("·", "*").replace("−", "-")
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda m: f"**{m[0].translate(_POWERS)}", text)
    tokens = re.findall(r"\*\*|\d+|[A-Za-z]|\S", text)
    joined = ""
    for before, token in zip(["", *tokens], tokens, strict=False):
        adjacent = (before.isalnum() or before == ")") and (token.isalnum() or token == "(")
        joined += ("*" if adjacent else "") + (f"F({token})" if token.isdigit() and before != "**" else token)
    names = {name: Fraction(n) for name, n in symbols.items()} | {"F": Fraction}
    return eval(joined, {"__builtins__": {}}, names)


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    """Small models of both families, biases, gates, groups and ties in every combination."""
    g, group, d = (draw(st.integers(1, 4)) for _ in range(3))
    fields = {
        "hidden_size": g * group * d,
        "num_attention_heads": g * group,
        "num_key_value_heads": g,
        "num_hidden_layers": draw(st.integers(1, 5)),
        "vocab_size": draw(st.integers(1, 50)),
        "tie_word_embeddings": draw(st.booleans()),
        "attention_bias": draw(st.booleans()),
        "mlp_bias": draw(st.booleans()),
        "norm_bias": draw(st.booleans()),
    }
    if draw(st.booleans()):
        fields["intermediate_size"] = draw(st.integers(1, 40))
    return Architecture(draw(st.sampled_from(["gpt2", "llama", "mistral"])), **fields)


@settings(deadline=None)
@given(architectures())
def test_every_formula_gives_its_number(arch: Architecture) -> None:
    ledger = weights(arch)
    numbers = dict(sizes(arch))
    rows = formulas(ledger, weights(arch.symbolic()))
    assert [row.tensor for row in rows] == list(ledger)
    for row in rows:
        assert value(row.formula, numbers) == row.tensor.numel == value(row.numbers, {})


@settings(deadline=None)
@given(architectures())
def test_the_formula_of_the_whole_gives_the_total(arch: Architecture) -> None:
    signs = weights(arch.symbolic())
    assert (
        value(written(signs.numel), dict(sizes(arch))) == weights(arch).numel == value(written(signs.numel, arch), {})
    )


@settings(deadline=None)
@given(architectures(), st.integers(1, 64))
def test_formulas_of_adapters_too(arch: Architecture, rank: int) -> None:
    rows = formulas(lora(arch, rank=rank), lora(arch.symbolic(), rank=symbols.r))
    for row in rows:
        assert value(row.formula, {**dict(sizes(arch)), "r": rank}) == row.tensor.numel == value(row.numbers, {})


def test_ledgers_of_other_structure_are_refused() -> None:
    with pytest.raises(VramError, match="differ in structure"):
        formulas(weights(vram.models["gpt2"]), weights(vram.models["llama-2-7b"].symbolic()))


def test_symbolic_ledgers_are_calculated_once_for_a_structure() -> None:
    asked = []

    def answer(arch: Architecture) -> vram.Ledger:
        asked.append(arch)
        return weights(arch)

    one, two = vram.models["llama-2-7b"], vram.models["llama-3-8b"]
    assert symbolic("test", one, answer) is symbolic("test", two, answer)
    assert len(asked) == 1
    untied = symbolic("test", two.replace(tie_word_embeddings=True), answer)
    assert len(asked) == 2 and len(untied) == len(weights(two)) - 1


H, L, V = symbols.h, symbols.l, symbols.V


@pytest.mark.parametrize(
    ("expression", "text", "with_numbers"),
    [
        (12 * H**2 + 13 * H, "12h² + 13h", "12·4² + 13·4"),
        (L * (12 * H**2 + 13 * H), "l(12h² + 13h)", "2·(12·4² + 13·4)"),
        (V * H - H, "Vh − h", "5·4 − 4"),
        (H**12 / L, "h¹²/l", "4¹²/2"),
        (H, "h", "4"),
        (L - 3, "l − 3", "2 − 3"),
        (V // H, "⌊V/h⌋", "⌊5/4⌋"),
        (vram.ceil_div(V, H), "⌈V/h⌉", "⌈5/4⌉"),
        (Piecewise((V / H, L >= 3), (V, True)), "V/h if l ≥ 3, else V", "5/4 if 2 ≥ 3, else 5"),
        (7, "7", "7"),
    ],
)
def test_algebra_is_written_by_hand(expression: object, text: str, with_numbers: str) -> None:
    assert algebra(expression) == text
    assert algebra(expression, {"h": 4, "l": 2, "V": 5}) == with_numbers


def test_numbers() -> None:
    assert [short(n) for n in (0, 999_999, 1_000_000, 175_000_000_000, 4 * 10**12)] == [
        "0", "999,999", "1.00M", "175.0B", "4.00T",
    ]  # fmt: skip
    assert [signed(n) for n in (5, -1000, 0)] == ["+5", "−1,000", "±0"]
    assert [trimmed(Fraction(n, 1000)) for n in (16000, 6125, 1)] == ["16", "6.12", "0"]


def test_the_total_of_a_table_is_the_ledger() -> None:
    arch = vram.models["gpt2"]
    rows = formulas(weights(arch), weights(arch.symbolic()))
    table = tensor_table(rows)
    assert table.headers[-3:] == ("format", "size", "class")
    assert table.rows[-1][4] == "124,439,808"
    assert sum(int(row[4].replace(",", "")) for row in table.rows[:-1]) == 124_439_808
    assert len(tensor_table(rows, unit="parameters").headers) == 5


def test_cells_are_text_and_never_markup() -> None:
    hostile = '<script>x</script>&"'
    html = StyledTable([hostile, "n"], [[hostile, hostile]], align="cr", caption=hostile, total=-1)._repr_html_()
    assert "<script" not in html and html.count("&lt;script&gt;") == 4


def test_numbers_are_aligned_to_the_right_without_a_stylesheet() -> None:
    markup = StyledTable(["name", "n"], [["a", "1"]], align="lr").markup()
    assert (
        '<td align="right" class="n">1</td>' in markup
        and '<th scope="row" align="left" style="text-align:left">a</th>' in markup
    )


@pytest.mark.parametrize("base", ["fp32", "bf16", "int8", "nf4"])
@pytest.mark.parametrize("optimizer", vram.optimizers)
def test_copies_hold_every_byte_and_say_how(base: str, optimizer: str) -> None:
    """`elements · bytes` of every copy, read from the text, is its size; together they are the ledger."""
    odd = Architecture(hidden_size=3, intermediate_size=5, num_attention_heads=1, num_hidden_layers=2, vocab_size=7)
    for arch, rank in product((vram.models["llama-3-8b"], odd), (None, 16)):
        ledger = vram.model_states(arch, optimizer=optimizer, lora=rank, base=base).at_peak()
        rows = copies(ledger)
        assert sum(copy.ledger.nbytes for copy in rows) == ledger.nbytes
        for copy in rows:
            numel, each, *rest = re.fullmatch(r"([\d,]+) · ([\d.]+) B(?: \+ ([\d.]+) B)?", copy.calculation).groups()
            said = int(numel.replace(",", "")) * Fraction(each) + Fraction(rest[0] or 0)
            assert said == copy.ledger.nbytes
