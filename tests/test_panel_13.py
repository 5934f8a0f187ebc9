"""The panel of lesson 13: parts add up to models, reading never exceeds what is resident, caches are the library's."""

from __future__ import annotations

import re
from math import prod

import vram
from covering import states
from vram.ledger.units import count, gib
from vram.show import experts_panel

PANEL = experts_panel()
MODELS = PANEL.controls[0].values


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_parts_add_up_to_the_model() -> None:
    for model in MODELS:
        arch = vram.models[model]
        *parts, total, cache = PANEL.view(model=model).tables[0].rows
        for column, whole in ((1, vram.weights(arch).numel), (2, vram.active_parameters(arch))):
            assert sum(number(row[column]) for row in parts) == number(total[column]) == whole, model
        assert cache[3] == gib(vram.kv_cache(arch, seq_len=8192).nbytes), model


def test_parts_are_resident_in_the_format_of_the_weights() -> None:
    for base in PANEL.controls[1].values:
        *parts, total, _ = PANEL.view(base=base).tables[0].rows
        stored = vram.stored_weights(vram.models["mixtral-8x7b"], base)
        assert total[3] == gib(stored.nbytes)
        experts = stored.select(lambda t: t.part == "expert")
        assert parts[0][3] == gib(experts.nbytes)


def test_the_formulas_multiply_to_their_sums() -> None:
    for model in MODELS:
        for line in PANEL.view(model=model).formula:
            if "·" not in line:
                assert count(vram.weights(vram.models[model]).numel) in line
                continue
            rest, product, total = re.search(r"= ([\d,]+) \+ ([\d,· ]+) = ([\d,]+)", line).groups()
            assert number(rest) + prod(number(n) for n in product.split("·")) == number(total), model


def test_a_step_reads_no_more_than_is_resident() -> None:
    for state in states(PANEL):
        arch = vram.models[state["model"]]
        how = {"batch": state["batch"], "seq_len": state["seq_len"]}
        stored = vram.stored_weights(arch, state["base"]).nbytes
        held = vram.kv_cache(arch, dtype=state["kv"], **how).nbytes
        step = vram.decode_time(arch, gpu="T4", weights=state["base"], kv=state["kv"], **how)
        assert step.nbytes - held <= stored, state
        detail = PANEL.view(**state).detail
        assert f"at most {gib(step.nbytes - held)} of weights" in detail and f"takes {gib(held)}," in detail, state


def test_the_table_of_caches_says_what_windows_and_latent_vectors_save() -> None:
    def sizes(model: str) -> list[str]:
        return [row[1] for row in PANEL.view(model=model, seq_len=131_072).tables[1].rows]

    kept, every_token, every_head = sizes("gemma-3-27b")
    assert kept != every_token == every_head == gib(2 * 62 * 16 * 128 * 2 * 131_072)
    kept, every_token, every_head = sizes("deepseek-v3")
    assert kept == every_token != every_head == gib(61 * 128 * (192 + 128) * 2 * 131_072)
    assert len(set(sizes("mixtral-8x7b"))) == 1


def test_it_opens_on_the_published_counts_of_mixtral() -> None:
    verdict = PANEL.view().verdict
    assert verdict.startswith("46,702,792,704 parameters are resident, 86.99 GiB")
    assert "12,879,925,248 of them, 27.6 %" in verdict
