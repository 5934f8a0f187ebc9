"""One file per question: weights, adapters, gradients, optimizer states, recipes; and the timelines made of them."""

from .gradients import gradients
from .lora import lora
from .optimizers import Optimizer, optimizer_states, optimizers
from .quantization import schemes
from .quantize import prepare_for_kbit_training, quantize
from .recipes import Recipe, recipes
from .timeline import Timeline
from .training import training
from .weights import weights

__all__ = [
    "Optimizer", "Recipe", "Timeline", "gradients", "lora", "optimizer_states", "optimizers",
    "prepare_for_kbit_training", "quantize", "recipes", "schemes", "training", "weights",
]  # fmt: skip
