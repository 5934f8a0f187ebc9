"""Sharing among cards: the ZeRO paper's table, sums over all cards, and what is whole or held twice all the same."""

import json
from itertools import chain
from pathlib import Path

import pytest

from vram import Architecture, Ledger, Tensor, Timeline, VramError, dtypes, inference, models, shard, training
from vram.ledger.tensor import Axis

FIXTURES = Path(__file__).parent / "fixtures"
PUBLISHED = {c["id"]: c for c in json.loads((FIXTURES / "published.json").read_text(encoding="utf-8"))["cases"]}
STATES = ("weights", "gradients", "optimizer states")


def states(timeline: Timeline, phase: str = "backward") -> int:
    return timeline.phases[phase].select(lambda t: t.kind in STATES).nbytes


def of_kind(timeline: Timeline, kind: str, phase: str = "backward") -> int:
    return timeline.phases[phase].select(kind=kind).nbytes


def whole_again(timeline: Timeline, phase: str) -> int:
    """Bytes that are gathered, or not yet divided, for the time of a phase."""
    ends = (", gathered", ", before reduction")
    return timeline.phases[phase].select(lambda t: t.kind == "temporaries" and t.name.endswith(ends)).nbytes


def bare(parameters: int) -> Timeline:
    """Model states of mixed precision, 2 + 2 + 12 bytes a parameter, and nothing else."""
    row = [("weights", "bf16"), ("gradients", "bf16"), *[("optimizer states", "fp32")] * 3]
    tensors = [Tensor(f"w.weight.{i}", (parameters,), dtypes[d], kind) for i, (kind, d) in enumerate(row)]
    return Timeline({"backward": Ledger(tensors)})


@pytest.mark.parametrize("row", [c for c in PUBLISHED.values() if c["id"].startswith("zero-T1")], ids=lambda c: c["id"])
def test_zero_paper(row: dict) -> None:
    i = row["inputs"]
    shared = shard(bare(int(i["N_B"] * 10**9)), dp=i["Nd"], zero=i["stage"])
    assert abs(states(shared) / 1e9 - row["published"]) <= row["tol"]


def test_zero_paper_text() -> None:
    row = PUBLISHED["zero-gpt2-24"]
    assert states(bare(int(row["inputs"]["N_B"] * 10**9))) / 1e9 == row["published"]


LLAMA = models["llama-3-8b"]
SMALL = Architecture(
    hidden_size=96, num_hidden_layers=7, num_attention_heads=12, num_key_value_heads=4, head_dim=8,
    intermediate_size=250, vocab_size=1003,
)  # fmt: skip
EXPERTS = Architecture(
    "mixtral", hidden_size=64, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=4,
    intermediate_size=96, vocab_size=500, num_experts=8, num_experts_per_tok=2,
)  # fmt: skip


@pytest.mark.parametrize("dp", [1, 2, 3, 17])
@pytest.mark.parametrize("zero", [0, 1, 2, 3])
def test_zero_sums_back_over_all_copies(dp: int, zero: int) -> None:
    whole = Timeline(training(SMALL).phases)
    for kind, stage in (("optimizer states", 1), ("gradients", 2), ("weights", 3)):
        total = sum(of_kind(shard(whole, dp=dp, zero=zero, rank={"dp": i}), kind) for i in range(dp))
        assert total == of_kind(whole, kind) * (1 if zero >= stage else dp)


@pytest.mark.parametrize("pp", [1, 2, 3, 7])
def test_stages_sum_back(pp: int) -> None:
    whole = Timeline(training(SMALL).after)  # when backward is over: no layer is in work
    stages = [shard(whole, pp=pp, rank={"pp": i}) for i in range(pp)]
    assert sum(states(stage) for stage in stages) == states(whole)
    held = [stage.phases["backward"].select(kind="weights") for stage in stages]
    layers = [{t.axes[0] for t in rows if t.axes} for rows in held]
    assert sorted(i for axes in layers for axis in axes for i in axis.indices()) == list(range(7))
    assert shard(whole, pp=pp).peak == max(stage.peak for stage in stages)


