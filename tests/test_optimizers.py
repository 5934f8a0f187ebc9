"""Optimizer states equal, byte for byte, what real optimizers hold after one step; recipes add up as published."""

import json
from pathlib import Path

import pytest

from vram import Architecture, Ledger, Tensor, VramError, dtypes, gradients, optimizer_states, optimizers, weights
from vram.memory import recipes
from vram.memory.derive import Derived, derive

PUBLISHED = json.loads((Path(__file__).parent / "fixtures" / "published.json").read_text(encoding="utf-8"))["cases"]
CASES = json.loads((Path(__file__).parent / "fixtures" / "optimizer_state.json").read_text(encoding="utf-8"))["cases"]

# What torch calls a wrapped state → how our rows end. The rest are named alike on both sides.
WRAPPED = {"OptimState8bit", "OptimState4bit", "OptimStateFp8"}
SHORT = {"float32": "fp32", "bfloat16": "bf16", "uint8": "uint8"}


def trainable(case: dict) -> Ledger:
    return weights(Architecture.from_config(case["config"]), dtype=case["dtype"])


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_states_are_what_the_real_optimizer_holds(case: dict) -> None:
    states = optimizer_states(trainable(case), case["optimizer"])
    found: dict[str, int] = {}
    wrapped = {key.split(":")[0] for key in case["detail"] if key.split(":")[1] in WRAPPED}
    for row in states:
        name = row.name.rsplit(".", 1)[1]
        owner = row.name.rsplit(".", 2)[1]
        low_bit = owner in wrapped and name in ("codes", "scale", "qmap")
        key = f"{owner}:low-bit" if low_bit else f"{name}:{row.dtype}"
        found[key] = found.get(key, 0) + row.nbytes
    expected: dict[str, int] = {}
    for key, nbytes in case["detail"].items():
        name, dtype = key.split(":")
        expected[f"{name}:low-bit" if dtype in WRAPPED else f"{name}:{SHORT[dtype]}"] = nbytes
    assert found == expected
    assert states.nbytes == case["state_bytes"]


@pytest.mark.parametrize("case", CASES[:2] + CASES[3:4], ids=lambda c: c["id"])
def test_gradients_have_the_size_of_the_parameters(case: dict) -> None:
    ledger = trainable(case)
    assert (ledger.numel, ledger.nbytes, gradients(ledger).nbytes) == (
        case["n_params"], case["param_bytes"], case["grad_bytes"],
    )  # fmt: skip


def test_every_alias_leads_to_one_optimizer() -> None:
    aliases = [alias for o in optimizers.values() for alias in o.aliases]
    assert len(aliases) == len(set(aliases))
    assert not set(aliases) & set(optimizers)
    assert all(optimizers[alias] is o for o in optimizers.values() for alias in o.aliases)


def test_an_unknown_optimizer_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(VramError, match="adamw"):
        optimizer_states(Ledger(), "adamx")


def one(*shape: int, dtype: str = "fp32") -> Ledger:
    return Ledger([Tensor("layers.0.weight", shape, dtypes[dtype], "mlp", op="linear")])


@pytest.mark.parametrize(
    ("shape", "optimizer", "nbytes"),
    [
        ((4095,), "adamw-8bit", 2 * 4 * 4095),
        ((4096,), "adamw-8bit", 2 * (4096 + 4 * 16 + 1024)),
        ((4097,), "adamw-8bit", 2 * (4097 + 4 * 17 + 1024)),
        ((4096,), "adamw-torchao-8bit", 4 + 2 * (4096 + 4 * 16 + 1024)),
        ((4097,), "adamw-torchao-8bit", 4 + 2 * 4 * 4097),
        ((4096 + 128,), "adamw-torchao-4bit", 4 + 2 * (2112 + 4 * 33 + 64)),
        ((4096 + 128,), "adamw-torchao-fp8", 4 + 2 * 4 * 4224),
        ((4095,), "ademamix-8bit", 3 * 4 * 4095),
        ((4096,), "lamb", 2 * 4 * 4096 + 4),
        ((4096,), "lars", 4 * 4096 + 4),
        ((4096,), "lamb-8bit", 2 * (4096 + 4 * 16 + 1024) + 4),
        ((4096,), "lars-8bit", 4096 + 4 * 16 + 1024 + 4),
        ((3, 5), "adafactor", 4 * (3 + 5 + 1)),
        ((2, 3, 5), "adafactor", 4 * (6 + 10 + 1)),
    ],
)  # fmt: skip
def test_small_and_ragged_tensors(shape: tuple[int, ...], optimizer: str, nbytes: int) -> None:
    assert optimizer_states(one(*shape), optimizer).nbytes == nbytes


