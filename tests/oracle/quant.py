"""Do quantised weights have the bytes that bitsandbytes, torchao and gguf store? Tensors, block types, whole models.

Models are quantised as transformers does it on loading, then prepared for training by peft; the bytes of their
parameters and of the state of their quantisation are compared.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import bitsandbytes.functional as bnb
import gguf
import torch
from comparison import Result, Scope, equal, run
from peft import prepare_model_for_kbit_training
from torch import nn
from torchao.quantization import Float8WeightOnlyConfig, Int8WeightOnlyConfig, IntxWeightOnlyConfig, PerGroup, quantize_
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig

from vram import Architecture, Ledger, Tensor, dtypes, prepare_for_kbit_training, quantize, weights

SHAPES = ((64, 64), (100, 100), (37, 130), (256, 1000), (4096, 64))

_TINY = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 128, "intermediate_size": 96,
}  # fmt: skip
MODELS = {
    "llama": {**_TINY, "model_type": "llama", "num_key_value_heads": 2},
    "tied llama": {**_TINY, "model_type": "llama", "tie_word_embeddings": True},
    "qwen2": {**_TINY, "model_type": "qwen2", "num_key_value_heads": 2},
    "gpt2": {"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 128, "n_positions": 64},
    "gpt_neox": {**_TINY, "model_type": "gpt_neox"},
    "phi": {**_TINY, "model_type": "phi"},
}


def tensors() -> Iterator[tuple[str, int, int]]:
    """What is compared, bytes measured, bytes counted: single matrices."""
    for shape in SHAPES:
        w = torch.randn(shape)
        for kind in ("nf4", "fp4"):
            for blocksize in (64, 128, 256):
                for double in (False, True):
                    how = {"blocksize": blocksize, "quant_type": kind, "compress_statistics": double}
                    packed, state = bnb.quantize_4bit(w, **how)
                    ours = quantize(_matrix(shape), kind, blocksize=blocksize, double_quant=double)
                    yield f"{kind} {shape} {blocksize} {double}", _size(packed) + _state(state), ours.nbytes
        for name, config, options in (
            ("torchao-int8", Int8WeightOnlyConfig(), {}),
            ("torchao-intx", IntxWeightOnlyConfig(), {}),
            ("torchao-float8", Float8WeightOnlyConfig(), {}),
            ("torchao-int8", Int8WeightOnlyConfig(granularity=PerGroup(32)), {"group_size": 32}),
            ("torchao-intx", IntxWeightOnlyConfig(granularity=PerGroup(64)), {"group_size": 64}),
        ):
            if shape[1] % options.get("group_size", 1):
                continue
            for dtype in (torch.bfloat16, torch.float32):
                layer = nn.Sequential(nn.Linear(shape[1], shape[0], bias=False)).to(dtype)
                quantize_(layer, config)
                theirs = layer[0].weight
                names = [*theirs.tensor_data_names, *getattr(theirs, "optional_tensor_data_names", [])]
                parts = [getattr(theirs, n) for n in names]
                ours = quantize(_matrix(shape, {torch.bfloat16: "bf16"}.get(dtype, "fp32")), name, **options)
                yield f"{name} {shape} {dtype} {options}", sum(_size(p) for p in parts if p is not None), ours.nbytes


def blocks() -> Iterator[tuple[str, int, int]]:
    """Bits of a block of every type that the gguf package knows."""
    for kind, (block, nbytes) in gguf.GGML_QUANT_SIZES.items():
        dtype = dtypes[kind.name]
        yield f"GGUF {kind.name}", nbytes * dtype.block, dtype.block_bytes * block


def models() -> Iterator[tuple[str, int, int]]:
    """Whole models under bitsandbytes: what is packed, what stays, what peft upcasts."""
    for name, config in MODELS.items():
        real = AutoConfig.for_model(config["model_type"], **{k: v for k, v in config.items() if k != "model_type"})
        ledger = weights(Architecture.from_config(config))
        with tempfile.TemporaryDirectory() as folder:
            AutoModelForCausalLM.from_config(real, dtype=torch.bfloat16).save_pretrained(folder)
            for label, how, options in (
                ("nf4", {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, {"double_quant": False}),
                ("nf4", {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}, {}),
                ("int8", {"load_in_8bit": True}, {}),
            ):
                model = AutoModelForCausalLM.from_pretrained(
                    folder, quantization_config=BitsAndBytesConfig(**how), dtype=torch.bfloat16, device_map="cpu"
                )
                ours = quantize(ledger, label, **options)
                yield f"{name} {label} {options}", _model(model), ours.nbytes
                prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
                yield f"{name} {label} {options}, prepared", _model(model), prepare_for_kbit_training(ours).nbytes


def _model(model: nn.Module) -> int:
    total = 0
    for parameter in model.parameters():
        total += _size(parameter)
        state = getattr(parameter, "quant_state", None)
        if state is not None:
            total += _state(state)
        elif getattr(parameter, "SCB", None) is not None:
            total += _size(parameter.SCB)
    return total


def _state(state: object) -> int:
    """Bytes of the scales and tables of a 4-bit tensor."""
    parts = [state.absmax, state.code]
    if state.nested:
        parts += [state.state2.absmax, state.state2.code, state.offset]
    return sum(map(_size, parts))


def _size(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _matrix(shape: tuple[int, int], dtype: str = "fp32") -> Ledger:
    return Ledger([Tensor("layers.0.mlp.up_proj.weight", shape, dtypes[dtype], "mlp", op="linear")])


def cases(scope: Scope) -> Iterator[Result]:
    """Bytes counted and measured of each."""
    for group in (tensors, blocks, models):
        for what, theirs, ours in group():
            yield equal(what, ours, theirs)


if __name__ == "__main__":
    run(__doc__, "quantised weights", cases)