@pytest.mark.parametrize("pp", [2, 3, 5, 9, 20, 61])
def test_the_most_loaded_stage_is_found_among_all(pp: int) -> None:
    """Three light layers and 58 heavy ones: the stage that holds most may be neither the first nor the last."""

    def row(name: str, size: int, kind: str, axis: Axis) -> Tensor:
        return Tensor(f"l.{{}}.{name}", (size,), dtypes["uint8"], kind, (axis,), "", "mlp")

    light, heavy = Axis(3), Axis(58, 3)
    rows = [row("a.weight", 10, "weights", light), row("b.weight", 1000, "weights", heavy),
            row("x", 1, "activations", light), row("y", 30, "activations", heavy)]  # fmt: skip
    whole = Timeline({"backward": Ledger(rows)})
    assert shard(whole, pp=pp).peak == max(shard(whole, pp=pp, rank={"pp": i}).peak for i in range(pp))


@pytest.mark.parametrize("tp", [1, 2, 4, 12])
def test_matrices_sum_back_and_the_rest_is_on_every_card(tp: int) -> None:
    whole = training(SMALL)
    cards = [shard(whole, tp=tp, arch=SMALL, rank={"tp": i}) for i in range(tp)]
    rows = whole.phases["backward"].select(kind="weights")
    every = rows.select(lambda t: t.part == "norm").nbytes
    keys = rows.select(lambda t: "k_proj" in t.name or "v_proj" in t.name).nbytes
    copies = max(1, tp // 4)  # of the four key/value heads, where there are more cards
    total = sum(of_kind(card, "weights") for card in cards)
    assert total == of_kind(whole, "weights") + (tp - 1) * every + (copies - 1) * keys


@pytest.mark.parametrize("plan", [{"tp": 2, "pp": 2, "dp": 3, "zero": 1}, {"tp": 4, "pp": 7, "dp": 2, "zero": 3}])
def test_all_cards_of_all_degrees_sum_back(plan: dict) -> None:
    whole = training(SMALL)
    total = sum(
        of_kind(shard(whole, **plan, arch=SMALL, rank={"tp": t, "pp": p, "dp": d}), "optimizer states")
        for t in range(plan["tp"])
        for p in range(plan["pp"])
        for d in range(plan["dp"])
    )
    rows = whole.phases["backward"].select(kind="optimizer states")
    once = rows.select(lambda t: t.part == "norm" or t.name.endswith("step")).nbytes
    assert total == rows.nbytes + (plan["tp"] - 1) * once


def test_experts_are_divided_and_the_rest_is_not() -> None:
    whole = training(EXPERTS)
    shared = shard(whole, dp=8, ep=4, arch=EXPERTS)
    rows, mine = (t.phases["backward"].select(kind="weights") for t in (whole, shared))
    expert, other = (lambda t: t.part == "expert"), (lambda t: t.part != "expert")
    assert mine.select(expert).nbytes * 4 == rows.select(expert).nbytes
    assert mine.select(other) == rows.select(other)
    # With ZeRO the experts' states are shared by the two copies of each expert, all others by eight.
    both = shard(whole, dp=8, ep=4, zero=3, arch=EXPERTS).phases["backward"].select(kind="weights")
    assert both.select(expert).nbytes * 8 == rows.select(expert).nbytes


def test_stacked_experts_are_divided_along_the_stack() -> None:
    def row(name: str, *shape: int, kind: str = "weights") -> Tensor:
        return Tensor(f"l.{{}}.experts.{name}", shape, dtypes["fp32"], kind, (Axis(3),), "experts", "expert")

    rows = [row("down_proj.weight", 8, 16, 32), row("down_proj.weight.step", kind="optimizer states")]
    mine = shard(Timeline({"backward": Ledger(rows)}), dp=4, ep=4).phases["backward"]
    assert [t.shape for t in mine] == [(2, 16, 32), ()]


def test_a_tied_embedding_is_on_the_first_and_the_last_stage() -> None:
    whole = training(models["gpt2"])
    first, last = (shard(whole, pp=3, rank={"pp": i}).phases["backward"].select(kind="weights") for i in (0, 2))
    table = "transformer.wte.weight"
    assert table in [t.name for t in first] and table in [t.name for t in last]
    assert "transformer.wpe.weight" in [t.name for t in first]
    assert "transformer.wpe.weight" not in [t.name for t in last]
    untied = shard(training(LLAMA), pp=4, rank={"pp": 3}).phases["backward"].select(kind="weights")
    assert "model.embed_tokens.weight" not in [t.name for t in untied]


def test_stage_three_gathers_two_layers_and_what_is_outside() -> None:
    whole = Timeline(training(LLAMA).phases)  # the moments as they are: backward ends with all gradients
    shared = shard(whole, dp=8, zero=3)
    weights = whole.phases["forward"].select(kind="weights")
    layer = weights.layer(0).nbytes
    outside = weights.select(lambda t: not t.axes).nbytes
    assert whole_again(shared, "forward") == 2 * layer + outside
    assert whole_again(shared, "backward") == 2 * layer + outside + layer  # and a layer's gradients
    assert whole_again(shared, "optimizer step") == 0
    assert whole_again(shard(whole, dp=8, zero=2), "backward") == layer
    assert whole_again(shard(whole, dp=8, zero=1), "backward") == 0
    assert whole_again(shard(whole, dp=2, zero=2), "backward") == layer
    assert shard(whole, dp=1, zero=3).peak == whole.peak


def test_the_heaviest_kind_of_layer_is_gathered() -> None:
    def row(name: str, width: int, axis: Axis) -> Tensor:
        return Tensor(f"l.{{}}.{name}.weight", (width, width), dtypes["bf16"], "weights", (axis,), "linear", "mlp")

    light, heavy = row("light", 10, Axis(90)), row("heavy", 30, Axis(10, 90))
    gathered = whole_again(shard(Timeline({"forward": Ledger([light, heavy])}), dp=8, zero=3), "forward")
    assert gathered == 2 * 30 * 30 * 2


def activations_of(layers: int) -> Timeline:
    rows = [
        Tensor("layers.{}.mlp.hidden", (2, 128, 64), dtypes["bf16"], "activations", (Axis(layers),), "", "mlp"),
        Tensor("layers.{}.norm.input", (2, 128, 16), dtypes["bf16"], "activations", (Axis(layers),), "", "norm"),
        Tensor("logits", (2, 128, 100), dtypes["fp32"], "logits"),
        Tensor("layers.{}.keys", (2, 4, 128, 8), dtypes["bf16"], "KV cache", (Axis(layers),), "", "attention"),
        Tensor("context", (1000,), dtypes["uint8"], "overhead"),
    ]
    return Timeline({"backward": Ledger(rows)}, settings={"seq_len": 128})


def test_the_first_stage_keeps_most_batches() -> None:
    whole = activations_of(8)
    layer = of_kind(whole, "activations") // 8
    kept = [of_kind(shard(whole, pp=4, rank={"pp": i}), "activations") for i in range(4)]
    assert kept == [2 * layer * batches for batches in (4, 3, 2, 1)]
    assert of_kind(shard(whole, pp=4, microbatches=2, rank={"pp": 0}), "activations") == 2 * layer * 2
    assert [of_kind(shard(whole, pp=4, rank={"pp": i}), "logits") for i in range(4)] == [0, 0, 0, 2 * 128 * 100 * 4]
    assert of_kind(shard(whole, pp=4), "overhead") == 1000


def test_activations_under_tensor_parallelism() -> None:
    whole = activations_of(8)
    hidden, stream = 8 * 2 * 128 * 64 * 2, 8 * 2 * 128 * 16 * 2
    assert of_kind(shard(whole, tp=4), "activations") == hidden // 4 + stream
    assert of_kind(shard(whole, tp=4, sequence_parallel=True), "activations") == (hidden + stream) // 4
    assert of_kind(shard(whole, tp=4), "logits") == 2 * 128 * 25 * 4
    assert of_kind(shard(whole, tp=4), "KV cache") == of_kind(whole, "KV cache") // 4
    assert of_kind(shard(whole, tp=16), "KV cache") == of_kind(whole, "KV cache") // 4  # a head at least


def test_context_parallelism_divides_what_has_tokens() -> None:
    whole = activations_of(8)
    shared = shard(whole, cp=4)
    for kind in ("activations", "logits", "KV cache"):
        assert of_kind(shared, kind) * 4 == of_kind(whole, kind)
    assert of_kind(shared, "overhead") == 1000
    states_only = training(SMALL)
    assert states(shard(states_only, cp=4)) == states(states_only)
    assert states(shard(states_only, cp=4, zero=3)) == states(shard(states_only, dp=4, zero=3))


def test_offloading() -> None:
    whole = training(LLAMA)
    optimizer = shard(whole, dp=2, zero=2, offload="optimizer")
    assert of_kind(optimizer, "optimizer states") == of_kind(optimizer, "gradients") == 0
    assert of_kind(optimizer, "weights") == of_kind(whole, "weights")
    everything = shard(whole, dp=2, zero=3, offload="parameters")
    assert states(everything) == 0
    assert whole_again(everything, "forward") == whole_again(shard(whole, dp=2, zero=3), "forward") > 0
    plain = shard(whole, offload="optimizer")
    assert of_kind(plain, "gradients") == of_kind(whole, "gradients")


def test_adapters_face_one_cut_and_one_whole_side() -> None:
    whole = training(SMALL, lora={"rank": 4})
    card = shard(whole, tp=2, arch=SMALL).phases["forward"].select(lambda t: t.kind == "weights" and "lora" in t.name)
    size = {t.name.split("base_model.model.")[-1]: t.size for t in card}
    layer = "model.layers.{}."
    assert size[f"{layer}self_attn.q_proj.lora_A.weight"] == 4 * 96
    assert size[f"{layer}self_attn.q_proj.lora_B.weight"] == 4 * 96 // 2
    assert size[f"{layer}mlp.down_proj.lora_A.weight"] == 4 * 250 // 2
    assert size[f"{layer}mlp.down_proj.lora_B.weight"] == 4 * 96


@pytest.mark.parametrize("tp", [1, 2, 4, 8])
def test_a_fused_matrix_holds_a_key_head_on_every_card(tp: int) -> None:
    arch = Architecture("phi3", hidden_size=128, num_hidden_layers=2, num_attention_heads=8, num_key_value_heads=2,
                        intermediate_size=192, vocab_size=96)  # fmt: skip
    whole = training(arch, seq_len=8)
    name, d = "model.layers.{}.self_attn.qkv_proj.weight", 16
    cards = [shard(whole, tp=tp, rank={"tp": i}).phases["forward"].select(kind="weights") for i in range(tp)]
    assert {card[name].shape for card in cards} == {((8 // tp + 2 * max(1, 2 // tp)) * d, 128)}


def test_keys_that_are_held_twice_in_activations() -> None:
    rows = [Tensor(f"l.{{}}.self_attn.sdpa:{x}", (1, 64, heads, 16), dtypes["bf16"], "activations", (Axis(2),), "",
                   "attention") for x, heads in (("query", 8), ("key", 2), ("value", 2))]  # fmt: skip
    arch = Architecture(hidden_size=128, num_attention_heads=8, num_key_value_heads=2)
    whole = Timeline({"forward": Ledger(rows)}, settings={"arch": arch})
    for tp, parts in ((2, (2, 2, 2)), (4, (4, 2, 2)), (8, (8, 2, 2))):
        for i in range(tp):
            mine = shard(whole, tp=tp, rank={"tp": i}).phases["forward"]
            assert [t.size * n for t, n in zip(mine, parts, strict=True)] == [t.size for t in rows]


@pytest.mark.parametrize("pp", [2, 4])
def test_stages_keep_their_experts(pp: int) -> None:
    whole = training(EXPERTS, seq_len=8)
    stages = [shard(whole, pp=pp, rank={"pp": i}) for i in range(pp)]
    assert sum(states(stage, "optimizer step") for stage in stages) == states(whole, "optimizer step")


def test_all_cards_of_a_mesh_sum_back_with_experts_and_context() -> None:
    whole = training(EXPERTS, seq_len=8)
    for plan in ({"dp": 4, "cp": 2, "zero": 3}, {"dp": 4, "ep": 2, "zero": 3}, {"dp": 2, "cp": 3, "ep": 2, "zero": 3}):
        every = [
            shard(whole, **plan, rank={"dp": d, "cp": c}).phases["optimizer step"].select(kind="optimizer states")
            for d in range(plan["dp"])
            for c in range(plan.get("cp", 1))
        ]
        assert sum(card.nbytes for card in every) == of_kind(whole, "optimizer states", "optimizer step")


def test_what_a_layer_in_work_needs_is_on_every_stage() -> None:
    rows = [
        Tensor("l.{}.mlp.up_proj.weight", (4, 4), dtypes["fp32"], "weights", (Axis(6),), "linear", "mlp"),
        Tensor("l.{}.mlp.act:output.grad", (10,), dtypes["fp32"], "temporaries"),
    ]
    stages = [shard(Timeline({"backward": Ledger(rows)}), pp=3, rank={"pp": i}) for i in range(3)]
    assert [of_kind(stage, "temporaries") for stage in stages] == [40, 40, 40]


@pytest.mark.parametrize("stored", ["nf4", "int8", "gptq", "awq", "mxfp4", "torchao-int8", "Q4_K_M"])
def test_quantised_weights_are_cut_with_their_scales(stored: str) -> None:
    whole = inference(LLAMA, seq_len=64, weights=stored)
    cards = [shard(whole, tp=4, rank={"tp": i}).phases["decode"] for i in range(4)]
    rows = whole.phases["decode"].select(kind="weights")
    once = rows.select(lambda t: t.part == "norm" or t.name.endswith(("quant_map", "nested_offset"))).nbytes
    # A scale for each output is whole where a matrix is cut by inputs, a group for each input where it is by outputs.
    outputs, inputs = ("SCB", "weight.scale", "zero_point"), ("g_idx",)
    by_inputs = lambda t: "o_proj" in t.name or "down_proj" in t.name  # noqa: E731
    facing = rows.select(lambda t: t.name.endswith(outputs if by_inputs(t) else inputs)).nbytes
    total = sum(card.select(kind="weights").nbytes for card in cards)
    assert total == rows.nbytes + 3 * (once + facing)
    caches = [card.select(kind="KV cache").nbytes for card in cards]
    assert sum(caches) == whole.phases["decode"].select(kind="KV cache").nbytes and len(set(caches)) == 1


def test_fused_queries_keys_and_values() -> None:
    arch = Architecture("gpt2", hidden_size=96, num_hidden_layers=2, num_attention_heads=4)
    card = shard(training(arch), tp=4, arch=arch).phases["forward"].select(kind="weights")
    assert card["transformer.h.{}.attn.c_attn.weight"].size == 96 * 3 * 96 // 4
    assert card["transformer.h.{}.attn.c_attn.bias"].size == 3 * 96 // 4
    assert card["transformer.h.{}.attn.c_proj.weight"].size == 96 * 96 // 4
    assert card["transformer.h.{}.attn.c_proj.bias"].size == 96
    assert card["transformer.h.{}.mlp.c_fc.weight"].size == 4 * 96 * 96 // 4


@pytest.mark.parametrize("zero", [1, 2, 3])
def test_more_copies_never_need_more(zero: int) -> None:
    whole = Timeline(training(SMALL).phases)
    peaks = [states(shard(whole, dp=n, zero=zero)) for n in range(1, 40)]
    assert peaks == sorted(peaks, reverse=True)


def test_symbols_and_arrays_are_shared_too() -> None:
    import numpy as np

    from vram import symbols as S

    widths = [96, 960]
    archs = [SMALL.replace(hidden_size=h) for h in widths]
    by_int = [shard(training(a), dp=8, zero=3).peak for a in archs]
    assert list(shard(training(SMALL.replace(hidden_size=np.array(widths))), dp=8, zero=3).peak) == by_int
    symbolic = shard(training(SMALL.replace(hidden_size=S.h)), dp=8, zero=3).peak
    assert [symbolic.subs(S.h, h) for h in widths] == by_int


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"tp": 5}, "num_attention_heads"), ({"tp": 3}, "num_key_value_heads"), ({"tp": 0}, "tp"),
        ({"pp": 8}, "7 layers"), ({"zero": 4}, "zero"),
        ({"zero": True}, "zero"), ({"dp": 1.5}, "dp"), ({"ep": 2}, "divide dp"), ({"ep": 2, "dp": 2}, "no experts"),
        ({"offload": "disk"}, "parameters"), ({"offload": "parameters"}, "zero=3"), ({"rank": {"dp": 1}}, "rank"),
        ({"rank": {"xp": 0}}, "dp"), ({"microbatches": 0}, "microbatches"),
    ],
)  # fmt: skip
def test_errors(plan: dict, message: str) -> None:
    with pytest.raises(VramError, match=message):
        shard(training(SMALL), arch=SMALL, **plan)


