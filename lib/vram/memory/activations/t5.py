"""T5, mT5 and umT5: the forward pass of an encoder, and of the decoder that looks at what it says.

Both read `seq_len` tokens: labels are as long as the input. Each side has a bias for every distance between two tokens,
which is added to the scores of self-attention; to those of cross-attention, zeroes are. T5's first layer makes both for
all layers of its side, each of umT5's makes its own. A trained bias needs a gradient, which torch's flash kernel for
CPUs does not make; that for CUDA takes no bias at all.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ...architectures.families.t5 import attention_names, mlp_names
from ...ledger.arithmetic import Size, is_whole
from ...ledger.dtypes import Dtype, dtypes
from ...ledger.errors import unknown
from ...ledger.tensor import Axis
from .forward import Forward, Weights
from .kernels import efficient, flash, math
from .loss import head_and_loss
from .mlp import activate, activation_of
from .norms import norm
from .operands import same
from .setting import ACTIVATIONS, Setting
from .stretches import Model, Part, Stretch
from .tape import Storage, Value

if TYPE_CHECKING:
    from ...architectures.architecture import Architecture


class Given(NamedTuple):
    """What a layer is given beside the stream, or makes where it is given none.

    states        what the encoder said; none in the encoder itself
    bias, zeroes  what is added to the scores of self- and of cross-attention
    """

    states: Value | None = None
    bias: Value | None = None
    zeroes: Value | None = None

    def shared(self) -> list[Value]:
        """Those that are made once, for all layers."""
        return [value for value in self if value is not None and value.storage.shared]

    def on_another_tape(self) -> Given:
        """The same memory as operands of other operations."""
        return Given(*(Value(v.storage, v.grad) if v is not None and v.storage.shared else None for v in self))


def encoder_decoder(arch: Architecture, setting: Setting, weights: Weights) -> Model:
    """Encoder, decoder, head and loss; between both sides, the encoder's last norm and the decoder's embedding."""
    if setting.activation is None and (word := activation_of(arch)) not in ACTIVATIONS:
        raise unknown("feed_forward_proj", word, ACTIVATIONS)
    new = partial(Forward, arch, setting, weights, {})
    f = new()
    x = _embedded(f, "encoder")
    before = Part(Stretch(f.tape, leaves=x))
    encoder = _layers(new, "encoder", arch.num_hidden_layers, x, Given(), turn=1)

    f = new()
    said = _after("encoder hidden states", encoder)
    states = _made_once(_finished(f, "encoder", said), "encoder.last_hidden_state")
    y = _embedded(f, "decoder")
    between = Stretch(f.tape, said, y, waits=(states,))
    decoder = _layers(new, "decoder", arch.num_decoder_layers, y, Given(states), turn=3)
    between, decoder = _handing(setting, Part(between, turn=2), decoder, [states.storage, *_masks(setting, y)])

    f = new()
    enters = _after("hidden states", decoder)
    with f.tape.holding(enters):
        z = _finished(f, "decoder", enters)
    z = f.map("decoder.scaled", z) if arch.tie_word_embeddings else z
    with f.tape.holding(z):
        loss = head_and_loss(f, z)
    said = () if states.storage in between.stretch.hands else (states.storage,)  # the model returns it
    after = Part(Stretch(f.tape, enters, loss, beside=said), turn=4)
    return Model(before, (*encoder, between, *decoder), after)


# the stream from layer to layer


def _layers(new: Callable[[], Forward], side: str, count: Size, x: Value, given: Given, turn: int) -> list[Part]:
    """The first layer of a side, and the others, which are all alike."""
    stretch, made = _layer(new(), side, x, given.on_another_tape())
    first, rest = Part(stretch, (Axis(1),), turn), []
    if not (is_whole(count) and count == 1):
        stretch, _ = _layer(new(), side, stretch.leaves, made.on_another_tape())
        rest = [Part(stretch, (Axis(count - 1, 1),), turn)]
    own = [value.storage for value in made._replace(states=None).shared()]
    first, rest = _handing(new().setting, first, rest, own)
    return [first, *rest]


def _handing(setting: Setting, first: Part, rest: list[Part], made: list[Storage]) -> tuple[Part, list[Part]]:
    """What the first part makes for others: kept where one of them keeps it or is computed again; else a variable."""
    saved = {storage for part in (first, *rest) for storage in part.stretch.saved}
    again = setting.checkpointing != "none" and any(op.has_backward for part in rest for op in part.stretch.tape.ops)
    kept = tuple(storage for storage in made if again or storage in saved)
    held = tuple(storage for storage in made if storage not in kept)

    def beside(part: Part, **changes: object) -> Part:
        return part._replace(stretch=replace(part.stretch, beside=(*part.stretch.beside, *held), **changes))

    return beside(first, hands=kept), [beside(part) for part in rest]


def _layer(f: Forward, side: str, x: Value, given: Given) -> tuple[Stretch, Given]:
    """Self-attention, in the decoder cross-attention, and the MLP, each normed before and added to the stream."""
    block, attentions = f"{side}.block.{{}}", ["SelfAttention", "EncDecAttention"][: 1 if given.states is None else 2]
    full = f.setting.checkpointing == "full"
    enters = leaves = Value(Storage(f"{block}:input", x.shape, x.dtype, unnamed=not full), x.grad)
    with f.tape.checkpoint(block) if full else nullcontext(), f.tape.holding(enters):
        bias = _bias(f, f"{block}.layer.0.SelfAttention") if given.bias is None else given.bias
        zeroes = given.zeroes
        if given.states is not None and zeroes is None:
            zeroes = _zeroes(f, f"{block}.layer.1.EncDecAttention", f.setting.autocast or x.dtype)
        made = Given(given.states, bias, zeroes)
        for place, (name, added) in enumerate(zip(attentions, (bias, zeroes), strict=False)):
            layer = f"{block}.layer.{place}"
            normed = norm(f, f"{layer}.layer_norm", leaves)
            out = _attention(f, f"{layer}.{name}", normed, given.states if place else None, added)
            leaves = _clamped(f, layer, f.add(f"{layer}.residual", leaves, f.dropout(f"{layer}.dropout", out)))
        layer = f"{block}.layer.{len(attentions)}"
        out = _mlp(f, f"{layer}.DenseReluDense", norm(f, f"{layer}.layer_norm", leaves))
        leaves = _clamped(f, layer, f.add(f"{layer}.residual", leaves, f.dropout(f"{layer}.dropout", out)))
    return Stretch(f.tape, enters, leaves, waits=tuple(made.shared())), made


def _embedded(f: Forward, side: str) -> Value:
    """The embedding, which both sides share."""
    table = f.parameter(f"{f.names['embedding']}.weight")
    ids = Storage(f"{side}.embed_tokens:tokens", (f.setting.batch, f.setting.seq_len), dtypes["int64"])
    shape = (*ids.shape, f.arch.hidden_size)
    x = f.tape.record(f"{side}.embed_tokens", (table,), shape, f.computed(table), extra=[ids])
    return f.dropout(f"{side}.embed_tokens.dropout", x)


def _finished(f: Forward, side: str, x: Value) -> Value:
    """The last norm of a side."""
    return f.dropout(f"{side}.dropout", norm(f, f"{side}.final_layer_norm", x))


def _after(name: str, layers: list[Part]) -> Value:
    """What leaves the last layer, as it enters what follows."""
    leaves = layers[-1].stretch.leaves
    return Value(Storage(name, leaves.shape, leaves.dtype, unnamed=True), leaves.grad)


def _made_once(value: Value, name: str) -> Value:
    """A tensor that many layers use."""
    value.storage.call(name).shared = True
    return value


def _clamped(f: Forward, name: str, x: Value) -> Value:
    """In FP16 the code keeps the stream within the format's range: its input and both bounds are kept."""
    if x.dtype.name != "fp16":
        return x
    bounds = [Storage(f"{name}.clamp:{what}", (), dtypes["fp32"]) for what in ("least", "most")]
    return f.tape.record(f"{name}.clamp", (x,), x.shape, x.dtype, saves=[(x, "input")], extra=bounds)