def test_paged_states_have_the_same_bytes() -> None:
    paged = {name for name, o in optimizers.items() if o.paged}
    assert paged == {name for name in optimizers if name.startswith("paged-")}
    for name in paged:
        plain = optimizer_states(one(64, 100), name.removeprefix("paged-"))
        assert optimizer_states(one(64, 100), name) == plain


def test_the_step_counter_does_not_grow_with_the_model() -> None:
    big, small = optimizer_states(one(4096, 4096)), optimizer_states(one(2, 2))
    assert [t.nbytes for t in big if t.name.endswith("step")] == [t.nbytes for t in small if t.name.endswith("step")]


@pytest.mark.parametrize("optimizer", ["adamw-8bit", "adamw-torchao-4bit", "adamw-torchao-fp8", "adafactor", "muon"])
def test_symbols_and_arrays_give_the_same_as_integers(optimizer: str) -> None:
    import numpy as np

    from vram import symbols

    sizes = [8, 64, 100, 512]
    by_int = [optimizer_states(one(n, n), optimizer).nbytes for n in sizes]
    grid = optimizer_states(one(np.array(sizes), np.array(sizes)), optimizer).nbytes
    symbolic = optimizer_states(one(symbols.h, symbols.h), optimizer).nbytes
    assert list(grid) == by_int
    assert [symbolic.subs(symbols.h, n) for n in sizes] == by_int


# Bytes a parameter of AdamW training: the same model and optimizer, five published figures.
@pytest.mark.parametrize(
    ("recipe", "nbytes"),
    [
        ("bf16", 8),  # pure BF16
        ("bf16-fp32-states", 12),  # QLoRA paper: 780 GB for 65B
        ("bf16-mixed", 16),  # ZeRO paper
        ("fp32", 16),
        ("autocast", 16),
        ("bf16-fp32-gradients", 18),  # Hugging Face documentation
        ("bf16-both-gradients", 20),
    ],
)
def test_bytes_a_parameter_of_each_recipe(recipe: str, nbytes: int) -> None:
    assert bytes_a_parameter(recipe) == nbytes


def bytes_a_parameter(recipe: str, optimizer: str = "adamw") -> float:
    """Weights, gradients, master copy and states of one parameter; the step counter of a tensor left out."""
    how = recipes[recipe]
    held = one(1024, 1024, dtype=how.weights)
    updated = held.cast(how.master) if how.master else held
    states = optimizer_states(updated, optimizer, dtype=how.states).select(lambda t: not t.name.endswith("step"))
    total = held.nbytes + states.nbytes + sum(gradients(held, dtype=g).nbytes for g in how.gradients)
    if how.master:
        total += derive(held, [Derived("master", how.master)]).nbytes
    return total / held.numel


# What is printed about model states, by the recipe that each source assumes.
@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("hf-18bytes", bytes_a_parameter("bf16-fp32-gradients")),
        ("zhihu-20phi", bytes_a_parameter("bf16-both-gradients")),
        ("ultra-7B-16", 7 * bytes_a_parameter("bf16-mixed")),
        ("ultra-405B-16", 405 * bytes_a_parameter("bf16-mixed")),
        ("ultra-1B-20", bytes_a_parameter("bf16-both-gradients")),
        ("ultra-405B-20", 405 * bytes_a_parameter("bf16-both-gradients")),
        ("article-train-4x", bytes_a_parameter("fp32") / 4),  # four times only where everything is FP32
        ("article-sgd", optimizer_states(one(8, 8), "sgd-momentum").nbytes / (8 * 8 * 4)),  # plain SGD keeps nothing
        ("hf-6bytes-infer", (one(8, 8).nbytes + one(8, 8, dtype="bf16").nbytes) / 64),  # FP32 with a cast copy
    ],
)
def test_published_model_states(name: str, ours: float) -> None:
    row = next(c for c in PUBLISHED if c["id"] == name)
    assert abs(ours - row["published"]) <= row["tol"]


@pytest.mark.parametrize(
    ("name", "unit"), [("lora-1.2TB", 1e12), ("hfllama31-train-8B-full", 1e9), ("hfllama31-train-405B-full", 1e9)]
)
def test_published_figures_below_what_their_recipe_needs(name: str, unit: float) -> None:
    row = next(c for c in PUBLISHED if c["id"] == name)
    each = row["published"] * unit / (row["inputs"]["N_B"] * 1e9)
    assert each < 8.1 < bytes_a_parameter("bf16-mixed")
