"""The paper form sbh(34 + 5as/h), derived: the same operations under the assumptions of Megatron-LM's paper.

Korthikanti et al., arXiv 2205.05198, section 4.1, count what a GPT layer keeps: 16-bit activations, one-byte dropout
masks, three dropouts, one kernel for GELU, the s × s matrices of softmax, its mask and its result. All of that is
what `implementation="megatron"` chooses when nothing else is said. Two things the paper leaves out, and so does this
implementation: the statistics of a LayerNorm, and the upcasts that an RMSNorm written in torch makes.
"""

from __future__ import annotations

from .forward import Forward
from .tape import Value

#: What differs between the paper's layer and a GPT-2 layer of transformers on CUDA, and the rows that say it.
DIFFERENCES = {
    "a mean and a deviation for each token and LayerNorm, 8·b·s bytes in FP32: the paper leaves them out": (
        "ln_1:mean", "ln_1:rstd", "ln_2:mean", "ln_2:rstd",
    ),
    "GELU is one kernel in the paper, eight operations in transformers, which keep three more tensors of 4h": (
        "mlp.act:half", "mlp.act:one plus tanh", "mlp.act.tanh:output",
    ),
}  # fmt: skip


def fused_norm(f: Forward, name: str, x: Value) -> Value:
    """A norm in one kernel: keeps its input, and statistics that the paper does not count."""
    weights = [f.parameter(n) for n in (f"{name}.weight", f"{name}.bias") if n in f.weights]
    return f.tape.record(name, (x, *weights), x.shape, x.dtype, saves=[(x, "input")])
