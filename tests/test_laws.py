"""What must hold for every model of every family: one code path, nothing shrinks, nothing is lost."""

import re
from collections.abc import Callable
from random import Random

import numpy as np
import pytest

import vram
from random_configs import families_by_name, random_config
from vram.architectures.families import families
from vram.memory import schemes
from vram.memory.kv_cache import is_encoder

FAMILIES = families_by_name()
DECODERS = [name for name in FAMILIES if not is_encoder(vram.Architecture(name))]


def random_arch(name: str, seed: str) -> vram.Architecture:
    """A model of the family; llama.cpp and experts need these to be known."""
    arch = vram.Architecture.from_config(random_config(families[name], Random(f"{name} {seed}")))
    return arch if arch.num_experts is None else arch.replace(num_experts_per_tok=1)


def cache(arch: vram.Architecture, **settings: object) -> vram.Ledger:
    return vram.kv_cache(arch, **settings)


QUESTIONS: dict[str, Callable[[vram.Architecture], vram.Ledger]] = {
    "weights": vram.weights,
    "adapters": lambda arch: vram.lora(arch, rank=3),
    "8-bit states": lambda arch: vram.optimizer_states(vram.weights(arch), "adamw-8bit"),
    "adafactor": lambda arch: vram.optimizer_states(vram.weights(arch), "adafactor"),
    "nf4": lambda arch: vram.quantize(vram.weights(arch), "nf4"),
    "gptq": lambda arch: vram.quantize(vram.weights(arch), "gptq"),
    "Q4_K_M": lambda arch: vram.quantize(vram.weights(arch), "Q4_K_M"),
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("name", FAMILIES)
def test_sizes_that_remember_give_what_plain_ones_give(name: str, question: str) -> None:
    arch, ask = random_arch(name, "laws"), QUESTIONS[question]
    try:
        plain = ask(arch)
    except vram.VramError as refused:  # widths that fill no block of a GGUF type
        with pytest.raises(vram.VramError, match=re.escape(str(refused)[:40])):
            ask(arch.traced())
        assert question == "Q4_K_M"
    else:
        assert ask(arch.traced()) == plain


@pytest.mark.parametrize("name", DECODERS)
def test_a_cache_in_symbols_is_the_cache_in_numbers(name: str) -> None:
    arch = random_arch(name, "cache").replace(layer_types=None)
    b, s = vram.symbols.b, vram.symbols.s
    engine = Random(name).choice(("transformers", "vllm", "llama.cpp"))
    formula = cache(arch, batch=b, seq_len=s, engine=engine).nbytes
    for batch, seq_len in ((3, 17), (2, 700)):
        numbers = cache(arch, batch=batch, seq_len=seq_len, engine=engine).nbytes
        assert formula.subs({b: batch, s: seq_len}) == numbers


@pytest.mark.parametrize("name", DECODERS)
def test_more_context_batch_or_bits_never_need_less(name: str) -> None:
    arch = random_arch(name, "more")
    for engine in ("transformers", "vllm", "llama.cpp"):
        lengths = [cache(arch, seq_len=n, engine=engine).nbytes for n in (1, 2, 16, 17, 64, 65, 300, 4000)]
        batches = [cache(arch, batch=n, seq_len=9, engine=engine).nbytes for n in (1, 2, 3, 10)]
        formats = [cache(arch, seq_len=64, dtype=d, engine=engine).nbytes for d in ("fp8", "bf16", "fp32")]
        assert lengths == sorted(lengths) and batches == sorted(batches) and formats == sorted(formats)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_higher_rank_never_needs_less(name: str) -> None:
    arch = random_arch(name, "rank")
    sizes = [vram.lora(arch, rank=n).nbytes for n in (1, 2, 3, 8, 100)]
    assert sizes == sorted(sizes) and len(set(sizes)) == 5


@pytest.mark.parametrize(
    "model", ["gpt2-xl", "opt-6.7b", "falcon-7b", "llama-3-8b", "mixtral-8x7b", "deepseek-v2-lite", "gpt-oss-20b"]
)
def test_quantised_weights_are_never_larger(model: str) -> None:
    ledger = vram.weights(vram.models[model], dtype="fp32")
    half = vram.weights(vram.models[model]).nbytes
    for name in schemes:
        if name == "Q1_0" and model != "llama-3-8b":
            continue  # its blocks of 128 do not divide every width, and nothing stands in
        packed = vram.quantize(ledger, name).nbytes
        assert packed <= ledger.nbytes, name
        if name not in ("F32", "F16", "BF16"):
            assert vram.quantize(vram.weights(vram.models[model]), name).nbytes <= half, name
    sizes = [vram.quantize(ledger, "gptq", bits=bits).nbytes for bits in (2, 3, 4, 8)]
    assert sizes == sorted(sizes)


def training_of(name: str, **settings: object) -> vram.Timeline:
    return vram.training(random_arch(name, "step"), batch=2, seq_len=8, **settings)


@pytest.mark.parametrize("name", DECODERS)
def test_the_peak_is_no_smaller_than_any_phase(name: str) -> None:
    timeline = training_of(name)
    assert all(timeline.nbytes(phase) == ledger.nbytes <= timeline.peak for phase, ledger in timeline.phases.items())
    assert all(timeline.after[phase].nbytes <= timeline.nbytes(phase) for phase in timeline.phases)


@pytest.mark.parametrize("name", FAMILIES)
def test_shares_of_all_copies_sum_to_the_whole(name: str) -> None:
    whole = vram.model_states(random_arch(name, "shares"))
    for kind, stage in (("optimizer states", 1), ("gradients", 2), ("weights", 3)):
        phase = next(phase for phase, ledger in whole.phases.items() if len(ledger.select(kind=kind)))
        total = sum(
            vram.shard(whole, dp=3, zero=stage, rank={"dp": i}).phases[phase].select(kind=kind).nbytes for i in range(3)
        )
        assert total == whole.phases[phase].select(kind=kind).nbytes


@pytest.mark.parametrize("name", [n for n in DECODERS if "num_decoder_layers" not in vram.Architecture(n).fields])
def test_stages_of_a_pipeline_sum_to_the_whole(name: str) -> None:
    arch = random_arch(name, "stages").replace(num_hidden_layers=4, layer_types=None)
    whole = vram.model_states(arch)
    (phase, *_) = whole.phases
    stages = [vram.shard(whole, pp=2, rank={"pp": i}).phases[phase].select(kind="weights").nbytes for i in (0, 1)]
    rows = whole.phases[phase].select(kind="weights")
    table = rows.select(lambda t: t.part == "embedding").nbytes
    tied = not any(t.part == "lm_head" and len(t.shape) == 2 for t in rows)
    assert sum(stages) == rows.nbytes + (table if tied else 0)


@pytest.mark.parametrize("seed", range(3))
def test_the_largest_that_fits_found_by_trying_all(seed: int) -> None:
    random = Random(seed)
    arch = vram.Architecture(
        hidden_size=64, num_hidden_layers=random.choice((1, 3)), num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=96, vocab_size=random.choice((100, 3000)),
    )  # fmt: skip
    settings = {
        "seq_len": random.choice((3, 16)), "recipe": random.choice(("bf16", "fp32", "autocast")),
        "checkpointing": random.choice(("none", "full")),
    }  # fmt: skip
    budget = vram.training(arch, batch=random.randint(1, 6), **settings).peak + random.randint(0, 5000)
    fitting = [n for n in range(1, 40) if vram.training(arch, batch=n, **settings).peak <= budget]
    assert fitting == list(range(1, len(fitting) + 1)) and fitting[-1] < 39
    assert vram.max_batch(arch, gpu=budget, **settings) == fitting[-1]
    room = vram.inference(arch, seq_len=random.randint(1, 20), kv="fp8").peak + random.randint(0, 200)
    context = [n for n in range(1, 41) if vram.inference(arch, seq_len=n, kv="fp8").peak <= room]
    assert context == list(range(1, len(context) + 1))
    assert vram.max_context(arch, gpu=room, kv="fp8", most=40) == context[-1]


def test_a_grid_of_contexts_is_searched_at_once() -> None:
    batches = np.array([1, 2, 5, 30])
    found = vram.max_context(vram.models["llama-3-8b"], gpu="A100-80GB", batch=batches)
    assert list(found) == [vram.max_context(vram.models["llama-3-8b"], gpu="A100-80GB", batch=int(n)) for n in batches]
