"""Why this number: rows that sum to the total, formulas that were executed and hold for other sizes too."""

import re
import subprocess
import sys
from collections.abc import Callable
from random import Random

import pytest

import vram
from random_configs import families_by_name, random_config
from vram.architectures.families import families
from vram.ledger.tensor import Tensor
from vram.ledger.traced import Formula, Traced, formula_of

LLAMA = vram.Architecture(
    hidden_size=96, num_hidden_layers=5, num_attention_heads=12, num_key_value_heads=4, intermediate_size=250,
    vocab_size=1003,
)  # fmt: skip
SIZES = {"batch": 2, "seq_len": 48}


def states(arch: vram.Architecture) -> vram.Ledger:
    return vram.optimizer_states(vram.weights(arch), "adamw-8bit")


def packed(arch: vram.Architecture) -> vram.Ledger:
    return vram.quantize(vram.weights(arch), "nf4")


def sharded(arch: vram.Architecture, **settings: int) -> vram.Timeline:
    return vram.shard(vram.training(arch, **settings), dp=4, zero=3, tp=2)


def qlora(arch: vram.Architecture, **settings: int) -> vram.Timeline:
    return vram.training(arch, lora={"rank": 8}, base="nf4", **settings)


LEDGERS: list[tuple[Callable, dict]] = [
    (vram.weights, {}), (states, {}), (packed, {}), (vram.lora, {"rank": 6}), (vram.kv_cache, SIZES),
    (vram.activations, SIZES), (vram.activations, {**SIZES, "checkpointing": "full", "attention": "eager"}),
]  # fmt: skip
TIMELINES = [vram.training, vram.inference, sharded, qlora]


def ident(value: object) -> str:
    return getattr(value, "__name__", "")


@pytest.mark.parametrize(("question", "settings"), LEDGERS, ids=ident)
def test_rows_of_a_ledger_sum_to_it(question: Callable, settings: dict) -> None:
    plain, shown = question(LLAMA, **settings), vram.why(question, LLAMA, **settings)
    assert shown.total == plain.nbytes == sum(row.nbytes for row in shown.rows)
    assert [row.tensor.name for row in shown.rows] == [t.name for t in plain]
    assert [row.nbytes for row in shown.rows] == [t.nbytes for t in plain]


@pytest.mark.parametrize("question", TIMELINES, ids=ident)
def test_every_phase_and_kind_of_a_timeline_can_be_unfolded(question: Callable) -> None:
    plain = question(LLAMA, **SIZES)
    assert vram.why(question, LLAMA, **SIZES).total == plain.peak
    for phase, ledger in plain.phases.items():
        assert vram.why(question, LLAMA, phase=phase, **SIZES).total == plain.nbytes(phase)
        for kind, rows in ledger.by("kind").items():
            assert vram.why(question, LLAMA, phase=phase, kind=kind, **SIZES).total == rows.nbytes


def value(text: str) -> int:
    """A formula in numbers, calculated by Python: ⌈ ⌉ round up, ⌊ ⌋ and / down."""
    text = text.replace(",", "").replace(" B", "").replace("·", "*").replace("−", "-")
    while "⌈" in text:
        text = re.sub(r"⌈([^⌈⌉]*) / ([^⌈⌉]*)⌉", r"(-(-(\1) // (\2)))", text)
    return eval(text.replace("⌊", "(").replace("⌋", ")").replace(" / ", " // "))


@pytest.mark.parametrize(("question", "settings"), [*LEDGERS, *((t, SIZES) for t in TIMELINES)], ids=ident)
def test_the_numbers_put_in_give_the_bytes(question: Callable, settings: dict) -> None:
    for row in vram.why(question, LLAMA, **settings).rows:
        assert value(row.numbers) == row.nbytes, row


@pytest.mark.parametrize("question", [vram.weights, vram.kv_cache, vram.activations, vram.lora], ids=ident)
def test_the_formula_holds_for_other_sizes(question: Callable) -> None:
    """The formula of one model and setting gives the sizes of another: it is no mere copy of the numbers."""
    settings = {} if question is vram.weights else {"rank": 4} if question is vram.lora else SIZES
    others = {name: 3 * size for name, size in settings.items()}
    larger = LLAMA.replace(hidden_size=192, num_hidden_layers=9, vocab_size=77, intermediate_size=60)
    sizes = {"h": 192, "l": 9, "V": 77, "f": 60, "b": 6, "s": 144, "r": 12}
    for row, real in zip(vram.why(question, LLAMA, **settings).rows, question(larger, **others), strict=True):
        t = row.tensor
        assert tuple(formula_of(n).at(sizes) for n in t.shape) == real.shape, t.name
        assert [formula_of(axis.count).at(sizes) for axis in t.axes] == [axis.count for axis in real.axes]


