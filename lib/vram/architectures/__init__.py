"""Architectures: building blocks, families as data, and the catalogue of published models and cards."""

from .architecture import Architecture
from .catalogue import GPU, gpus, models

__all__ = ["GPU", "Architecture", "gpus", "models"]