def _mlp(f: Forward, module: str, x: Value) -> Value:
    """One matrix up, or two with a gate; dropout inside; its result in the format of the matrix down."""
    names = mlp_names(module, f.arch.mlp_gated)
    with f.tape.within("mlp"), f.tape.holding(x):
        inner = activate(f, f"{module}.act", f.linear(names["gate" if f.arch.mlp_gated else "up"], x))
        if f.arch.mlp_gated:
            inner = f.mul(f"{module}.gated", inner, f.linear(names["up"], x), ("activated", "up"))
        inner = f.dropout(f"{module}.dropout", inner)
        inner = f.cast(f"{module}.cast", inner, f.computed(f.parameter(f"{names['down']}.weight")))
    return f.linear(names["down"], inner)


# attention


def _attention(f: Forward, module: str, x: Value, states: Value | None, added: Value) -> Value:
    """Queries of the stream; keys and values of it, or of what the encoder said."""
    names, a, d = attention_names(module), f.arch.num_attention_heads, f.arch.head_dim
    source = x if states is None else states
    with f.tape.holding(x):
        with f.tape.within("attention"):
            q, k, v = (f.linear(names[slot], t) for slot, t in (("q", x), ("k", source), ("v", source)))
            q, k, v = (t.view((*t.shape[:-1], a, d)) for t in (q, k, v))
        with f.tape.holding(q, k, v):
            with f.tape.within("attention"):
                selective = f.setting.checkpointing == "selective"
                with f.tape.checkpoint(f"{module}.core") if selective else nullcontext():
                    core = _eager if f.setting.attention == "eager" else _sdpa
                    out = core(f, module, q, k, v, added, _looks_back(f, module))
            return f.linear(names["o"], out)


