"""Real out-of-memory messages: the printed size to the last digit, and the tensor that it was."""

import json
from pathlib import Path

import pytest

from vram import VramError, explain_oom, models, parse_oom, printed_size

FIXTURES = Path(__file__).parent / "fixtures"
CASES = json.loads((FIXTURES / "oom_messages.json").read_text(encoding="utf-8"))["cases"]

# The tensor of each message: how its row is named, and the setting that the message came from.
TENSOR = {
    "f1": ("model.layers.{}.self_attn.qkv_proj.weight", {"dtype": "fp16"}),
    "f2": ("model.layers.{}.self_attn.qkv_proj.weight", {"dtype": "fp16"}),
    "f3": ("model.layers.{}.mlp.down_proj.weight", {"dtype": "fp16"}),
    "f4": ("all parameters, a share of 8", {"dtype": "fp16", "dp": 8}),
}


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_the_tensor_of_a_real_message(case: dict) -> None:
    name, setting = TENSOR[case["id"]]
    arch = models[case["model"]]
    found = explain_oom(f"CUDA out of memory. Tried to allocate {case['printed']}", arch, **setting)
    row = found[name]
    size = eval(case["formula"], {"h": arch.hidden_size, "N": arch.parameters("fp16").numel})
    assert row.dtype.nbytes(row.size) == size
    assert printed_size(int(size)) == case["printed"]


@pytest.mark.parametrize(
    ("nbytes", "printed"),
    [
        (1, "2.00 MiB"), (2**20, "2.00 MiB"), (2**20 + 1, "20.00 MiB"), (10 * 2**20 - 1, "20.00 MiB"),
        (10 * 2**20, "10.00 MiB"), (10 * 2**20 + 1, "12.00 MiB"), (2**30, "1024.00 MiB"), (2**30 + 1, "1.00 GiB"),
        (3_369_207_808, "3.14 GiB"), (512 * 2**30, "512.00 GiB"),
    ],
)  # fmt: skip
def test_the_allocator_rounds_before_it_prints(nbytes: int, printed: str) -> None:
    assert printed_size(nbytes) == printed


@pytest.mark.parametrize(("nbytes", "printed"), [(0, "0 bytes"), (1024, "1024 bytes"), (1536, "1.50 KiB"),
                                                 (1025, "1.00 KiB"), (2**20, "1024.00 KiB"), (2**20 + 5242, "1.00 MiB"),
                                                 (2**30, "1024.00 MiB"), (2**30 + 1, "1.00 GiB")])  # fmt: skip
def test_sizes_as_they_are(nbytes: int, printed: str) -> None:
    assert printed_size(nbytes, rounded=False) == printed


OLD = (
    "RuntimeError: CUDA out of memory. Tried to allocate 256.00 MiB (GPU 0; 23.69 GiB total capacity; 21.00 GiB "
    "already allocated; 65.56 MiB free; 22.50 GiB reserved in total by PyTorch) If reserved memory is >> allocated "
    "memory try setting max_split_size_mb to avoid fragmentation."
)
NEW = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.15 GiB "
    "of which 13.38 MiB is free. Including non-PyTorch memory, this process has 79.13 GiB memory in use. Of the "
    "allocated memory 78.50 GiB is allocated by PyTorch, and 100.50 MiB is reserved by PyTorch but unallocated."
)


def test_both_wordings_are_read() -> None:
    old, new = parse_oom(OLD), parse_oom(NEW)
    gib, mib = 2**30, 2**20
    assert (old.printed, old.tried, old.allocated, old.reserved) == ("256.00 MiB", 256 * mib, 21 * gib, 22.5 * gib)
    assert (old.total, old.free, old.fragmented) == (round(23.69 * gib), round(65.56 * mib), 1.5 * gib)
    assert (new.printed, new.tried, new.allocated, new.in_use) == ("2.00 GiB", 2 * gib, 78.5 * gib, round(79.13 * gib))
    assert (new.total, new.free, new.fragmented) == (round(79.15 * gib), round(13.38 * mib), 100.5 * mib)


