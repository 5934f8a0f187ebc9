"""The symbols of the course, made once: positive integers with one spelling in code and one in formulas.

`GLOSSARY` is the one table of notation; `symbols.h` is the SymPy symbol, made when first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import unknown


@dataclass(frozen=True, slots=True)
class Notation:
    """One quantity: its symbol in formulas, its name in code, what it means, and how others spell it."""

    symbol: str
    name: str
    meaning: str
    chinese: str
    dialects: tuple[str, ...] = ()


GLOSSARY = (
    Notation("h", "hidden_size", "width of the residual stream", "隐藏层维度", ("n_embd", "d_model", "dim", "H")),
    Notation("l", "num_hidden_layers", "number of transformer layers", "层数", ("n_layer", "num_layers", "L")),
    Notation("a", "num_attention_heads", "number of query heads", "注意力头数", ("n_head", "num_heads", "n")),
    Notation("g", "num_key_value_heads", "number of key/value heads", "键值头数", ("num_kv_heads", "n_kv_heads", "kv")),
    Notation("d", "head_dim", "width of one head", "每个头的维度", ("d_head", "d_kv", "kv_channels")),
    Notation("f", "intermediate_size", "inner width of the MLP", "中间层维度", ("n_inner", "d_ff", "ffn_dim", "F")),
    Notation("V", "vocab_size", "entries of the vocabulary", "词表大小", ("n_vocab", "v")),
    Notation(
        "n", "max_position_embeddings", "rows of a learned position table", "最大位置数", ("n_positions", "n_ctx")
    ),
    Notation("b", "batch", "sequences computed at once", "批次大小", ("B", "micro_batch_size")),
    Notation("s", "seq_len", "tokens in a sequence", "序列长度", ("T", "n_ctx", "L")),
    Notation("r", "rank", "rank of a LoRA adapter", "秩", ("lora_r",)),
)


class Symbols:
    """`symbols.h`, `symbols.l` …: SymPy symbols, positive integers, from the glossary."""

    def __getattr__(self, letter: str) -> Any:
        known = {n.symbol for n in GLOSSARY}
        if letter not in known:
            if letter.startswith("_"):
                raise AttributeError(letter)
            raise unknown("symbol", letter, known)
        from sympy import Symbol

        symbol = Symbol(letter, positive=True, integer=True)
        setattr(self, letter, symbol)
        return symbol

    def __dir__(self) -> list[str]:
        return [n.symbol for n in GLOSSARY]

    def of(self, name: str) -> Any:
        """The symbol of a field of the code: `symbols.of("hidden_size")` is h."""
        for notation in GLOSSARY:
            if notation.name == name:
                return getattr(self, notation.symbol)
        raise unknown("field", name, [n.name for n in GLOSSARY])


symbols = Symbols()