def _looks_back(f: Forward, module: str) -> bool:
    """Tokens of the decoder see those before them; a single one sees itself anyway."""
    return module.startswith("decoder") and module.endswith("SelfAttention") and not same(f.setting.seq_len, 1)


def _eager(f: Forward, module: str, q: Value, k: Value, v: Value, added: Value, masked: bool) -> Value:
    """Product, scale of 1, bias, mask, softmax in the format of the scores, dropout, product."""
    b, s, a, d = q.shape
    scores = f.matmul(f"{module}.scores", q, k, (b, a, s, k.shape[1]), ("query", "key"))
    scores = f.add_repeated(f"{module}.bias", f.map(f"{module}.scale", scores), added)
    scores = f.map(f"{module}.mask", scores) if masked else scores
    wide = dtypes["fp32"] if f.setting.autocast is not None and f.setting.backend == "cuda" else scores.dtype
    with f.tape.holding(scores):
        weights = f.softmax(f"{module}.softmax", scores, wide)
    with f.tape.holding(weights):
        weights = f.dropout(f"{module}.dropout", weights)
    with f.tape.holding(weights):
        out = f.matmul(f"{module}.values", weights, v, (b, a, s, d), ("weights", "value"))
        return f.map(f"{module}.transpose", out, shape=(b, s, a * d))


def _sdpa(f: Forward, module: str, q: Value, k: Value, v: Value, added: Value, masked: bool) -> Value:
    """torch's kernel, with bias and mask in one tensor."""
    if masked:  # chooses between bias and minus infinity
        seen = Storage(f"{module}.mask:seen", (1, 1, *added.shape[2:]), dtypes["bool"], part="attention")
        added = f.tape.record(f"{module}.mask", (added,), added.shape, added.dtype, extra=[seen])
    if module.endswith("SelfAttention") and not (same(f.arch.num_attention_heads, 1) or same(f.setting.seq_len, 1)):
        added = f.map(f"{module}.bias", added)  # the table has the heads last, the kernel takes them first
    q, k, v = (f.lowered(f"{module}.sdpa:{what}", t) for what, t in (("query", q), ("key", k), ("value", v)))
    added = f.lowered(f"{module}.sdpa:bias", added)
    if f.setting.backend == "cpu":
        kernel = math if f.setting.dropout or added.grad else flash
    else:
        kernel = math if q.dtype.name == "fp64" else efficient
    with f.tape.holding(q, k, v, added):
        return kernel(f, module, q, k, v, added)


def _bias(f: Forward, module: str) -> Value:
    """A number for each head and each pair of tokens, looked up by their distance."""
    s, name = f.setting.seq_len, f"{module}.relative_attention_bias"
    table = f.parameter(f"{name}.weight")
    buckets = Storage(f"{name}:buckets", (s, s), dtypes["int64"], part="attention")
    shape = (1, f.arch.num_attention_heads, s, s)
    bias = f.tape.record(name, (table,), shape, f.computed(table), extra=[buckets])
    return bias if _makes_its_own(f) else _made_once(bias, f"{module.format(0)}.position_bias")


def _zeroes(f: Forward, module: str, dtype: Dtype) -> Value:
    """What cross-attention adds; T5's code asks for their gradient where layers are computed again."""
    s = f.setting.seq_len
    zeroes = f.made(f"{module}.position_bias", (1, f.arch.num_attention_heads, s, s), dtype)
    if _makes_its_own(f):
        return zeroes
    zeroes.grad = f.setting.checkpointing == "full" and f.weights.trains
    zeroes.storage.name = f"{module.format(0)}.position_bias"
    return _made_once(zeroes, "")


def _makes_its_own(f: Forward) -> bool:
    return f.arch.model_type == "umt5"


def _masks(setting: Setting, x: Value) -> list[Storage]:
    """The causal mask of eager code, in the format of the stream."""
    if setting.attention != "eager":
        return []
    b, s, _ = x.shape
    return [Storage("decoder.causal mask", (b, 1, s, s), x.dtype, "temporaries")]