def test_experts_must_divide() -> None:
    with pytest.raises(VramError, match="num_experts"):
        shard(training(EXPERTS), dp=3, ep=3, arch=EXPERTS)
    with pytest.raises(VramError, match="timeline"):
        shard(LLAMA, dp=2)


@pytest.mark.parametrize("tp", [1, 2, 4, 8])
def test_published_formulas_of_megatron(tp: int) -> None:
    """A layer's activations, arXiv 2205.05198: sbh(10 + 24/t + 5as/ht), and sbh(34 + 5as/h)/t when all is cut."""
    from vram import activations

    h, a, s, b, layers = 1024, 16, 512, 2, 4
    arch = Architecture("gpt2", hidden_size=h, num_hidden_layers=layers, num_attention_heads=a)
    saved = activations(arch, batch=b, seq_len=s, implementation="megatron")
    whole = Timeline({"forward": saved}, settings={"arch": arch, "seq_len": s})
    cut, all_cut = (shard(whole, tp=tp, sequence_parallel=sp).phases["forward"] for sp in (False, True))
    assert cut.layer(0).nbytes == s * b * h * 10 + (24 * s * b * h + 5 * a * s * s * b) // tp
    assert all_cut.layer(0).nbytes == (34 * s * b * h + 5 * a * s * s * b) // tp


