"""The ledger that folds open: every byte stands in a row, every formula gives its number, nothing is markup."""

from __future__ import annotations

import time
from html.parser import HTMLParser

import pytest

import vram
from test_show_tables import value
from vram import Ledger, Tensor, Timeline
from vram.ledger.units import both, gib
from vram.show import FoldedLedger
from vram.show.copies import copies
from vram.show.explain import sizes
from vram.show.forms import Forms

LLAMA = vram.models["llama-3-8b"]
TIMELINES = {
    "full": lambda: vram.training(LLAMA, batch=3, seq_len=640),
    "eager": lambda: vram.training(vram.models["gpt2"], batch=2, seq_len=64, attention="eager", recipe="fp32"),
    "qlora": lambda: vram.training(LLAMA, lora=16, base="nf4", checkpointing="full"),
    "8-bit": lambda: vram.training(vram.models["qwen2.5-7b"], optimizer="adamw-8bit", recipe="bf16"),
    "experts": lambda: vram.training(vram.models["mixtral-8x7b"], seq_len=512),
    "latent": lambda: vram.inference(vram.models["deepseek-v3"], batch=2, seq_len=512),
    "inference": lambda: vram.inference(LLAMA, batch=5, seq_len=700, overhead=True),
}


@pytest.fixture(scope="module", params=TIMELINES)
def timeline(request: pytest.FixtureRequest) -> Timeline:
    return TIMELINES[request.param]()


def test_every_formula_gives_its_number_and_every_row_its_bytes(timeline: Timeline) -> None:
    arch, b, s = (timeline.settings[name] for name in ("arch", "batch", "seq_len"))
    for ledger in timeline.phases.values():
        rows = Forms(arch, batch=b, seq_len=s).explained(ledger)
        assert [row.tensor for row in rows] == list(ledger)
        for row in rows:
            assert value(row.numbers, {}) == row.tensor.numel, row
            if row.formula:
                rank = min(row.tensor.shape, default=0) if ".lora_" in row.tensor.name else 0
                numbers = {**dict(sizes(arch)), "b": b, "s": s, "r": rank}
                assert value(row.formula, numbers) == row.tensor.numel, row


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("model.layers.{}.mlp.up_proj.weight", "l · f · h"),
        ("model.layers.{}.mlp.up_proj.weight.master", "l · f · h"),
        ("model.layers.{}.mlp.up_proj.weight.step", "l"),
        ("loss:log_softmax:output", "b · s · V"),
        ("loss:log_softmax:output.grad", "b · s · V"),
    ],
)
def test_the_formulas_that_a_lesson_derives(name: str, formula: str) -> None:
    ledger = vram.training(LLAMA, batch=3, seq_len=640).phases["start of backward"]
    (row,) = Forms(LLAMA, batch=3, seq_len=640).explained(Ledger([ledger[name]]))
    assert row.formula == formula


def test_a_formula_that_is_not_true_is_not_shown() -> None:
    tensor = vram.weights(LLAMA)["lm_head.weight"]
    other = Tensor(tensor.name, (7, 4096), tensor.dtype, "weights")
    assert [row.formula for row in Forms(LLAMA).explained(Ledger([tensor, other]))] == ["V · h", ""]
    assert Forms(None).explained(Ledger([tensor]))[0].formula == ""


def test_few_rows_are_without_a_formula() -> None:
    """Full fine-tuning is explained to the last tensor; of QLoRA only scales and their tables are not."""
    full = vram.training(LLAMA, batch=3, seq_len=640)
    for ledger in full.phases.values():
        assert all(row.formula for row in Forms(LLAMA, batch=3, seq_len=640).explained(ledger))
    loaded = vram.inference(LLAMA, weights="nf4").phases["load"]
    bare = {row.tensor.name.rsplit(".", 1)[1] for row in Forms(LLAMA).explained(loaded) if not row.formula}
    assert bare == {"absmax", "nested_absmax", "nested_offset", "nested_quant_map", "quant_map"}


class Outline(HTMLParser):
    """How deep the page folds, the bytes in its rows, and whether every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.depth, self.sums, self.column = 0, [0], 0

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag in ("img", "br", "input"):
            return
        self.stack.append(tag)
        self.depth = max(self.depth, self.stack.count("details"))
        self.column = 0 if tag == "tr" else self.column + (tag in ("td", "th"))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] == "td" and self.column == 5:
            self.sums[0] += int(data.replace(",", ""))


def test_the_rows_of_a_ledger_hold_all_of_its_bytes(timeline: Timeline) -> None:
    for ledger in timeline.phases.values():
        folded = FoldedLedger(ledger, arch=timeline.settings["arch"])
        page = Outline()
        page.feed(folded.markup())
        assert page.sums == [ledger.nbytes] and not page.stack and page.depth == 2
        for copy in copies(ledger):
            assert f"= {gib(copy.ledger.nbytes)}</summary>" in folded.markup()


def test_a_timeline_lists_what_never_changes_once(timeline: Timeline) -> None:
    markup = FoldedLedger(timeline).markup()
    assert f"{timeline.peak_phase}: {both(timeline.peak)}, the peak" in markup
    assert all(f"{phase}: {both(ledger.nbytes)}" in markup for phase, ledger in timeline.phases.items())
    page = Outline()
    page.feed(markup)
    first, *others = timeline.phases.values()
    steady = [k for k, rows in first.by("kind").items() if all(o.select(kind=k) == rows for o in others)]
    assert "weights" in steady
    held = first.select(lambda tensor: tensor.kind in steady).nbytes
    assert f"in every phase: {both(held)}" in markup
    assert page.sums == [sum(ledger.nbytes for ledger in timeline.phases.values()) - held * len(others)]
    assert len(markup) < 160_000


def test_layers_are_one_row_whose_name_says_which() -> None:
    names = [row[0] for row in FoldedLedger(vram.weights(LLAMA).file_under("weights")).rows]
    assert "model.layers.0-31.mlp.up_proj.weight" in names and len(names) == 12
    row = Tensor("x.{}.y.{}", (2,), vram.dtypes["bf16"], "weights", (vram.Axis(1, 3), vram.Axis(4, 1, 2)))
    assert FoldedLedger(Ledger([row])).rows[0][:3] == ("x.3.y.1,3-7", "2", "1 · 4 · 2 · 2 B")


def test_measured_constants_say_their_range_and_source() -> None:
    classes = {row[0]: row[-1] for row in FoldedLedger(vram.overhead()).rows}
    known = vram.constants["CUDA context"]
    assert gib(known.least) in classes[known.name] and known.source in classes[known.name]


def test_names_are_text_and_never_markup() -> None:
    hostile = '<script>alert("1")</script>'
    row = Tensor(hostile, (2,), vram.dtypes["bf16"], "weights")
    timeline = Timeline({hostile: Ledger([row]), "b": Ledger()})
    for what in (Ledger([row]), timeline):
        assert "<script" not in FoldedLedger(what, caption=hostile)._repr_html_()
    assert hostile in str(FoldedLedger(Ledger([row]), caption=hostile))


def test_the_same_ledger_is_the_same_page_and_quick() -> None:
    timeline = TIMELINES["qlora"]()
    first = FoldedLedger(timeline)._repr_html_()
    start = time.process_time()
    assert FoldedLedger(TIMELINES["qlora"]())._repr_html_() == first
    assert time.process_time() - start < 1
