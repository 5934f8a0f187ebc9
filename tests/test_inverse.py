"""The largest that fits: it fits, one more does not; the smallest card, the fewest cards, the one change to make."""

import pytest

from vram import (
    Architecture,
    Ledger,
    Tensor,
    Timeline,
    VramError,
    dtypes,
    fewest_gpus,
    gpus,
    gpus_that_fit,
    inference,
    kv_cache,
    lora,
    max_batch,
    max_context,
    max_rank,
    models,
    shard,
    single_changes,
    smallest_gpu,
    training,
    weights,
)
from vram.memory.inverse import CHANGES, MOST
from vram.memory.search import largest_within

SMALL = Architecture(hidden_size=256, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=4,
                     intermediate_size=688, vocab_size=1000)  # fmt: skip


def serving(arch: Architecture, *, batch=1, seq_len=2048, kv="bf16", weights_in="bf16") -> Timeline:
    """A stand-in for a question: weights and cache, nothing else."""
    held = weights(arch, dtype=weights_in).file_under("weights")
    return Timeline({"decode": held + kv_cache(arch, batch=batch, seq_len=seq_len, dtype=kv)})


#: Ways in which memory grows: a line, a parabola, another phase as the peak, pages, the blocks of llama.cpp.
GROWTH = {
    "line": lambda n: 5_000 + 7 * n,
    "parabola": lambda n: 5_000 + 7 * n + 3 * n * n,
    "bend": lambda n: max(1_000_000, 5_000 + 7 * n, 19 * n - 3_000_000),
    "flat, then a parabola": lambda n: max(10**9, n * n),
    "pages": lambda n: 5_000 + 7 * -(-n // 16) * 16,
    "blocks": lambda n: 5_000 + 7 * -(-n // 256) * 256,
    "one step": lambda n: 10**6 * (n > 1000),
    "steep": lambda n: n**5,
}
#: So many questions are enough; halving alone takes twice the digits of the answer.
QUESTIONS = {"line": 5, "parabola": 8, "bend": 40, "flat, then a parabola": 30, "steep": 30}


class Counting:
    """A need that remembers what it was asked."""

    def __init__(self, need):
        self.need, self.asked = need, []

    def __call__(self, n: int) -> int:
        self.asked.append(n)
        return self.need(n)


@pytest.mark.parametrize("growth", GROWTH)
def test_the_search_is_exact(growth: str) -> None:
    need = GROWTH[growth]
    for answer in (1, 2, 3, 7, 8, 255, 256, 257, 1000, 1024, 1025, 65_537, 2**20, 2**29 + 1):
        for budget in (need(answer), max(need(answer), need(answer + 1) - 1)):
            counted = Counting(need)
            found = largest_within(counted, budget, MOST)
            asked = counted.asked
            assert need(found) <= budget and (found == MOST or need(found + 1) > budget)
            assert len(asked) == len(set(asked)) <= QUESTIONS.get(growth, 60)


def test_the_search_ends_where_it_is_told() -> None:
    for most in (1, 2, 1000, 5000):
        assert largest_within(lambda n: 0, 0, most) == most
        assert largest_within(lambda n: n, 5000, most) == most
    assert largest_within(lambda n: n, 0, 1000) == 0
    assert largest_within(lambda n: n, 999, 1000) == 999


def test_arrays_are_searched_element_by_element() -> None:
    import numpy as np

    limits = np.array([[0, 1, 2, 3], [7, 8, 1000, 2**20]])
    assert (largest_within(lambda n: n - limits, 0, MOST) == limits).all()
    assert (largest_within(lambda n: n - limits, 0, 500) == np.minimum(limits, 500)).all()
    assert (largest_within(lambda n: n + limits * 0, 0, 500) == 0).all()


@pytest.mark.parametrize("model", ["llama-2-7b", "llama-3-8b"])
@pytest.mark.parametrize("gpu", ["A10", "RTX 4090", "A100-80GB"])
def test_the_largest_batch_and_context(model: str, gpu: str) -> None:
    arch, budget = models[model], gpus[gpu].usable_bytes
    free = budget - weights(arch).nbytes
    token = kv_cache(arch, seq_len=1).nbytes
    assert max_batch(arch, gpu=gpu, of=serving, seq_len=512) == free // (512 * token)
    assert max_context(arch, gpu=gpu, of=serving) == free // token
    assert max_context(arch, gpu=gpu, of=serving, kv="fp8") == free // (token // 2)


def test_a_grid_of_settings_at_once() -> None:
    import numpy as np

    arch = models["llama-3-8b"]
    lengths = np.array([128, 1000, 8192, 500_000])
    found = max_batch(arch, gpu="A10", of=serving, seq_len=lengths)
    assert list(found) == [max_batch(arch, gpu="A10", of=serving, seq_len=int(n)) for n in lengths]
    assert found[-1] == 0


def test_nothing_fits() -> None:
    assert max_batch(models["llama-3-70b"], gpu="A10", of=serving) == 0
    assert max_context(models["llama-3-70b"], gpu="A10", of=serving) == 0


def test_the_largest_rank() -> None:
    arch = models["llama-2-7b"]

    def peak(rank: int) -> int:
        return training(arch, lora={"rank": rank, "targets": ["q_proj", "v_proj"]}, recipe="bf16").peak

    setting = {"lora": {"targets": ["q_proj", "v_proj"]}, "recipe": "bf16"}
    gpu = (peak(1) + peak(4096)) // 2
    rank = max_rank(arch, gpu=gpu, **setting)
    assert peak(rank) <= gpu < peak(rank + 1)
    assert max_rank(arch, gpu=peak(1) - 1, **setting) == 0
    assert max_rank(arch, gpu=peak(4096), **setting) == arch.hidden_size
    assert lora(arch, rank=rank).numel  # a rank that peft would take


def test_sharing_makes_room() -> None:
    arch = models["llama-2-7b"]
    alone = max_batch(arch, gpu="A10", of=serving, seq_len=100)
    shared = max_batch(arch, gpu="A10", of=serving, seq_len=100, shard={"tp": 2, "arch": arch})
    assert shared > 2 * alone
    peak = shard(serving(arch, batch=shared, seq_len=100), tp=2, arch=arch).peak
    more = shard(serving(arch, batch=shared + 1, seq_len=100), tp=2, arch=arch).peak
    assert peak <= gpus["A10"].usable_bytes < more


@pytest.mark.parametrize("model", ["llama-3-8b", "mistral-7b-v0.1", "gemma-2-9b"])
@pytest.mark.parametrize("engine", ["transformers", "vllm", "llama.cpp"])
def test_the_longest_context_of_the_real_timeline(model: str, engine: str) -> None:
    arch, budget = models[model], gpus["A10"].usable_bytes
    found = max_context(arch, gpu="A10", engine=engine)
    fits, more = (inference(arch, seq_len=n, engine=engine).peak for n in (found, found + 1))
    assert fits <= budget < more


def test_the_largest_batch_of_the_real_timeline() -> None:
    arch, budget = models["llama-3-8b"], gpus["H200"].usable_bytes
    setting = {"recipe": "bf16", "optimizer": "adamw-8bit", "seq_len": 4096, "checkpointing": "full"}
    found = max_batch(arch, gpu="H200", **setting)
    assert training(arch, batch=found, **setting).peak <= budget < training(arch, batch=found + 1, **setting).peak


def test_changes_of_inference() -> None:
    changes = single_changes(models["llama-2-13b"], gpu="RTX 4090", of="inference", seq_len=2048)
    assert {c.setting for c in changes if c.fits} == {"weights"}
    assert any(c.setting == "kv" and not c.fits for c in changes)


def bytes_of(nbytes: int) -> Timeline:
    return Timeline({"forward": Ledger([Tensor("w.weight", (nbytes,), dtypes["uint8"], "weights")])})


def test_the_smallest_card() -> None:
    for card in gpus.values():
        found = smallest_gpu(bytes_of(card.usable_bytes))
        assert found.usable_bytes == card.usable_bytes
        larger = smallest_gpu(card.usable_bytes + 1)
        assert larger is None or larger.usable_bytes > card.usable_bytes
    assert smallest_gpu(10**15) is None
    sizes = [card.usable_mib for card in gpus_that_fit(0)]
    assert len(sizes) == len(gpus) and sizes == sorted(sizes)


@pytest.mark.parametrize("need", [*range(1, 1001, 37), 100, 101, 12_345])
def test_the_fewest_cards_share_states(need: int) -> None:
    timeline = Timeline({"optimizer step": Ledger([Tensor("m", (need,), dtypes["uint8"], "optimizer states")])})
    fewest = -(-need // 100)
    assert fewest_gpus(timeline, gpu=100, zero=1) == fewest
    assert fewest_gpus(timeline, gpu=100, zero=1, most=fewest) == fewest
    assert fewest == 1 or fewest_gpus(timeline, gpu=100, zero=1, most=fewest - 1) is None
    assert fewest_gpus(timeline, gpu=100, zero=1, tp=3, most=3 * fewest) == 3 * fewest  # tp does not cut such a row


def test_the_fewest_cards_of_each_way() -> None:
    whole = training(models["llama-3-8b"])
    budget = gpus["A100-80GB"].usable_bytes
    n = fewest_gpus(whole, gpu="A100-80GB")
    assert shard(whole, dp=n, zero=3).peak <= budget < shard(whole, dp=n - 1, zero=3).peak
    n = fewest_gpus(whole, gpu="L40S", over="pp")
    assert shard(whole, pp=n).peak <= gpus["L40S"].usable_bytes < shard(whole, pp=n - 1).peak
    assert fewest_gpus(whole, gpu="T4", over="pp") is None  # the first stage keeps pp batches: its room never shrinks
    n = fewest_gpus(whole, gpu="A10", over="tp", arch=models["llama-3-8b"])
    assert n in (1, 2, 4, 8, 16, 32)
    assert shard(whole, tp=n).peak <= gpus["A10"].usable_bytes < shard(whole, tp=n // 2).peak
    assert fewest_gpus(whole, gpu="A100-80GB", tp=4, zero=1) % 4 == 0
    assert fewest_gpus(training(models["llama-3.1-405b"]), gpu="T4", zero=1) is None


def test_one_change_at_a_time() -> None:
    arch = models["llama-2-7b"]
    changes = single_changes(arch, gpu="A100-80GB", recipe="bf16-mixed")
    order = [setting for setting, _ in CHANGES]
    places = [(not c.fits, order.index(c.setting)) for c in changes]
    assert places == sorted(places)
    by_setting = {(c.setting, c.value): c for c in changes}
    assert ("recipe", "bf16-mixed") not in by_setting  # it is the setting already
    assert not any(setting == "base" for setting, _ in by_setting)  # without adapters nothing is frozen
    now = training(arch, recipe="bf16-mixed").peak
    assert all(change.peak < now for change in changes)
    for (setting, value), change in by_setting.items():
        timeline = training(arch, **{"recipe": "bf16-mixed", setting: value})
        assert (change.peak, change.fits) == (timeline.peak, timeline.peak <= gpus["A100-80GB"].usable_bytes)
    assert by_setting["recipe", "bf16"].fits and by_setting["lora", 8].fits


def test_the_loss_is_a_change_where_logits_are_the_peak() -> None:
    setting = {"lora": 16, "base": "nf4", "checkpointing": "full", "seq_len": 8192}
    arch = models["llama-3-8b"]
    changes = single_changes(arch, gpu="RTX 4090", **setting)
    assert training(arch, **setting).peak_phase == "start of backward"
    assert {(c.value, c.peak) for c in changes if c.setting == "loss"} == {
        (loss, training(arch, **setting, loss=loss).peak) for loss in ("chunked", "fused")
    }
    assert not any(c.setting == "loss" for c in single_changes(arch, gpu="RTX 4090", seq_len=64))


def test_a_smaller_batch_is_a_change() -> None:
    arch = models["llama-2-7b"]
    changes = single_changes(arch, gpu="A10", of=serving, batch=100, seq_len=500)
    batch = next(c for c in changes if c.setting == "batch")
    assert batch.value == max_batch(arch, gpu="A10", of=serving, seq_len=500)
    assert batch.fits and batch.peak <= gpus["A10"].usable_bytes


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: max_batch(SMALL, gpu="A1000"), "A10"),
        (lambda: max_batch(SMALL, gpu=0), "gpu"),
        (lambda: max_batch(SMALL, gpu="A10", batch=3), "asked for"),
        (lambda: max_batch(SMALL, gpu="A10", of="trainig"), "training"),
        (lambda: max_context(SMALL, gpu="A10", of=serving, seq_len=3), "asked for"),
        (lambda: max_batch(SMALL, gpu="A10", most=0), "most"),
        (lambda: fewest_gpus(training(SMALL), gpu="A10", over="zero"), "dp"),
        (lambda: fewest_gpus(training(SMALL), gpu="A10", zero=7), "zero"),
        (lambda: smallest_gpu(-1), "need"),
    ],
)
def test_errors(call, message: str) -> None:
    with pytest.raises(VramError, match=message):
        call()


@pytest.mark.parametrize(
    ("question", "settings", "message"),
    [
        (max_batch, {"bach": 3}, "bach.*batch"), (max_rank, {"bach": 3}, "bach.*batch"),
        (single_changes, {"bach": 3}, "bach.*batch"), (max_batch, {"shard": {"tpp": 2}}, "tpp.*tp"),
        (max_batch, {"shard": 3}, "shard: 3 given"), (max_batch, {"batch": 10**5000}, "more than 4300 digits"),
    ],
)  # fmt: skip
def test_settings_that_the_question_does_not_have(question, settings, message) -> None:
    with pytest.raises(VramError, match=message):
        question(models["gpt2"], gpu="T4", **settings)
