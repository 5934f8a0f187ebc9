"""vram: how much GPU memory does an LLM need, and why?

Every byte has a name, a shape, a number format and a lifetime. A model is a ledger of named tensors; every question
is a fold over a ledger. The names below are the whole public surface; each is loaded when it is first asked for, so
that importing the package is quick and plain integers need neither SymPy nor NumPy.
"""

from __future__ import annotations

from .lazy import lazy

_WHERE = {
    "ledger": ("Axis", "ConfigError", "Dtype", "GLOSSARY", "Ledger", "Table", "Tensor", "VramError",
               "ceil_div", "dtypes", "round_up", "symbols"),
    "ledger.units": ("UNITS", "billions", "both", "count", "gb", "gib", "percent"),
    "architectures": ("Architecture", "GPU", "gpus", "models"),
    "memory": ("Change", "Compute", "OutOfMemory", "Recipe", "Roofline", "Timeline", "activations",
               "active_parameters", "compute", "constants", "decode_time", "engines", "explain_oom", "fewest_gpus",
               "gpus_that_fit", "gradients", "inference", "kv_cache", "lora", "max_batch", "max_context",
               "max_rank", "mfu", "model_states", "optimizer_states", "optimizers", "overhead", "parse_oom",
               "prefill_time", "prepare_for_kbit_training", "printed_size", "quantize", "recipes", "schemes",
               "shard", "single_changes", "smallest_gpu", "stored_weights", "training", "training_flops",
               "training_time", "weights"),
    "show.why": ("Why", "why"),
}  # fmt: skip

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy(globals(), _WHERE)
