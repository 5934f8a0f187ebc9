"""T5, mT5 and umT5: the forward pass of an encoder, and of the decoder that looks at what it says.

Both read `seq_len` tokens: labels are as long as the input. What is added to the scores of attention, T5's first layer
makes for all layers of its side, and each of umT5's layers makes its own. All matrices are taken to have the weights'
format; transformers keeps one of the MLP's in FP32 where it loads a checkpoint in FP16.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ...architectures.families.t5 import mlp_names
from ...ledger.arithmetic import Size, is_whole
from ...ledger.dtypes import dtypes
from ...ledger.errors import unknown
from ...ledger.tensor import Axis
from .forward import Forward, Weights
from .loss import head_and_loss
from .mlp import activate, activation_of
from .norms import norm
from .setting import ACTIVATIONS, Setting
from .stretches import Model, Part, Stretch
from .t5_attention import Given, makes_its_own, t5_attention
from .tape import Storage, Value

if TYPE_CHECKING:
    from ...architectures.architecture import Architecture


def encoder_decoder(arch: Architecture, setting: Setting, weights: Weights) -> Model:
    """Encoder, decoder, head and loss; between both sides, the encoder's last norm and the decoder's embedding."""
    if setting.activation is None and (word := activation_of(arch)) not in ACTIVATIONS:
        raise unknown("feed_forward_proj", word, ACTIVATIONS)
    new = partial(Forward, arch, setting, weights, {})
    f = new()
    x, embedded = _embedded(f, "encoder")
    before = Part(Stretch(f.tape, leaves=x))
    encoder, _ = _layers(new, "encoder", arch.num_hidden_layers, x, Given(), embedded, turn=1)

    f = new()
    said = _after("encoder hidden states", encoder)
    states = _finished(f, "encoder", said)
    y, embedded = _embedded(f, "decoder")
    between = Part(Stretch(f.tape, said, y, waits=(states,)), turn=2)
    seen = _for_all(states, "encoder.last_hidden_state")
    decoder, zeroes = _layers(new, "decoder", arch.num_decoder_layers, y, Given(seen), embedded, turn=3)
    between, decoder = _handing(setting, between, decoder, {seen.storage: states.storage} | _masks(setting, y))

    f = new()
    enters = _after("hidden states", decoder)
    with f.tape.holding(enters):
        z = _finished(f, "decoder", enters)
    with f.tape.holding(z):
        z = f.map("decoder.scaled", z) if arch.tie_word_embeddings else z
        with f.tape.holding(z):
            loss = head_and_loss(f, z)
    returned = () if seen.storage in between.stretch.hands else (seen.storage,)
    after = Part(Stretch(f.tape, enters, loss, beside=returned), turn=4)
    left = _left_by(zeroes)
    decoder[0] = _changed(decoder[0], behind=left[:1])
    before, *encoder, between = (_changed(part, behind=left) for part in (before, *encoder, between))
    return Model(before, (*encoder, between, *decoder), after)


# from part to part


def _layers(
    new: Callable[[], Forward], side: str, count: Size, x: Value, given: Given, embedded: Sequence[Storage], turn: int
) -> tuple[list[Part], Value | None]:
    """The first layer of a side and the others, which are all alike; the zeroes for cross-attention."""
    stretch, made = _layer(new(), side, x, given)
    own = () if makes_its_own(new()) else tuple(v for v in (made.bias, made.zeroes) if v is not None)
    names = [f"{side}.position_bias", f"{side}.position_bias of cross-attention"]
    shared = tuple(_for_all(value, name) for value, name in zip(own, names, strict=False))
    seen = () if given.states is None else (given.states,)
    first, rest = Part(replace(stretch, waits=(*own, *seen)), (Axis(1),), turn), []
    if not (is_whole(count) and count == 1):
        stretch, _ = _layer(new(), side, stretch.leaves, Given(given.states, *shared))
        rest = [Part(replace(stretch, waits=(*shared, *seen)), (Axis(count - 1, 1),), turn)]
    made_of = {for_all.storage: value.storage for for_all, value in zip(shared, own, strict=True)}
    first, rest = _handing(new().setting, first, rest, made_of, embedded)
    return [first, *rest], made.zeroes


def _for_all(value: Value, name: str) -> Value:
    """A tensor of one part as all later ones see it: their own tapes do not count it."""
    storage = value.storage
    return Value(Storage(name, storage.shape, storage.dtype, part=storage.part, shared=True), value.grad)


def _handing(
    setting: Setting, first: Part, rest: list[Part], made_of: dict[Storage, Storage], variables: Sequence[Storage] = ()
) -> tuple[Part, list[Part]]:
    """What a part makes for others is kept where one of them keeps it or is computed again; else a variable holds it.

    made_of    what the others see → what it is in the first part
    variables  what they all hold besides
    """
    saved = {storage for part in rest for storage in part.stretch.saved}
    again = setting.checkpointing != "none" and any(op.has_backward for part in rest for op in part.stretch.tape.ops)
    handed = [storage for storage, own in made_of.items() if own not in first.stretch.saved]
    kept = tuple(storage for storage in handed if again or storage in saved)
    held = (*variables, *(storage for storage in handed if storage not in kept))
    first = _changed(first, hands=kept, beside=(*first.stretch.beside, *variables))
    return first, [_changed(part, beside=(*part.stretch.beside, *held)) for part in rest]


def _changed(part: Part, **changes: object) -> Part:
    return part._replace(stretch=replace(part.stretch, **changes))


def _left_by(zeroes: Value) -> tuple[Storage, ...]:
    """Zeroes that have a gradient, and the gradient, both of no use: autograd keeps them until the loss is gone."""
    storage = zeroes.storage
    gradient = Storage(f"{storage.name}.grad", storage.shape, storage.dtype, "temporaries", storage.part)
    return (storage, gradient) if zeroes.grad else ()


def _layer(f: Forward, side: str, x: Value, given: Given) -> tuple[Stretch, Given]:
    """Self-attention, in the decoder cross-attention, and the MLP, each normed before and added to the stream."""
    block, attentions = f"{side}.block.{{}}", ["SelfAttention", "EncDecAttention"][: 1 if given.states is None else 2]
    full = f.setting.checkpointing == "full"
    enters = leaves = Value(Storage(f"{block}:input", x.shape, x.dtype, unnamed=not full), x.grad)
    with f.tape.checkpoint(block) if full else nullcontext(), f.tape.holding(enters):
        variables = f.tape.variables
        for place, name in enumerate(attentions):
            layer = f"{block}.layer.{place}"
            normed = norm(f, f"{layer}.layer_norm", leaves)
            out, given = t5_attention(f, f"{layer}.{name}", normed, given)
            leaves = _added(f, layer, leaves, out)
            if not makes_its_own(f):
                variables = (*variables, (given.bias if place == 0 else given.zeroes).storage)
            f.tape.variables = variables  # the weights of this attention, not those of the one before
            if f.attention_weights is not None:
                f.tape.hold(f.attention_weights)
        layer = f"{block}.layer.{len(attentions)}"
        leaves = _added(f, layer, leaves, _mlp(f, f"{layer}.DenseReluDense", norm(f, f"{layer}.layer_norm", leaves)))
    return Stretch(f.tape, enters, leaves), given


def _embedded(f: Forward, side: str) -> tuple[Value, list[Storage]]:
    """The embedding, which both sides share; and what it was before dropout, which a variable holds."""
    table = f.parameter(f"{f.names['embedding']}.weight")
    ids = Storage(f"{side}.embed_tokens:tokens", (f.setting.batch, f.setting.seq_len), dtypes["int64"])
    shape = (*ids.shape, f.arch.hidden_size)
    x = f.tape.record(f"{side}.embed_tokens", (table,), shape, f.computed(table), extra=[ids])
    dropped = f.dropout(f"{side}.embed_tokens.dropout", x)
    return dropped, [x.storage] * (dropped is not x)


def _finished(f: Forward, side: str, x: Value) -> Value:
    """The last norm of a side."""
    return f.dropout(f"{side}.dropout", norm(f, f"{side}.final_layer_norm", x))


def _after(name: str, layers: list[Part]) -> Value:
    """What leaves the last layer, as it enters what follows."""
    leaves = layers[-1].stretch.leaves
    return Value(Storage(name, leaves.shape, leaves.dtype, unnamed=True), leaves.grad)


def _added(f: Forward, name: str, x: Value, out: Value) -> Value:
    """What attention or MLP says, after dropout, added to the stream.

    In FP16 the code then keeps the stream within the format's range: backward needs its input and both bounds.
    """
    with f.tape.holding(x, out):
        x = f.add(f"{name}.residual", x, f.dropout(f"{name}.dropout", out))
    if x.dtype.name != "fp16":
        return x
    bounds = [Storage(f"{name}.clamp:{what}", (), dtypes["fp32"]) for what in ("least", "most")]
    return f.tape.record(f"{name}.clamp", (x,), x.shape, x.dtype, saves=[(x, "input")], extra=bounds)


def _mlp(f: Forward, module: str, x: Value) -> Value:
    """One matrix up, or two with a gate; dropout inside; its result in the format of the matrix down."""
    names = mlp_names(module, f.arch.mlp_gated)
    with f.tape.holding(x):
        with f.tape.within("mlp"):
            inner = activate(f, f"{module}.act", f.linear(names["gate" if f.arch.mlp_gated else "up"], x))
            if f.arch.mlp_gated:
                f.tape.hold(inner)
                f.tape.hold(up := f.linear(names["up"], x))
                inner = f.mul(f"{module}.gated", inner, up, ("activated", "up"))
            inner = f.dropout(f"{module}.dropout", inner)
            inner = f.cast(f"{module}.cast", inner, f.computed(f.parameter(f"{names['down']}.weight")))
        with f.tape.holding(inner):
            return f.linear(names["down"], inner)


def _masks(setting: Setting, x: Value) -> dict[Storage, Storage | None]:
    """The causal mask of eager code, in the format of the stream; no operation here makes it."""
    if setting.attention != "eager":
        return {}
    b, s, _ = x.shape
    return {Storage("decoder.causal mask", (b, 1, s, s), x.dtype, "temporaries", shared=True): None}
