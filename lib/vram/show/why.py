"""Why this number? Any total unfolded into its rows: the formula in symbols, with the numbers put in, and how sure.

The question is asked again with sizes that remember how they were made (`ledger.traced`): the formula shown is the one
that was executed, on the branch that these numbers take. It works for every question that answers with a ledger or a
timeline, sharded ones included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..architectures.architecture import Architecture
from ..ledger.arithmetic import is_whole
from ..ledger.errors import VramError, brief, unknown
from ..ledger.ledger import Ledger
from ..ledger.symbols import GLOSSARY
from ..ledger.table import Table
from ..ledger.tensor import Tensor
from ..ledger.traced import Formula, Traced, formula_of
from ..ledger.units import both, count
from ..memory.constants import constants
from ..memory.timeline import Timeline

#: How sure a number is, in words.
BASIS = {"exact": "exact", "implementation": "depends on the implementation", "measured": "measured constant"}


@dataclass(frozen=True, slots=True)
class Reason:
    """One row: a tensor, its bytes as a formula and in numbers, and how sure they are, with a source if measured."""

    tensor: Tensor
    formula: str
    numbers: str
    nbytes: int
    basis: str
    source: str = ""


class Why:
    """The rows of a total; `total` is their sum. Shown as a table."""

    def __init__(self, rows: tuple[Reason, ...], title: str):
        self.rows, self.title = rows, title
        self.total: int = sum(row.nbytes for row in rows)

    def table(self) -> Table:
        """Each row with its formula, its numbers, its bytes and how sure they are; the total last."""
        lines = [(r.tensor.name, r.formula, r.numbers, count(r.nbytes), _sure(r)) for r in self.rows]
        lines.append(("total", "", "", f"{count(self.total)} B = {both(self.total)}", ""))
        return Table(("tensor", "formula", "numbers", "bytes", "how sure"), lines, total=True, caption=self.title)

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def why(
    question: Callable[..., Ledger | Timeline] | Ledger | Timeline,
    arch: Architecture | None = None,
    *,
    phase: str | None = None,
    kind: str | None = None,
    **settings: Any,
) -> Why:
    """The rows that a total is the sum of, each with its formula in symbols and in numbers, in bytes.

    question  what is asked of the architecture: `vram.weights`, `vram.kv_cache`, `vram.training`, or a function of your
              own that answers with a ledger or a timeline. A ledger or timeline itself has numbers, but no symbols
    phase     which phase of a timeline; the peak's by default
    kind      only the rows of a kind: "activations", "optimizer states" …
    settings  what else the question is asked with; batch, seq_len and rank appear as b, s and r
    Raises `VramError` for a phase or a kind that is not there.

    >>> import vram
    >>> row = why(vram.kv_cache, vram.models["llama-3-8b"], batch=2, seq_len=8192).rows[0]
    >>> row.formula, row.numbers, row.nbytes
    ('l · b · g · s · (h / a) · 2 B', '32 · 2 · 8 · 8,192 · (4,096 / 32) · 2 B', 1073741824)
    """
    answer = _asked(question, arch, settings)
    if kind is not None and not isinstance(kind, str):
        raise VramError(f"kind: {brief(kind)} given, a kind of memory is needed, such as 'weights'.")
    title = kind or ""
    if isinstance(answer, Timeline):
        phase = answer.peak_phase if phase is None else phase
        if not isinstance(phase, str) or phase not in answer.phases:
            raise unknown("phase", phase, answer.phases)
        title = f"{phase}: {kind}" if kind else phase
        answer = answer.phases[phase]
    elif phase is not None:
        raise VramError(f"phase: {brief(phase)} given, but the answer is a ledger and has no phases.")
    if kind is not None:
        kinds = answer.by("kind")
        if kind not in kinds:
            raise unknown("kind", kind, kinds)
        answer = kinds[kind]
    return Why(tuple(_reason(tensor) for tensor in answer), title)


def _asked(question: Any, arch: Architecture | None, settings: dict[str, Any]) -> Ledger | Timeline:
    if isinstance(question, (Ledger, Timeline)):
        if arch is not None or settings:
            raise VramError("question: an answer given together with settings; give the function that is to be asked.")
        return question
    if not callable(question) or not isinstance(arch, Architecture):
        raise VramError("question: a function such as vram.weights and an architecture are needed, or a ledger.")
    letters = {notation.name: notation.symbol for notation in GLOSSARY}
    named = {
        name: Traced.named(value, letters[name]) if name in letters and is_whole(value) else value
        for name, value in settings.items()
    }
    answer = question(arch.traced(), **named)
    if not isinstance(answer, (Ledger, Timeline)):
        raise VramError(f"question: it answers with a {type(answer).__name__}; a ledger or a timeline is needed.")
    return answer


def _reason(tensor: Tensor) -> Reason:
    if not all(is_whole(factor) for factor in (*(axis.count for axis in tensor.axes), *tensor.shape)):
        raise VramError(f"{tensor.name}: its sizes are no plain numbers; ask with numbers, symbols are put in here.")
    source = constants[tensor.name].source if tensor.name in constants else ""
    return Reason(tensor, _bytes(tensor, False), _bytes(tensor, True), int(tensor.nbytes), tensor.basis, source)


def _bytes(tensor: Tensor, numbers: bool) -> str:
    """Bytes of a row as a product: counts, sizes, bytes a number; or blocks of the format, where it has blocks."""
    dtype = tensor.dtype
    if dtype.block == 1:
        factors = [axis.count for axis in tensor.axes] + list(tensor.shape)
        return " · ".join([*_texts(factors, numbers), f"{dtype.block_bytes} B"])
    blocks = Formula("⌈/⌉", (formula_of(tensor.size), Formula("", value=dtype.block)))
    counts = _texts([axis.count for axis in tensor.axes], numbers)
    return " · ".join([*counts, blocks.text(numbers), f"{dtype.block_bytes} B"])


def _texts(factors: list[int], numbers: bool) -> list[str]:
    texts = [formula_of(factor).text(numbers) for factor in factors if type(factor) is not int or factor != 1]
    return [f"({text})" if any(sign in text for sign in "+−/%") and text[0] not in "⌈⌊" else text for text in texts]


def _sure(reason: Reason) -> str:
    return f"{BASIS[reason.basis]}: {reason.source}" if reason.source else BASIS[reason.basis]
