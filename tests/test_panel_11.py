"""The panel that reads an out-of-memory message: the tensor, the advice, and text from outside that stays harmless."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from covering import states
from vram import VramError, explain_oom, models, parse_oom, printed_size
from vram.ledger.units import gib
from vram.show import View, oom_panel
from vram.show.panels.lesson11 import SAMPLES, outside

CASES = json.loads((Path(__file__).parent / "fixtures/oom_messages.json").read_text(encoding="utf-8"))["cases"]
NEW, OLD, FRAGMENTED, SHORT = SAMPLES


def test_every_row_prints_as_the_message_says() -> None:
    panel = oom_panel()
    for state in states(panel):
        view, said = panel.view(**state), parse_oom(state["message"])
        *matches, _, _ = view.tables[0].rows
        for row in matches:
            assert printed_size(int(row[3].replace(",", ""))) == said.printed
        setting = {name: state[name] for name in ("batch", "seq_len", "dtype")}
        found = explain_oom(state["message"], models[state["model"]], **setting)
        assert sorted(row[0] for row in matches) == sorted(tensor.name for tensor in found)
        assert said.printed in view.verdict


@pytest.mark.parametrize("case", [c for c in CASES if c["model"] == "llama-2-70b"], ids=lambda c: c["id"])
def test_the_tensor_of_a_real_message(case: dict) -> None:
    message = f"CUDA out of memory. Tried to allocate {case['printed']}"
    view = oom_panel().view(message=message, model=case["model"], dtype="fp16")
    size = eval(case["formula"], {"h": models[case["model"]].hidden_size})
    assert view.formula[0].endswith(f"= {size:,} B, printed as {case['printed']}")


def test_the_card_is_drawn_as_the_message_says() -> None:
    said = parse_oom(NEW)
    picture = oom_panel().view().picture
    for name, n in (("allocated", said.allocated), ("cached", said.fragmented),
                    ("outside of PyTorch", outside(said)), ("free", said.free), ("request", said.tried)):  # fmt: skip
        assert f"{name} {gib(n)}" in picture
    assert said.allocated + said.fragmented + outside(said) + said.free == said.total
    assert f"capacity in the message, {gib(said.total)}" in picture


def advice(**state: object) -> str:
    return oom_panel().view(**state).detail


def message(total: str = "24.00", allocated: str = "10.00", free: str = "1.00", tried: str = "2.00 GiB",
            reserved: str = "22.00") -> str:  # fmt: skip
    return (
        f"CUDA out of memory. Tried to allocate {tried} (GPU 0; {total} GiB total capacity; {allocated} GiB already "
        f"allocated; {free} GiB free; {reserved} GiB reserved in total by PyTorch)"
    )


def test_one_thing_to_do() -> None:
    assert advice(message=OLD, model="llama-2-70b", dtype="fp16").startswith("The weights alone take 128.48 GiB")
    assert "expandable_segments:True" in advice(message=FRAGMENTED, model="llama-2-7b")
    assert advice(message=message(reserved="11.00"), model="gpt2-xl").startswith("12.00 GiB of the card are outside")
    assert advice().startswith("Logits")
    assert advice(message=SHORT).startswith("Compare")


def test_what_is_loaded_already_did_not_fail() -> None:
    """1002.00 MiB is the size of Llama 3 8B's embedding, and of its logits."""
    loading = message(total="24.00", allocated="3.00", free="0.50", tried="1002.00 MiB", reserved="3.20")
    full = message(total="24.00", allocated="22.00", free="0.50", tried="1002.00 MiB", reserved="22.20")
    names = {said: oom_panel().view(message=said).tables[0].rows[0][0] for said in (loading, full)}
    assert names == {loading: "model.embed_tokens.weight", full: "logits"}


def test_a_small_request_names_no_tensor() -> None:
    assert "above 1 and below 10 MiB" in oom_panel().view(message=SHORT).verdict
    assert "up to 1 MiB" in oom_panel().view(message=SHORT.replace("20.00", "2.00")).verdict


def test_a_request_that_nothing_explains() -> None:
    view = oom_panel().view(message="CUDA out of memory. Tried to allocate 1234.00 GiB")
    assert view.verdict == "No tensor of Llama 3 8B in this setting prints as 1234.00 GiB."
    assert len(view.tables[0].rows) == 2


HOSTILE = '<script>alert(1)</script> Tried to allocate 448.00 MiB <img src=x onerror="alert(1)">'


def test_a_pasted_text_is_text_and_never_markup() -> None:
    panel = oom_panel()
    panel.set(message=HOSTILE)
    shown = panel._repr_mimebundle_()["text/html"] + panel.widget.answer.html
    assert "<script" not in shown and "onerror=&quot;" in shown and shown.count("<img ") == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "Tried to allocate"), ("<b>no message</b>", "Tried to allocate"), ("x" * 20_001, "20,001 characters given")],
)
def test_a_text_that_is_no_message_keeps_the_last_answer(text: str, problem: str) -> None:
    panel = oom_panel()
    field, answer = panel.widget.children[0].children[0], panel.widget.answer
    good = answer.html
    field.value = text
    assert problem in answer.problem and 'role="alert"' in answer.problem and answer.html == good
    assert "<b>no" not in answer.problem
    field.value = OLD
    assert answer.html == panel.render(message=OLD) and not answer.problem


def test_what_is_no_text_is_named() -> None:
    with pytest.raises(VramError, match="message: a int given, a text is needed"):
        oom_panel().set(message=7)
    with pytest.raises(VramError, match="message: 20,001 characters given, at most 20,000"):
        oom_panel().render(message="x" * 20_001)
    assert isinstance(oom_panel().view(message=SHORT + " " * 100), View)


def test_the_field_has_a_name_and_waits_until_it_is_left() -> None:
    field = oom_panel().widget.children[0].children[0]
    assert field.description == "Out-of-memory message" and not field.continuous_update
