"""The operations a model's code is made of, each with what torch saves for its backward.

A product a·b keeps a where b needs a gradient, and b where a does. A frozen weight therefore spares its input, and
the first layer under a frozen embedding saves next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...ledger.arithmetic import Size
from ...ledger.dtypes import Dtype, dtypes
from ...ledger.errors import VramError
from ...ledger.tensor import Axis, Tensor
from .adapters import adapted
from .kinds import Kind
from .setting import Setting
from .tape import Shape, Storage, Tape, Value, size_key

if TYPE_CHECKING:
    from ...architectures.architecture import Architecture

_FLOATS = {"fp16": 1, "bf16": 1, "fp32": 2, "fp64": 3}  # by width, for promotion
_ADAPTER = "base_model.model."
_BIAS_APART = frozenset({"falcon"})  # families that add it after the product

#: Language models beside pictures: tokens of a picture have places in it, so that each sequence has tables of its own.
_PLACES_PICTURES = frozenset({"qwen2_vl_text", "qwen2_5_vl_text", "qwen3_vl_text"})


class Weights:
    """The parameters by name: shape, format, trained or frozen. Adapters of LoRA are found beside their module.

    trains    some weight is trained: gradients flow through the layers
    computed  the format of what is computed with quantised weights: that of the embedding or, where that is quantised
              too, BF16. Norms that such a file keeps in FP32 (GGUF does) are then read in that format.
    """

    def __init__(self, arch: Architecture, trained: Iterable[Tensor], frozen: Iterable[Tensor] = ()):
        packed = dtypes["uint8"]
        self._rows: dict[str, tuple[Tensor, Dtype, bool]] = {}
        stored = {row.name: row.dtype for row in frozen}
        trained = {row.name.removeprefix(_ADAPTER): row for row in trained}
        for row in arch.parameters(packed):
            self._rows.setdefault(row.name, (row, stored.get(row.name, packed), False))
        self.trains = bool(trained)
        for name, row in trained.items():
            self._rows[name] = (row, row.dtype, True)
        self.computed = self._of_embedding(arch)
        if self.computed is not None:
            for name, (row, dtype, is_trained) in self._rows.items():
                if not is_trained and dtype.name in _FLOATS:
                    self._rows[name] = (row, self.computed, False)

    def _of_embedding(self, arch: Architecture) -> Dtype | None:
        """The format to compute in, where some weight is quantised."""
        if all(dtype.name in _FLOATS for _, dtype, _ in self._rows.values()):
            return None
        embedding = self._row(f"{arch.names['embedding']}.weight")[1]
        return embedding if embedding.name in _FLOATS else dtypes["bf16"]

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def value(self, name: str) -> Value:
        """A weight as an operand: those of all experts, or all heads, together."""
        row, dtype, trained = self._row(name)
        shape = (*(axis.count for axis in row.axes[1:]), *row.shape)
        return Value(Storage(name, shape, dtype, "weights", row.part), trained)

    def width(self, name: str) -> Size:
        """What a matrix puts out."""
        row = self._row(name)[0]
        return row.shape[1] if row.op == "conv1d" else row.shape[0]

    def _row(self, name: str) -> tuple[Tensor, Dtype, bool]:
        if name not in self._rows:
            raise VramError(f"arch: the model has no weight {name!r}, which its forward pass would need.")
        return self._rows[name]


class Forward:
    """One stretch of the forward pass: the operations, written on a tape."""

    def __init__(
        self,
        arch: Architecture,
        setting: Setting,
        weights: Weights,
        shared: dict[tuple[str, str], Value],
        kind: Kind | None = None,
    ):
        self.arch, self.names, self.setting, self.weights = arch, arch.names, setting, weights
        self.kind = kind or Kind(Axis(1))
        self._shared = shared
        self.tape = Tape()
        self._parameters: dict[str, Value] = {}
        self._casts: dict[Value, Value] = {}
        #: What eager attention returns beside its output: a variable of the layer holds it until the layer is done.
        self.attention_weights: Value | None = None

    def parameter(self, name: str) -> Value:
        """A weight by its full name; one object however often it is used, so that its gradient is one."""
        if name not in self._parameters:
            self._parameters[name] = self.weights.value(name)
        return self._parameters[name]

    def shared(self, what: str, dtype: Dtype, width: Size) -> Value:
        """Cosines or sines of the rotary positions."""
        rows = self.setting.batch if self.arch.model_type in _PLACES_PICTURES else 1
        return self.once(f"rotary_emb{self.kind.tables}:{what}", (rows, self.setting.seq_len, width), dtype)

    def once(self, what: str, shape: Shape, dtype: Dtype) -> Value:
        """A tensor that is made once, for all layers, and needs no gradient."""
        if (what, dtype.name) not in self._shared:
            prefix = self.names["embedding"].rpartition(".")[0]
            name = f"{prefix}.{what}" if prefix else what
            self._shared[what, dtype.name] = Value(Storage(name, shape, dtype, shared=True), False)
        return self._shared[what, dtype.name]

    def made(self, name: str, shape: Shape, dtype: Dtype) -> Value:
        """A tensor that is made on the spot, out of none of the others."""
        out = self.tape.record(name, (), shape, dtype)
        out.storage.call(name)
        return out

    def numbers(self, name: str, shape: Shape, dtype: Dtype) -> None:
        """Numbers of tokens or experts, which a variable holds from here on; where gradients flow, they are saved."""
        if not self.weights.trains:
            self.tape.hold(self.made(name, shape, dtype))

    # formats

    @staticmethod
    def is_packed(weight: Value) -> bool:
        """True for a quantised weight."""
        return weight.dtype.name not in _FLOATS

    def computed(self, weight: Value) -> Dtype:
        """The format of what is made of a weight: its own, unless it is quantised."""
        return self.weights.computed if self.is_packed(weight) else weight.dtype

    def cast(self, name: str, x: Value, dtype: Dtype) -> Value:
        """A copy in another format, its memory in the same order; the tensor itself where it has that format."""
        if x.dtype == dtype:
            return x
        copy = self.tape.record(name, (x,), x.shape, dtype)
        copy.by_head = x.by_head
        return copy

    @staticmethod
    def widest(*formats: Dtype) -> Dtype:
        """The format of a result of several formats."""
        return max(formats, key=lambda dtype: _FLOATS.get(dtype.name, 0))

    def lowered(self, name: str, x: Value) -> Value:
        """An operand of a matrix product under autocast: cast, and a weight only once."""
        to = self.setting.autocast
        if to is None or x.dtype == to or x.dtype.name not in _FLOATS:
            return x
        if not x.is_parameter:
            return self.cast(f"{name}:cast", x, to)
        if x not in self._casts:
            copy = self.tape.record(f"{x.storage.name}.cast", (x,), x.shape, to)
            copy.storage.call(f"{x.storage.name}.cast").kind = "temporaries"
            self._casts[x] = copy
        return self._casts[x]

    # element by element

    def add(self, name: str, a: Value, b: Value) -> Value:
        """a + b: nothing is kept; the gradient passes through."""
        dtype = promoted(a.dtype, b.dtype)
        return self.tape.record(name, (a, b), a.shape, dtype, passes=[v for v in (a, b) if v.dtype == dtype])

    def add_repeated(self, name: str, a: Value, b: Value) -> Value:
        """a + b, where b may be smaller: then its gradient is summed up."""
        dtype = promoted(a.dtype, b.dtype)
        full = size_key(a.shape, dtype)
        passes = [v for v in (a, b) if size_key(v.shape, v.dtype) == full]
        return self.tape.record(name, (a, b), a.shape, dtype, passes=passes)

    def mul(self, name: str, a: Value, b: Value, roles: tuple[str, str] = ("left", "right")) -> Value:
        """a · b, as wide as a. A gradient is as wide as the product at first: that of a b repeated, of a narrower a."""
        saves = [(a, roles[0])] * b.grad + [(b, roles[1])] * a.grad
        dtype = promoted(a.dtype, b.dtype)
        full = size_key(a.shape, dtype)
        wide = [
            (one, Storage(f"{name}:gradient of {role} at first", a.shape, dtype, "temporaries", self.tape.part))
            for one, role in ((a, roles[0]), (b, roles[1])) if one.grad and size_key(one.shape, one.dtype) != full
        ]  # fmt: skip
        return self.tape.record(name, (a, b), a.shape, dtype, saves=saves, wide=wide)

    def map(self, name: str, x: Value, keeps: str = "", shape: Shape | None = None) -> Value:
        """A function of one tensor that keeps its "input", its "output" or nothing."""
        saves = [(x, "input")] if keeps == "input" else []
        output = "output" if keeps == "output" else ""
        return self.tape.record(
            name, (x,), x.shape if shape is None else shape, x.dtype, saves=saves, keeps_output=output
        )

    def power(self, name: str, x: Value) -> Value:
        """x to a power: keeps x; backward makes a smaller power, and that times the exponent, before the gradient."""
        made = [Storage(f"{name}:{what}", x.shape, x.dtype, "temporaries") for what in ("smaller power", "derivative")]
        return self.tape.record(name, (x,), x.shape, x.dtype, saves=[(x, "input")], backward=made)

    def dropout(self, name: str, x: Value, probability: float | None = None) -> Value:
        """Zeroes at random: keeps the mask."""
        if not (self.setting.dropout if probability is None else probability):
            return x
        mask = Storage(f"{name}:mask", x.shape, self.setting.mask or x.dtype, part=self.tape.part)
        return self.tape.record(name, (x,), x.shape, x.dtype, extra=[mask])

    def softmax(self, name: str, x: Value, dtype: Dtype | None = None) -> Value:
        """Softmax over the last dimension, in `dtype`: keeps its output."""
        wide = dtype or (dtypes["fp32"] if self.setting.autocast else x.dtype)
        return self.map(name, self.cast(f"{name}:input", x, wide), "output")

    # products

    def matmul(self, name: str, a: Value, b: Value, shape: Shape, roles: tuple[str, str]) -> Value:
        """A product of two activations."""
        a, b = self.lowered(f"{name}:{roles[0]}", a), self.lowered(f"{name}:{roles[1]}", b)
        saves = [(a, roles[0])] * b.grad + [(b, roles[1])] * a.grad
        return self.tape.record(name, (a, b), shape, a.dtype, saves=saves)

    def linear(self, name: str, x: Value) -> Value:
        """x Wᵀ + b, with the adapter added where the module has one."""
        weight = self.parameter(f"{name}.weight")
        out = self.product(name, x, weight)
        return adapted(self, name, x, out) if f"{name}.lora_A.weight" in self.weights else out

    def product(
        self, name: str, x: Value, weight: Value, width: Size | None = None, bias_name: str | None = None
    ) -> Value:
        """x Wᵀ + b, `width` wide: keeps x where W is trained, and a cast copy of W where x needs a gradient."""
        if self.is_packed(weight):
            return self._packed(name, x, weight)
        shape = (*x.shape[:-1], self.weights.width(weight.storage.name) if width is None else width)
        bias_name = bias_name or f"{name}.bias"
        bias = [self.parameter(bias_name)] if bias_name in self.weights else []
        x, weight = self.lowered(name, x), self.lowered(name, weight)
        saves = [(x, "input")] * weight.grad + [(weight, "weight")] * x.grad
        if self.arch.model_type not in _BIAS_APART:
            return self.tape.record(name, (x, weight, *bias), shape, weight.dtype, saves=saves)
        out = self.tape.record(name, (x, weight), shape, weight.dtype, saves=saves)
        return self.add(f"{name}.bias added", out, bias[0]) if bias else out

    def _packed(self, name: str, x: Value, weight: Value) -> Value:
        """A product with a quantised weight: backward unpacks it for the moment; only LLM.int8 keeps its input."""
        shape = (*x.shape[:-1], self.weights.width(weight.storage.name))
        if weight.dtype.name == "int8":
            unpacked = Storage(f"{name}.weight unpacked", weight.shape, x.dtype, "temporaries")
            return self.tape.record(name, (x,), shape, x.dtype, saves=[(x, "input")], backward=[unpacked])
        computed = self.setting.autocast or dtypes["bf16" if x.dtype.name == "fp32" else x.dtype.name]
        unpacked = Storage(f"{name}.weight unpacked", weight.shape, computed, "temporaries")
        out = self.tape.record(name, (self.cast(f"{name}:cast", x, computed),), shape, computed, backward=[unpacked])
        return self.cast(f"{name}:back", out, x.dtype)


def promoted(a: Dtype, b: Dtype) -> Dtype:
    """The format of a result of two formats: the wider one."""
    return b if _FLOATS.get(b.name, 0) > _FLOATS.get(a.name, 0) else a