def test_logits_are_found_in_both_formats() -> None:
    arch = models["llama-3-8b"]
    nbytes = 4 * 8192 * 128256 * 4  # FP32
    found = explain_oom(f"Tried to allocate {printed_size(nbytes)}.", arch, batch=4, seq_len=8192)
    assert found["logits"].dtype.name == "fp32"
    half = explain_oom(f"Tried to allocate {printed_size(nbytes // 2)}.", arch, batch=4, seq_len=8192)
    assert half["logits"].dtype.name == "bf16"


def test_attention_scores_grow_with_the_square() -> None:
    found = explain_oom("Tried to allocate 4.00 GiB", models["llama-2-7b"], seq_len=8192, dtype="fp16")
    assert found["attention scores"].shape == (1, 32, 8192, 8192)


@pytest.mark.parametrize(
    ("name", "nbytes"),
    [
        ("hidden states", 2 * 4096 * 4096 * 2),
        ("queries", 2 * 4096 * 4096 * 2),
        ("keys", 2 * 4096 * 1024 * 2),
        ("queries, keys and values", 2 * 4096 * (4096 + 2 * 1024) * 2),
        ("attention scores", 2 * 32 * 4096 * 4096 * 2),
        ("attention mask", 2 * 4096 * 4096 * 2),
        ("MLP", 2 * 4096 * 14336 * 2),
        ("MLP, gate and up", 2 * 4096 * 2 * 14336 * 2),
        ("logits", 2 * 4096 * 128256 * 2),
        ("logits, without the last token", 2 * 4095 * 128256 * 2),
        ("all parameters, flat", 8_030_261_248 * 2),
        ("parameters of a layer, flat", 218_112_000 * 2),
        ("all parameters, a share of 3", -(-8_030_261_248 // 3) * 2),
    ],
)
def test_what_a_setting_makes(name: str, nbytes: int) -> None:
    line = f"Tried to allocate {printed_size(nbytes)}"
    found = explain_oom(line, models["llama-3-8b"], batch=2, seq_len=4096, dp=3)
    assert (name, nbytes) in [(t.name, t.nbytes) for t in found]


def test_tensors_that_cards_share() -> None:
    arch = models["llama-2-70b"]
    half = explain_oom("Tried to allocate 224.00 MiB", arch, dtype="fp16", tp=2)
    assert half["model.layers.{}.mlp.down_proj.weight"].shape == (4096, 28672)
    assert explain_oom("Tried to allocate 448.00 MiB", arch, dtype="fp16", tp=2).select(kind="weights")
    norms = explain_oom("Tried to allocate 2.00 MiB", arch, dtype="fp16", tp=2).select(kind="weights")
    assert norms["model.layers.{}.input_layernorm.weight"].shape == (8192,)


def test_tokens_of_experts() -> None:
    nbytes = 4 * 8192 * 2 * 14336 * 2
    found = explain_oom(f"Tried to allocate {printed_size(nbytes)}", models["mixtral-8x7b"], batch=4, seq_len=8192)
    assert found["expert MLP, all tokens"].nbytes == nbytes


def test_tensors_of_a_timeline_are_tried() -> None:
    from vram import Timeline
    from vram.ledger import Ledger, Tensor, dtypes

    odd = Tensor("my buffer", (123_456_789,), dtypes["uint8"], "temporaries")
    line = f"Tried to allocate {printed_size(123_456_789)}"
    assert "my buffer" not in [t.name for t in explain_oom(line, models["gpt2"])]
    found = explain_oom(line, models["gpt2"], timeline=Timeline({"forward": Ledger([odd])}))
    assert found["my buffer"].nbytes == 123_456_789


def test_nothing_matches_a_size_that_the_model_lacks() -> None:
    assert len(explain_oom("Tried to allocate 1.23 GiB", models["gpt2"], seq_len=128)) == 0


@pytest.mark.parametrize("message", ["", "Killed", "Tried to allocate a lot", "allocate 3 MiB", None, 3])
def test_a_text_without_a_size_is_an_error(message: object) -> None:
    with pytest.raises(VramError, match="message"):
        parse_oom(message)
