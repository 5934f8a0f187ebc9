"""Real out-of-memory messages: the printed size to the last digit, and the tensor that it was."""

import json
import re
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


GIB, MIB = 2**30, 2**20

# One message of each wording, as users posted it, with its month and issue; then the total, free, allocated,
# reserved and in use that it tells, None where it does not.
WORDINGS = {
    "2019-01, pytorch#16417": (
        "RuntimeError: CUDA out of memory. Tried to allocate 12.50 MiB (GPU 0; 10.92 GiB total capacity; 8.57 MiB "
        "already allocated; 9.28 GiB free; 4.68 MiB cached)",
        (10.92 * GIB, 9.28 * GIB, 8.57 * MIB, (8.57 + 4.68) * MIB, None)),
    "2019-12, pytorch#31252": (
        "CUDA out of memory. Tried to allocate 1.72 GiB (GPU 0; 10.76 GiB total capacity; 4.01 GiB already allocated; "
        "356.00 MiB free; 5.54 GiB cached)",
        (10.76 * GIB, 356 * MIB, 4.01 * GIB, (4.01 + 5.54) * GIB, None)),
    "2020-01, pytorch#32101": (
        "RuntimeError: CUDA out of memory. Tried to allocate 152.00 MiB (GPU 0; 31.72 GiB total capacity; 24.89 GiB "
        "already allocated; 6.12 MiB free; 30.70 GiB reserved in total by PyTorch)",
        (31.72 * GIB, 6.12 * MIB, 24.89 * GIB, 30.70 * GIB, None)),
    "2023-06, Zero-DCE#52": (
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 1.71 GiB (GPU 0; 6.00 GiB total capacity; 3.49 GiB "
        "already allocated; 1.04 GiB free; 3.50 GiB reserved in total by PyTorch) If reserved memory is >> allocated "
        "memory try setting max_split_size_mb to avoid fragmentation.",
        (6 * GIB, 1.04 * GIB, 3.49 * GIB, 3.50 * GIB, None)),
    "2024-02, lerf#73": (
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.00 GiB. GPU 0 has a total capacty of "
        "23.65 GiB of which 1.66 GiB is free. Including non-PyTorch memory, this process has 20.81 GiB memory in use. "
        "Of the allocated memory 12.09 GiB is allocated by PyTorch, and 4.84 GiB is reserved by PyTorch but "
        "unallocated.",
        (23.65 * GIB, 1.66 * GIB, 12.09 * GIB, (12.09 + 4.84) * GIB, 20.81 * GIB)),
    "2024-05 in a container, GenerateU#10": (
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 496.00 MiB. GPU 0 has a total capacty of "
        "14.75 GiB of which 235.06 MiB is free. Process 20398 has 14.52 GiB memory in use. Of the allocated memory "
        "14.06 GiB is allocated by PyTorch, and 330.42 MiB is reserved by PyTorch but unallocated.",
        (14.75 * GIB, 235.06 * MIB, 14.06 * GIB, 14.06 * GIB + 330.42 * MIB, 14.52 * GIB)),
    "2024-04 on Windows, OOTDiffusion#167": (
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacty of "
        "4.00 GiB of which 2.80 GiB is free. Of the allocated memory 0 bytes is allocated by PyTorch, and 0 bytes is "
        "reserved by PyTorch but unallocated.",
        (4 * GIB, 2.80 * GIB, 0, 0, None)),
    "2025-04 with graphs, kaito#976": (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 546.00 MiB. GPU 0 has a total capacity of "
        "15.77 GiB of which 514.19 MiB is free. Process 562167 has 15.25 GiB memory in use. Of the allocated memory "
        "13.73 GiB is allocated by PyTorch, with 46.00 MiB allocated in private pools (e.g., CUDA Graphs), and "
        "736.86 MiB is reserved by PyTorch but unallocated.",
        (15.77 * GIB, 514.19 * MIB, 13.73 * GIB, 13.73 * GIB + 736.86 * MIB, 15.25 * GIB)),
    "2025-11 on ROCm with a limit, TheRock#2118": (
        "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 2.00 MiB. GPU 0 has a total capacity of "
        "255.98 GiB of which 244.65 GiB is free. 1.05 GiB allowed; Of the allocated memory 1017.01 MiB is allocated "
        "by PyTorch, with 17.00 MiB allocated in private pools (e.g., HIP Graphs), and 54.99 MiB is reserved by "
        "PyTorch but unallocated.",
        (255.98 * GIB, 244.65 * GIB, 1017.01 * MIB, (1017.01 + 54.99) * MIB, None)),
    "2026-03 on XPU, torch-xpu-ops#3157": (
        "torch.OutOfMemoryError: XPU out of memory. Tried to allocate 32.00 GiB. GPU 0 has a total capacity of "
        "11.59 GiB of which 9.01 GiB is free. Of the allocated memory 0 bytes is allocated by PyTorch, and 0 bytes is "
        "reserved by PyTorch but unallocated.",
        (11.59 * GIB, 9.01 * GIB, 0, 0, None)),
    "2025-03 on MPS, ComfyUI#7440": (
        "MPS backend out of memory (MPS allocated: 9.57 GiB, other allocations: 17.35 GiB, max allowed: 27.20 GiB). "
        "Tried to allocate 292.50 MiB on private pool.",
        (None, None, 9.57 * GIB, None, None)),
}  # fmt: skip


@pytest.mark.parametrize(("text", "sizes"), WORDINGS.values(), ids=WORDINGS)
def test_every_wording_is_read(text: str, sizes: tuple[float | None, ...]) -> None:
    said = parse_oom(text)
    for found, size in zip((said.total, said.free, said.allocated, said.reserved, said.in_use), sizes, strict=True):
        assert found == (size if size is None else pytest.approx(size, abs=1))


def test_a_message_is_read_out_of_a_log() -> None:
    """Wrapped at any blank, between what came before it and the message of the next card."""
    before, after = "using device CUDA0 - 22000.00 MiB free\n", "\n[rank1]: " + OLD.replace("21.00 GiB", "7.00 GiB")
    assert parse_oom(before + NEW.replace(" ", "\n    ") + after) == parse_oom(NEW)
    short = parse_oom("[rank0]: CUDA out of memory. Tried to allocate 2.00 GiB" + after)
    assert (short.printed, short.allocated, short.total) == ("2.00 GiB", None, None)


def test_processes_beside_this_one_are_not_this_one() -> None:
    other = "Process 2493055 has 12.02 GiB memory in use. "
    two = NEW.replace("Including", other + "Including")
    assert parse_oom(two).in_use == parse_oom(NEW).in_use
    unnamed = re.sub(r"Including.*?in use\. ", other + other.replace("55", "56"), NEW)
    assert parse_oom(unnamed).in_use is None


def test_a_process_has_no_more_than_the_card() -> None:
    """Where NVML has no figure, the message says 2^64 bytes."""
    assert parse_oom(NEW.replace("79.13", "17179869184.00")).in_use is None


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