@pytest.mark.parametrize("name", families_by_name())
def test_traced_sizes_count_what_plain_ones_count(name: str) -> None:
    arch = vram.Architecture.from_config(random_config(families[name], Random(f"{name} traced")))
    plain, traced = vram.weights(arch), vram.weights(arch.traced())
    assert plain == traced and plain.numel == traced.numel
    assert any(isinstance(n, Traced) for t in traced for n in t.shape)


def test_formulas_are_written_as_by_hand() -> None:
    rows = {row.tensor.name: row for row in vram.why(vram.weights, LLAMA).rows}
    q = rows["model.layers.{}.self_attn.q_proj.weight"]
    assert (q.formula, q.numbers) == ("l · (a · (h / a)) · h · 2 B", "5 · (12 · (96 / 12)) · 96 · 2 B")
    (keys, _) = vram.why(vram.kv_cache, vram.models["llama-3-8b"], seq_len=100, engine="vllm").rows
    assert keys.formula == "l · g · ⌈s / 16⌉ · 16 · (h / a) · 2 B"
    assert vram.why(packed, LLAMA).rows[2].formula == "l · ⌈a · (h / a) · h / 2⌉ · 1 B"
    assert "num_experts" in str(vram.why(vram.weights, vram.models["mixtral-8x7b"]))


def test_each_row_says_how_sure_it_is() -> None:
    assert {row.basis for row in vram.why(vram.weights, LLAMA).rows} == {"exact"}
    assert "implementation" in {row.basis for row in vram.why(vram.training, LLAMA, kind="activations", **SIZES).rows}
    measured = vram.why(vram.overhead()).rows
    assert {row.basis for row in measured} == {"measured"} and all(row.source for row in measured)
    assert "measured constant: pytorch issue" in str(vram.why(vram.overhead()))
    assert "depends on the implementation" in vram.why(vram.activations, LLAMA, **SIZES)._repr_html_()


def test_an_answer_by_itself_has_numbers() -> None:
    ledger = vram.weights(LLAMA)
    row = vram.why(ledger).rows[0]
    assert row.formula == row.numbers == "1,003 · 96 · 2 B"
    assert vram.why(vram.training(LLAMA, **SIZES)).total == vram.training(LLAMA, **SIZES).peak


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"phase": "forwards"}, "phase.*forward"), ({"kind": "activation"}, "kind.*activations"),
    ],
)  # fmt: skip
def test_errors_name_what_is_there(arguments: dict, message: str) -> None:
    with pytest.raises(vram.VramError, match=message):
        vram.why(vram.training, LLAMA, **SIZES, **arguments)


def test_other_questions_are_refused() -> None:
    for wrong in (3, None, "weights", lambda arch: 7):
        with pytest.raises(vram.VramError, match="question"):
            vram.why(wrong, LLAMA)
    with pytest.raises(vram.VramError, match="phase"):
        vram.why(vram.weights, LLAMA, phase="forward")
    with pytest.raises(vram.VramError, match="question"):
        vram.why(vram.weights(LLAMA), LLAMA)
    with pytest.raises(vram.VramError, match="plain numbers"):
        vram.why(vram.weights, LLAMA.symbolic())


def test_a_traced_number_is_a_number() -> None:
    n = Traced.named(7, "n")
    assert (n + 1, 1 + n, n - 2, 9 - n, n * 3, n // 2, 20 // n, n % 4, n.ceil_div(2)) == (8, 8, 5, 2, 21, 3, 2, 3, 4)
    assert type(n * 1) is Traced and n + 0 is n and (n * 2).formula == Formula(
        "·", (Formula("n", value=7), Formula("", value=2)), 14
    )
    assert (n + 3).ceil_div(2).formula.text() == "⌈(n + 3) / 2⌉"
    assert ((n - (2 + n)) % 5).formula.text() == "(n − (2 + n)) % 5" and (n // 2).formula.text() == "⌊n / 2⌋"
    assert n == 7 and hash(n) == hash(7) and {7: "x"}[n] == "x" and n / 2 == 3.5


def test_unfolding_needs_no_algebra_package() -> None:
    code = "import sys, vram; vram.why(vram.weights, vram.models['gpt2']); print('sympy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_rows_of_other_kinds_of_number_are_refused() -> None:
    row = Tensor("w", (vram.symbols.h,), vram.dtypes["bf16"])
    with pytest.raises(vram.VramError, match="plain numbers"):
        vram.why(vram.Ledger([row]))