def test_each_card_has_a_largest_moment_of_its_own() -> None:
    """The head's logits are the peak of one card and of the last stage; the first stage never sees them."""
    whole = training(LLAMA, batch=2, seq_len=512)
    first, last = (shard(whole, pp=4, rank={"pp": i}) for i in (0, 3))
    assert whole.moments["start of backward"] == last.moments["start of backward"] == "backward of loss:log_softmax"
    assert "loss" not in first.moments["backward"]
    assert of_kind(first, "logits", "forward") == 0 < of_kind(first, "temporaries", "backward")


@pytest.mark.parametrize("plan", [{"tp": 4}, {"tp": 2, "sequence_parallel": True}, {"cp": 4}, {"tp": 2, "pp": 2}])
def test_no_moment_of_a_card_is_larger_than_its_peak(plan: dict) -> None:
    """Every moment that the card could be largest at, shared by itself: none exceeds what `shard` answers."""
    whole = training(LLAMA, batch=2, seq_len=512, checkpointing="full")
    answer = shard(whole, **plan)
    for phase, places in whole.choices.items():
        for moment in chain.from_iterable(places):
            one = Timeline({phase: moment.ledger()}, settings=whole.settings)
            assert shard(one, **plan, rank={"pp": 0}).peak <= answer.nbytes(phase) or plan.get("pp", 1) > 1


