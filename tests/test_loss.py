"""What do head and loss keep? The FP32 logits of every token, unless the loss works in chunks or in one kernel."""

import json
import sys
from pathlib import Path

import pytest

from vram import Architecture, activations, models, training

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from cases import settings_of  # noqa: E402

CASES = json.loads((HERE / "fixtures" / "loss.json").read_text(encoding="utf-8"))["cases"]
LLAMA3 = models["llama-3-8b"]


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_bytes_that_cross_entropy_keeps(case: dict) -> None:
    config, settings = settings_of(case, 2)
    arch = Architecture.from_config(config)
    bare = activations(arch, backend="cpu", loss="none", **settings).nbytes
    whole = activations(arch, backend="cpu", **settings)
    assert whole.nbytes - bare == case["loss_saved"]
    logs = whole["loss:log_softmax:output"]
    assert logs.shape == (case["b"], case["s"], case["V"]) and logs.dtype.name == "fp32"
    assert logs.nbytes == case["b"] * case["s"] * case["V"] * 4


def test_logits_in_fp32_outweigh_fully_checkpointed_layers() -> None:
    """Llama-3-8B: 4sbV against 2sbhl, a ratio of 2V/hl = 1.96."""
    rows = activations(LLAMA3, checkpointing="full")
    layers = rows.select(lambda t: bool(t.axes)).nbytes
    assert rows["loss:log_softmax:output"].nbytes / layers == pytest.approx(2 * 128256 / (4096 * 32))


@pytest.mark.parametrize("loss", ["chunked", "fused"])
def test_without_all_logits_at_once(loss: str) -> None:
    whole, parted = activations(LLAMA3), activations(LLAMA3, loss=loss)
    vocabulary = [t for t in parted if LLAMA3.vocab_size in t.shape and t.dtype.name == "fp32"]
    assert vocabulary == []
    assert parted.nbytes < whole.nbytes
    assert training(LLAMA3, loss=loss).peak <= training(LLAMA3).peak


def test_more_chunks_need_less_at_once() -> None:
    def start(chunks: int) -> int:
        timeline = training(LLAMA3, recipe="bf16", checkpointing="full", loss="chunked", loss_chunks=chunks)
        return timeline.phases["start of backward"].nbytes

    sizes = [start(chunks) for chunks in (1, 2, 8, 32)]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > sizes[-1]


def test_a_fused_loss_makes_its_gradients_in_forward() -> None:
    rows = activations(LLAMA3, loss="fused")
    assert rows["loss:gradient of hidden states"].shape == (1, 2048, 4096)
    assert rows["lm_head.weight:gradient made in forward"].shape == (128256, 4096)
