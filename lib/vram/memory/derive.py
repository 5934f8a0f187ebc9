"""Tensors that exist because of other tensors: a gradient, a moment, a scale. One mechanism for all of them.

A `Derived` says what is added for each tensor of a ledger: a suffix to the name, a number format, a shape that is a
function of the tensor, and a condition. Gradients, optimizer states and quantised weights are lists of such rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..ledger.arithmetic import Size, ceil_div, if_less, is_array, is_symbolic
from ..ledger.dtypes import Dtype, as_dtype
from ..ledger.ledger import Ledger
from ..ledger.tensor import Axis, Tensor

Shape = tuple[Size, ...]


def same(tensor: Tensor) -> Shape:
    """One element for each of the tensor's."""
    return tensor.shape


def scalar(tensor: Tensor) -> Shape:
    """One element for the whole tensor."""
    return ()


def rows(tensor: Tensor) -> Shape:
    """One element for each row: the last dimension summed away."""
    return tensor.shape[:-1]


def columns(tensor: Tensor) -> Shape:
    """One element for each column: the last but one dimension summed away."""
    return tensor.shape[:-2] + tensor.shape[-1:]


def blocks(size: int) -> Callable[[Tensor], Shape]:
    """One element for each block of `size` elements, the last block perhaps not full."""
    return lambda tensor: (ceil_div(tensor.size, size),)


def inputs(tensor: Tensor) -> Size:
    """The width that a matrix takes in."""
    return tensor.shape[-2] if in_first(tensor) else tensor.shape[-1]


def outputs(tensor: Tensor) -> Size:
    """The width that a matrix puts out."""
    return tensor.shape[-1] if in_first(tensor) else tensor.shape[-2]


def in_first(tensor: Tensor) -> bool:
    """True where a matrix is stored (in, out): GPT-2's Conv1D, and stacked experts that are bare parameters.

    torch's Linear stores (out, in), and so do stacked experts whose name ends in `weight`.
    """
    return tensor.op == "conv1d" or (tensor.op == "experts" and not tensor.name.endswith(".weight"))


def doubled(shape: Callable[[Tensor], Shape]) -> Callable[[Tensor], Shape]:
    """Two of what `shape` gives: two moments kept in one buffer."""
    return lambda tensor: (2, *shape(tensor))


def table(entries: int) -> Callable[[Tensor], Shape]:
    """A table of fixed length that each tensor keeps for itself."""
    return lambda tensor: (entries,)


def always(tensor: Tensor) -> Size:
    """Every tensor has it."""
    return 1


def matrix(tensor: Tensor) -> Size:
    """Only tensors of two or more dimensions have it."""
    return int(len(tensor.shape) >= 2)


def vector(tensor: Tensor) -> Size:
    """Only tensors of fewer than two dimensions have it."""
    return int(len(tensor.shape) < 2)


def hidden_matrix(tensor: Tensor) -> Size:
    """Only the matrices inside the layers have it: not embeddings, not the output head, no vectors."""
    inside = tensor.op != "embedding" and "lm_head" not in (tensor.kind, tensor.part)
    return int(len(tensor.shape) == 2 and inside)


def unless(when: Callable[[Tensor], Size]) -> Callable[[Tensor], Size]:
    """Only tensors that `when` leaves out have it."""
    return lambda tensor: 1 - when(tensor)


def at_least(size: int) -> Callable[[Tensor], Size]:
    """Only tensors of `size` elements or more have it."""
    return lambda tensor: if_less(tensor.size, size, 0, 1)


def whole_blocks(size: int, block: int) -> Callable[[Tensor], Size]:
    """Only tensors of `size` elements or more that fill their blocks exactly have it."""
    return lambda tensor: if_less(tensor.size, size, 0, if_less(tensor.size % block, 1, 1, 0))


def below(size: int) -> Callable[[Tensor], Size]:
    """Only tensors of fewer than `size` elements have it."""
    return lambda tensor: if_less(tensor.size, size, 1, 0)


@dataclass(frozen=True, slots=True)
class Derived:
    """One rule. `dtype` None means: the format of the tensor itself. `when` gives 1 or 0 for a tensor.

    `suffix` follows the tensor's name; with `beside` it takes the place of the last part (weight → qweight); an empty
    one stands for the tensor itself in another format.
    """

    suffix: str
    dtype: str | None = None
    shape: Callable[[Tensor], Shape] = same
    when: Callable[[Tensor], Size] = always
    beside: bool = False

    def name(self, tensor: Tensor) -> str:
        """The name of what is added."""
        if not self.suffix:
            return tensor.name
        module, _, last = tensor.name.rpartition(".")
        if not self.beside:
            return f"{tensor.name}.{self.suffix}"
        return f"{module}.{self.suffix}" if last == "weight" else f"{tensor.name}_{self.suffix}"


def derive(ledger: Iterable[Tensor], rules: Iterable[Derived], dtype: str | Dtype | None = None) -> Ledger:
    """What the rules add for every tensor; `dtype` replaces the tensor's own format where a rule asks for that."""
    found: list[Tensor] = []
    own = None if dtype is None else as_dtype(dtype)
    prepared = [(rule, None if rule.dtype is None else as_dtype(rule.dtype)) for rule in rules]
    for tensor in ledger:
        for rule, fixed in prepared:
            present = rule.when(tensor)
            axes = tensor.axes
            if is_array(present) or is_symbolic(present):
                axes = (*axes, Axis(present))
            elif not present:
                continue
            op = "" if rule.suffix else tensor.op
            to = fixed or own or tensor.dtype
            found.append(
                Tensor(rule.name(tensor), rule.shape(tensor), to, tensor.kind, axes, op, tensor.part, tensor.basis)
            )
    return Ledger(found)
