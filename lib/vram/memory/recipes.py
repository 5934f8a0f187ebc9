"""Which copies of each trainable parameter exist, in which format? A recipe of training is data. Taught in lesson 06.

The same model and optimizer take 8, 12, 16, 18 or 20 bytes a parameter, and each of these figures is right for the
software it describes.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ledger.registry import Registry


@dataclass(frozen=True, slots=True)
class Recipe:
    """The copies that exist of a trainable parameter.

    weights    format of the weights that forward and backward use
    gradients  one format for each copy of the gradients that is kept
    master     format of a second copy of the weights that the optimizer updates, or None
    states     format of the optimizer's moments, or None: the format of the tensor that the optimizer updates
    autocast   format into which matmul weights are cast for the time of forward and backward, or None
    """

    name: str
    title: str
    weights: str
    gradients: tuple[str, ...]
    master: str | None = None
    states: str | None = None
    autocast: str | None = None
    source: str = ""


_RECIPES = (
    Recipe("fp32", "FP32", "fp32", ("fp32",), source="torch's default"),
    Recipe("bf16", "pure BF16", "bf16", ("bf16",), source="model.to(bfloat16); LOMO paper, arXiv 2306.09782"),
    Recipe("bf16-fp32-states", "BF16 with FP32 moments", "bf16", ("bf16",), states="fp32",
           source="QLoRA paper, arXiv 2305.14314: 780 GB for 65B"),
    Recipe("bf16-mixed", "mixed precision", "bf16", ("bf16",), master="fp32", source="ZeRO paper, arXiv 1910.02054"),
    Recipe("bf16-fp32-gradients", "mixed precision, FP32 gradients", "bf16", ("fp32",), master="fp32",
           source="Megatron-LM; Hugging Face documentation, 18 bytes a parameter"),
    Recipe("bf16-both-gradients", "mixed precision, both gradients", "bf16", ("bf16", "fp32"), master="fp32",
           source="Megatron-DeepSpeed: BF16 gradients accumulated into FP32"),
    Recipe("autocast", "torch.autocast", "fp32", ("fp32",), autocast="bf16", source="torch.autocast documentation"),
)  # fmt: skip

#: Every recipe by name. FP16 recipes have the same sizes as their BF16 namesakes.
recipes: Registry[Recipe] = Registry(
    "recipe",
    {r.name: r for r in _RECIPES},
    {
        "mixed": "bf16-mixed", "fp16-mixed": "bf16-mixed", "zero": "bf16-mixed", "megatron": "bf16-fp32-gradients",
        "float32": "fp32", "bfloat16": "bf16", "pure-bf16": "bf16", "fp16": "bf16", "float16": "bf16",
        "amp": "autocast",
    },
)  # fmt: skip
