"""How much memory do activations take? The tensors that forward keeps for backward. Taught in lesson 07."""

from .activations import activations

__all__ = ["activations"]