@pytest.mark.parametrize("tp", [2, 4, 8])
def test_gradients_on_their_way_are_cut_as_their_tensors_are(tp: int) -> None:
    """Inside attention and MLP and at the head a card has its part; the stream between them is whole."""
    whole = training(LLAMA, batch=2, seq_len=512)
    candidates = chain.from_iterable(chain.from_iterable(whole.choices.values()))
    rows = {row.name: row for m in candidates for row in map(m.row, m.alive)}
    single = Timeline({"backward": Ledger(rows.values())}, settings=whole.settings)
    mine = {t.name: t for t in shard(single, tp=tp).phases["backward"]}
    layer = "model.layers.{}"
    for name in (
        "lm_head:output.grad", "lm_head.weight.grad", "model.embed_tokens.weight.grad",
        f"{layer}.mlp.down_proj:input.grad", f"{layer}.self_attn.o_proj.weight.grad",
    ):  # fmt: skip
        assert mine[name].size * tp == rows[name].size, name
    assert mine["model.norm:normed.grad"].size == rows["model.norm:normed.grad"].size


def test_an_encoder_with_a_decoder_is_no_pipeline() -> None:
    step = training(models["t5-small"], seq_len=64)
    assert shard(step, tp=2).peak < step.peak
    with pytest.raises(VramError, match="pp: 2 given, but t5"):
        shard(step, pp=2)
