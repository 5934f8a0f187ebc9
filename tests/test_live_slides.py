"""Slides that answer without a kernel: JavaScript and Python give the same numbers and the same words."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sympy import Abs, Max, Min, Piecewise, Rational, Symbol, ceiling, exp, floor, log, sqrt

import vram
from vram import VramError, symbols
from vram.ledger.units import both, count, gib, percent
from vram.show.live import Knob, LiveSlide, gpu_knob, javascript, model_knob, powers_knob
from vram.show.live.slide import _WRITTEN, runtime
from vram.show.numbers import tera

DECKS = sorted((Path(__file__).parent.parent / "slides").glob("[0-9][0-9]-*.ipynb"))
needs_node = pytest.mark.skipif(not shutil.which("node"), reason="Node.js, which builds the decks, is not installed")


def node(program: str) -> Any:
    """What a program prints as JSON, BigInt written as text."""
    run = subprocess.run(
        ["node", "-"], input=f"{runtime()}\n{program}", capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


LLAMA, GPT = (vram.models[name].symbolic() for name in ("llama-3-8b", "gpt2"))
SIZES = {"batch": symbols.b, "seq_len": symbols.s}
FORMULAS = {
    "weights": vram.weights(LLAMA).nbytes,
    "layer of GPT": vram.weights(GPT).numel,
    "cache": vram.kv_cache(LLAMA, **SIZES).nbytes,
    "activations, scores kept": vram.activations(LLAMA, **SIZES, attention="eager").nbytes,
    "activations": vram.activations(GPT, **SIZES).nbytes,
    "adapters": vram.lora(LLAMA, rank=symbols.r).numel,
    "FLOPs": vram.compute(LLAMA, **SIZES).forward,
    "states": vram.model_states(LLAMA, recipe="bf16-mixed").peak,
    "larger and smaller": Max(symbols.h, 4 * symbols.f) + Min(symbols.h, symbols.f),
    "rounded down": floor(symbols.s / symbols.a) + floor(Rational(3, 7) * symbols.h),
    "rounded up": ceiling(symbols.s / symbols.a) + ceiling(Rational(3, 7) * symbols.h) + ceiling(symbols.s / 16),
    "cases": Piecewise((symbols.h, symbols.b < 2), (symbols.h**3, symbols.b <= 4), (7, True)),
}


@needs_node
def test_every_formula_agrees_on_a_grid() -> None:
    """Whole numbers of any size: FLOPs of these states pass 2⁶³ by far."""
    draw = random.Random(7)
    rows = []
    for _ in range(40):
        g, d = draw.randint(1, 16), draw.choice([64, 80, 128])
        a = g * draw.randint(1, 8)
        rows.append({
            "a": a, "g": g, "h": a * d, "f": draw.randint(1, 2**16), "l": draw.randint(1, 200), "d": d,
            "V": draw.randint(1, 2**18), "n": draw.randint(1, 2**20), "b": draw.randint(1, 64),
            "s": draw.randint(1, 2**20), "r": draw.randint(1, 512),
        })  # fmt: skip
    names = sorted(rows[0])
    functions = ", ".join(f"({', '.join(names)}) => {javascript(f)}" for f in FORMULAS.values())
    grid = json.dumps([[str(row[name]) for name in names] for row in rows])
    found = node(
        f"const grid = {grid}.map(row => row.map(BigInt));"
        f"const out = [{functions}].map(f => grid.map(row => f(...row).toString()));"
        "console.log(JSON.stringify(out))"
    )
    for (name, formula), values in zip(FORMULAS.items(), found, strict=True):
        expected = [
            str(int(formula.xreplace({Symbol(n, positive=True, integer=True): row[n] for n in names}))) for row in rows
        ]
        assert values == expected, name
    assert max(len(value) for value in found[list(FORMULAS).index("FLOPs")]) > 19


@needs_node
def test_amounts_are_written_alike() -> None:
    """Ties go to the even digit on both sides; every unit and its borders are there."""
    ties = [k * 2**30 // 1000 * 5 for k in range(1, 60)] + [2**30 // 8 * k for k in range(1, 40)]
    borders = [n + d for n in (0, 1, 2**10, 2**20, 2**30, 10 * 2**20, 107374182, 107374183) for d in (-1, 0, 1)]
    amounts = [n for n in ties + borders + [3**k for k in range(40)] if n >= 0]
    program = f"const all = {json.dumps([str(n) for n in amounts])}.map(BigInt);"
    program += "console.log(JSON.stringify(['bytes', 'both', 'count', 'tflops'].map(unit => all.map(vramLive[unit]))))"
    assert node(program) == [[write(n) for n in amounts] for write in (gib, both, count, tera)]


def example() -> LiveSlide:
    arch = vram.models["llama-2-7b"].symbolic()
    return LiveSlide(
        "example",
        {"weights": vram.weights(arch).nbytes, "KV cache": vram.kv_cache(arch, **SIZES).nbytes},
        [
            model_knob("Model", ("llama-2-7b", "llama-3-8b", "llama-2-70b"), "hlagfV", "llama-3-8b"),
            powers_knob("Context", "s", 512, 2**17, 8192),
            powers_knob("Sequences", "b", 1, 32, 1),
            gpu_knob("GPU", ("RTX 4090", "A100-80GB"), "RTX 4090"),
        ],
        capacity="C",
    )


def agree(slide: LiveSlide, states: list[dict[str, str]]) -> list[str]:
    """Both languages give the same verdict, amounts and shares in all states; the verdicts."""
    given = json.dumps([{n: str(v) for n, v in slide.sizes(**state).items()} for state in states])
    found = node(
        f"const slide = {slide.script()};"
        f"const out = {given}.map(sizes => {{ for (const n in sizes) sizes[n] = BigInt(sizes[n]);"
        "const {verdict, parts} = vramLive.answer(slide, sizes);"
        "return [verdict, parts.map(p => p.text), parts.map(p => p.share)]; });"
        "console.log(JSON.stringify(out))"
    )
    for state, (verdict, parts, shares) in zip(states, found, strict=True):
        assert verdict == slide.verdict(**state)
        amounts = slide.answer(**state).values()
        assert parts == [_WRITTEN[slide.unit](n) for n in amounts]
        assert shares == [percent(n, sum(amounts)) if sum(amounts) else "" for n in amounts]
    return [verdict for verdict, *_ in found]


def states_of(slide: LiveSlide) -> list[dict[str, str]]:
    """Every combination of options."""
    labels = [knob.label for knob in slide.knobs]
    return [dict(zip(labels, options, strict=True)) for options in product(*(knob.options for knob in slide.knobs))]


@needs_node
def test_every_state_of_a_slide_says_what_the_library_says() -> None:
    slide = example()
    verdicts = agree(slide, states_of(slide))
    assert len({verdict.split()[-2:][0] for verdict in verdicts}) == 2, "both verdicts occur"
    arch, card = vram.models["llama-2-70b"], vram.gpus["A100-80GB"]
    cache = vram.kv_cache(arch, batch=2, seq_len=4096).nbytes
    said = slide.verdict(Model=vram.models.title("llama-2-70b"), Context="4,096", Sequences="2", GPU="A100-80GB")
    assert gib(vram.weights(arch).nbytes + cache) in said and gib(card.usable_bytes) in said


@needs_node
@pytest.mark.parametrize("deck", DECKS, ids=lambda path: path.stem)
def test_live_slides_of_decks_agree(deck: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cells of the deck make its live slides; the opening state of each and forty others are compared."""
    made: list[LiveSlide] = []
    make = LiveSlide.__init__

    def remember(self: LiveSlide, *arguments: Any, **options: Any) -> None:
        make(self, *arguments, **options)
        made.append(self)

    monkeypatch.setattr(LiveSlide, "__init__", remember)
    names: dict[str, Any] = {}
    for cell in json.loads(deck.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert made, "the deck has no live slide"
    draw = random.Random(7)
    for slide in made:
        states = states_of(slide)
        agree(slide, [{}, *draw.sample(states, min(40, len(states)))])


def test_the_page_before_its_script_shows_the_opening_state() -> None:
    html = example()._repr_html_()
    page = html.split("<script>")[0]
    assert example().verdict() in page
    assert all(gib(n) in page for n in example().answer().values())
    assert page.count("<select>") == page.count("<label>") == 4
    assert "</script" not in html.split("<script>")[1].rsplit("</script>", 1)[0]


def test_hostile_words_stay_words() -> None:
    knob = Knob("<b>s", {"<script>alert(1)</script>": {"s": 1}}, "<script>alert(1)</script>")
    html = LiveSlide("x", {"weights": symbols.s}, [knob])._repr_html_()
    assert "<script>alert" not in html and "&lt;script&gt;alert" in html


@pytest.mark.parametrize("formula", [
    sqrt(symbols.h), symbols.h**symbols.a, 0.5 * symbols.h, exp(symbols.h), log(symbols.h), Abs(symbols.h - symbols.a)
])  # fmt: skip
def test_what_whole_numbers_cannot_say_is_refused(formula: Any) -> None:
    with pytest.raises(VramError, match="formula"):
        javascript(formula)


@pytest.mark.parametrize(
    ("knobs", "match"),
    [
        ([], "'s' is set by 0 knobs"),
        ([Knob("a", {"1": {"s": 1}}, "1"), Knob("b", {"1": {"s": 1}}, "1")], "'s' is set by 2 knobs"),
        ([Knob("a", {"1": {"s": 1}}, "2")], "a: '2'"),
    ],
)
def test_every_symbol_is_set_by_one_knob(knobs: list[Knob], match: str) -> None:
    with pytest.raises(VramError, match=match):
        LiveSlide("x", {"weights": symbols.s}, knobs)
