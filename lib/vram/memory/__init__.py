"""One file per question: weights, adapters, gradients, optimizer states, recipes; and the timelines made of them."""

from .activations import activations
from .active import active_parameters
from .compute import Compute, compute, training_flops
from .gradients import gradients
from .inverse import (
    Change,
    fewest_gpus,
    gpus_that_fit,
    max_batch,
    max_context,
    max_rank,
    single_changes,
    smallest_gpu,
)
from .kv_cache import engines, kv_cache
from .lora import lora
from .oom import OutOfMemory, explain_oom, parse_oom, printed_size
from .optimizers import Optimizer, optimizer_states, optimizers
from .quantization import schemes
from .quantize import prepare_for_kbit_training, quantize, stored_weights
from .recipes import Recipe, recipes
from .shard import shard
from .throughput import Roofline, decode_time, mfu, prefill_time, training_time
from .timeline import Timeline
from .training import training
from .weights import weights

__all__ = [
    "Change", "Compute", "Optimizer", "OutOfMemory", "Recipe", "Roofline", "Timeline", "activations",
    "active_parameters", "compute", "decode_time", "engines", "explain_oom", "fewest_gpus", "gpus_that_fit",
    "gradients", "kv_cache", "lora", "max_batch", "max_context", "max_rank", "mfu", "optimizer_states",
    "optimizers", "parse_oom", "prefill_time", "prepare_for_kbit_training", "printed_size", "quantize", "recipes",
    "schemes", "shard", "single_changes", "smallest_gpu", "stored_weights", "training", "training_flops",
    "training_time", "weights",
]  # fmt: skip
