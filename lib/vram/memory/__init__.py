"""One file per question: weights, adapters, gradients, optimizer states, recipes; and the timelines made of them."""

from .gradients import gradients
from .lora import lora
from .optimizers import Optimizer, optimizer_states, optimizers
from .quantize import quantize
from .recipes import Recipe, recipes
from .timeline import Timeline
from .training import training
from .weights import weights

__all__ = [
    "Optimizer", "Recipe", "Timeline", "gradients", "lora", "optimizer_states", "optimizers", "quantize", "recipes",
    "training", "weights",
]  # fmt: skip
