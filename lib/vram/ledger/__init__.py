"""Tensors, ledgers, number formats, units and symbols. Knows nothing of transformers."""

from .arithmetic import ceil_div, round_up
from .dtypes import Dtype, dtypes
from .errors import ConfigError, VramError
from .ledger import Ledger
from .registry import Registry
from .symbols import GLOSSARY, symbols
from .table import Table
from .tensor import Axis, Tensor

__all__ = [
    "GLOSSARY",
    "Axis",
    "ConfigError",
    "Dtype",
    "Ledger",
    "Registry",
    "Table",
    "Tensor",
    "VramError",
    "ceil_div",
    "dtypes",
    "round_up",
    "symbols",
]  # fmt: skip
