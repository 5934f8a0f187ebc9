"""One named tensor, or one row of many alike: a name, a shape, a number format, a heading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .arithmetic import Size, is_array, is_symbolic, is_whole, product
from .dtypes import Dtype
from .errors import VramError


@dataclass(frozen=True, slots=True)
class Axis:
    """An index that runs over a tensor's name: `count` values from `start` in steps of `step`."""

    count: Size
    start: int = 0
    step: int = 1

    def indices(self) -> range:
        """The values the index takes; only for plain integers."""
        if not is_whole(self.count):
            raise VramError(f"count: {self.count!r} is not a plain integer, so the names cannot be listed one by one.")
        return range(self.start, self.start + self.step * self.count, self.step)


@dataclass(frozen=True, slots=True)
class Tensor:
    """Tensors of one shape under one name pattern, counted by multiplication.

    name    the checkpoint's name, `{}` where an index runs: `model.layers.{}.self_attn.q_proj.weight`
    shape   sizes in elements: ints, SymPy expressions or NumPy integer arrays
    dtype   the number format
    kind    the heading it is filed under (attention, mlp, norm … or weights, gradients, activations …)
    axes    the indices that run over the name, outermost first: layers, then experts
    op      the module that owns it: linear, conv1d, embedding, norm, or "" for a bare tensor
    part    the part of the model it belongs to; stays when `kind` becomes a kind of memory
    basis   how sure the number is: exact, implementation, measured
    """

    name: str
    shape: tuple[Size, ...]
    dtype: Dtype
    kind: str = ""
    axes: tuple[Axis, ...] = ()
    op: str = ""
    part: str = ""
    basis: str = "exact"

    @property
    def count(self) -> Size:
        """How many such tensors there are."""
        return product(axis.count for axis in self.axes)

    @property
    def size(self) -> Size:
        """Elements of one of them."""
        return product(self.shape)

    @property
    def numel(self) -> Size:
        """Elements of all of them: the product of the shape, times the count."""
        return self.size * self.count

    @property
    def nbytes(self) -> Size:
        """Bytes of all of them: each one is padded to whole blocks of its format, then multiplied."""
        return self.dtype.nbytes(self.size) * self.count

    def names(self) -> Iterator[str]:
        """Every single name, as the checkpoint spells it."""
        return _expand(self.name, self.axes)

    def but(
        self,
        *,
        name: str | None = None,
        shape: tuple[Size, ...] | None = None,
        dtype: Dtype | None = None,
        kind: str | None = None,
        axes: tuple[Axis, ...] | None = None,
    ) -> Tensor:
        """The same tensor with some of it changed, as `dataclasses.replace`, in a fifth of the time."""
        return Tensor(
            self.name if name is None else name,
            self.shape if shape is None else shape,
            self.dtype if dtype is None else dtype,
            self.kind if kind is None else kind,
            self.axes if axes is None else axes,
            self.op,
            self.part,
            self.basis,
        )

    def at(self, index: int) -> Tensor | None:
        """The row for one value of the outermost index, or None where the index does not reach it."""
        if not self.axes or index not in self.axes[0].indices():
            return None
        return self.but(name=self.name.replace("{}", str(index), 1), axes=self.axes[1:])

    @property
    def formula(self) -> str:
        """Count and shape as a product, the way it is executed: `32 · 4,096 · 4,096`."""
        factors = [axis.count for axis in self.axes] + list(self.shape)
        return " · ".join(map(_shown, factors)) if factors else "1"


def _expand(name: str, axes: tuple[Axis, ...]) -> Iterator[str]:
    if not axes:
        yield name
        return
    for index in axes[0].indices():
        yield from _expand(name.replace("{}", str(index), 1), axes[1:])


def _shown(factor: Size) -> str:
    if is_symbolic(factor):
        text = str(factor).replace("**2", "²").replace("*", "·")
        return f"({text})" if factor.is_Add else text
    return "[…]" if is_array(factor) else f"{factor:,}"
