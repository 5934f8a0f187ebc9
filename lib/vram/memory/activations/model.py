"""A model's forward pass, written on tapes: before the layers, each kind of layer once, after them.

Layers differ where some have experts, and where the input of the first needs no gradient because the embedding is
frozen.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from ...architectures.layers import full_and_sliding
from ...ledger.arithmetic import Size, is_whole, smallest
from ...ledger.dtypes import Dtype, dtypes
from ...ledger.errors import VramError
from ...ledger.tensor import Axis, Tensor
from .adapters import adapted_embedding
from .attention import attention
from .described import ENCODER_DECODERS, resolved, undescribed
from .experts import experts
from .forward import Forward, Weights
from .kinds import Kind, kinds_of_layer
from .loss import encoder_head, head_and_loss
from .mlp import drops_residual, mlp
from .norms import norm
from .setting import Setting
from .stretches import Model, Part, Stretch
from .t5 import encoder_decoder
from .tape import Shape, Storage, Value

if TYPE_CHECKING:
    from ...architectures.architecture import Architecture


def record(arch: Architecture, setting: Setting, trained: Iterable[Tensor], frozen: Iterable[Tensor] = ()) -> Model:
    """The forward pass of a decoder with these weights, written on tapes."""
    if why := undescribed(arch):
        raise VramError(f"arch: the activations of {arch.name or arch.model_type} are not described: {why}.")
    setting = resolved(arch, setting)
    weights = Weights(arch, trained, frozen)
    if arch.model_type in ENCODER_DECODERS:
        return encoder_decoder(arch, setting, weights)
    shared: dict[tuple[str, str], Value] = {}
    f = Forward(arch, setting, weights, shared)
    x = _embedded(f)
    before = Stretch(f.tape, leaves=x)
    variables = _variables(f, x)
    block = arch.names["o"].split("{}")[0] + "{}"
    kinds = kinds_of_layer(arch, setting, x.grad or not weights.trains)
    known: dict[tuple[Kind, Dtype], Stretch] = {}  # layers that differ only in where they are
    layers: list[Part] = []

    def stretch_of(kind: Kind, entering: Dtype) -> Stretch:
        alike = replace(kind, axis=_ANYWHERE), entering
        if alike not in known:
            known[alike] = _recorded(Forward(arch, setting, weights, shared, kind), block, x.shape, entering)
        return known[alike]

    stream = x.dtype
    for kind in kinds:
        stretch, axis = stretch_of(kind, stream), kind.axis
        leaving = stretch.leaves.dtype
        if leaving != stream and not (is_whole(axis.count) and axis.count == 1):  # the others get another format
            layers.append(Part(stretch, (replace(axis, count=1),), 1))
            stretch, axis = stretch_of(kind, leaving), replace(axis, count=axis.count - 1, start=axis.start + axis.step)
        layers.append(Part(stretch, (axis,), 1))
        stream = leaving
    f = Forward(arch, setting, weights, shared)
    enters = Value(Storage("hidden states", x.shape, stream, unnamed=True), layers[-1].stretch.leaves.grad)
    with f.tape.holding(enters):
        y = norm(f, arch.names["final_norm"], enters) if arch.final_norm else enters
        y = f.linear(arch.names["project_out"], y) if projects(f) else y
    finish = head_and_loss if arch.head == "lm" else encoder_head
    with f.tape.holding(y):
        after = Stretch(f.tape, enters, finish(f, y))
    masked = any(kind.masked for kind in kinds)
    keeps = setting.checkpointing == "full" and arch.model_type in _KEEPS_MASK
    made_once = tuple(value.storage for value in shared.values())
    masks = _masks(arch, setting, x, masked)
    return Model(Part(before), tuple(layers), Part(after, turn=2), made_once, masks, keeps, variables)


_ANYWHERE = Axis(1)


def _recorded(f: Forward, block: str, shape: Shape, entering: Dtype) -> Stretch:
    """A layer on a tape of its own; `entering` is the format of the stream that reaches it."""
    full = f.setting.checkpointing == "full"
    grad = f.weights.trains and not f.kind.frozen_input
    enters = Value(Storage(f"{block}:input", shape, entering, unnamed=not full), grad)
    with f.tape.checkpoint(block) if full else nullcontext(), f.tape.holding(enters):
        leaves = layer(f, enters)
    lingers = f.attention_weights if f.arch.model_type in _KEEPS_OUTPUTS else None
    return Stretch(f.tape, enters, leaves, lingers and lingers.storage)


#: Families whose code makes a mask of ones where it is given none, to count positions or distances by.
_MAKES_MASKS = {"opt": ("fp32", "int64"), "falcon": ("int64",)}
#: Families whose code makes rotary tables beside ALiBi too, which uses none.
_TABLES_FOR_NOTHING = {"falcon": ("cos", "sin")}
#: Families whose loop over the layers has a variable for all that a layer returns, its attention weights among them.
_KEEPS_OUTPUTS = frozenset({"bloom", "codegen", "falcon", "gpt_neo", "gptj", "mpt"})


def _variables(f: Forward, x: Value) -> tuple[Storage, ...]:
    """The embedded tokens, and in families with learned positions the vectors they are the sum of; the positions."""
    made = {op.name: op.outputs[0].storage for op in f.tape.ops}
    tokens, positions = made[f.names["embedding"]], made.get(f.names.get("positions", ""))
    embedded = (x.storage,) if positions is None else (tokens, positions)
    family, b, tokens = f.arch.model_type, f.setting.batch, f.setting.keys
    ones = [Storage(f"mask of ones {n}", (b, tokens), dtypes[dtype], "temporaries")
            for n, dtype in enumerate(_MAKES_MASKS.get(family, ()))]  # fmt: skip
    if family == "mpt":  # its distances are shared by the layers, and it has no numbers of positions
        return embedded
    if f.arch.positions == "alibi":
        alibi = Storage("alibi", (b * f.arch.num_attention_heads, 1, tokens), x.dtype, "temporaries")
        tables = [Storage(f"rotary_emb:{what}", (1, f.setting.seq_len, f.arch.head_dim), x.dtype, "temporaries")
                  for what in _TABLES_FOR_NOTHING.get(family, ())]  # fmt: skip
        return (*embedded, *ones[:1], alibi, *tables)
    if family in _COUNTS_POSITIONS:
        return (*embedded, *ones)
    numbers = Storage(f"{f.names['embedding']}:positions", (1, f.setting.seq_len), dtypes["int64"], "temporaries")
    return (*embedded, numbers)


def _masks(arch: Architecture, setting: Setting, x: Value, masked: bool) -> tuple[Storage, ...]:
    """Zeroes and minus infinities that eager code of decoders adds to the scores: s × s for each sequence.

    masked  some layer gives torch's kernel a mask
    """
    b, s, tokens = setting.batch, setting.seq_len, setting.keys
    if arch.model_type == "falcon" and arch.positions == "alibi":
        if setting.attention != "eager":
            return ()  # the kernel's is shared
        return (Storage("mask with distances", (b, arch.num_attention_heads, s, tokens), x.dtype, "temporaries"),)
    if setting.attention == "sdpa" and (masked or _masks_for_nothing(arch)):
        rows = b if arch.model_type in _COUNTS_PADDING else 1
        return (Storage("mask of yes and no", (rows, 1, s, tokens), dtypes["bool"], "temporaries", shared=True),)
    if setting.attention != "eager" or arch.head != "lm":
        return ()
    if arch.model_type == "mpt":  # its mask says yes or no, and is kept
        return ()
    full, sliding = full_and_sliding(arch)
    both = arch.model_type in _BOTH_MASKS
    seen = s + smallest((setting.past, arch.sliding_window - 1)) if sliding and setting.cache else tokens
    widths = {}
    if full or both:
        widths["causal mask"] = tokens if full else seen  # as wide as what the first layer looks back on
    if sliding or _masks_for_nothing(arch):
        widths["causal mask of windows"] = seen
    return tuple(
        Storage(name, (b, 1, s, width), x.dtype, "temporaries", shared=True) for name, width in widths.items()
    )


def _masks_for_nothing(arch: Architecture) -> bool:
    """A window of 0 tokens stands for none, but its mask is made."""
    return arch.model_type == "qwen2_moe" and not arch.sliding_window


#: Families whose code makes a mask for each type of layer, whether or not there is one of that type.
_BOTH_MASKS = frozenset({"cohere2", "exaone4", "gemma2", "gemma3_text", "gpt_oss", "llama4_text", "ministral", "olmo3",
                         "qwen2_moe", "vaultgemma"})  # fmt: skip


#: Families whose chunks begin where the padding of each sequence ends, so that each has a mask of its own.
_COUNTS_PADDING = frozenset({"llama4_text"})
#: Families whose code hands the mask to a layer by position: what is handed so, a checkpoint keeps.
_KEEPS_MASK = frozenset({"gpt2"})


def _embedded(f: Forward) -> Value:
    """What the layers work on. Checkpointing in transformers asks for the gradient of a frozen embedding's output."""
    names, shape = f.names, (f.setting.batch, f.setting.seq_len)
    weight = f.parameter(f"{names['embedding']}.weight")
    ids = Storage(f"{names['embedding']}:tokens", shape, dtypes["int64"])
    x = f.tape.record(names["embedding"], (weight,), (*shape, f.arch.embedding_size), f.computed(weight), extra=[ids])
    if f"{names['embedding']}.lora_embedding_A" in f.weights:
        x = adapted_embedding(f, names["embedding"], ids, x)
    if x.grad or not f.weights.trains or f.setting.checkpointing != "full":
        return _finished(f, x)
    leaf = Value(x.storage, True)
    x = _finished(f, leaf)
    if x is not leaf:  # else the first layer keeps it
        f.tape.keep(leaf, f"{names['embedding']}:output")
    return x


def _finished(f: Forward, x: Value) -> Value:
    """The embedded tokens, scaled or projected where the family does so, positions added where they are learned."""
    names, s = f.names, f.setting.seq_len
    if projects(f):
        x = f.linear(names["project_in"], x)
    if f.arch.model_type in _SCALES_EMBEDDING:
        scale = Value(Storage(f"{names['embedding']}:scale", (), x.dtype), False)
        x = f.mul(f"{names['embedding']}.scaled", x, scale)
    if "segments" in names and f.arch.type_vocab_size != 0:
        x = f.add(f"{names['embedding']}.segment", x, _looked_up(f, "segments", _rows(f), s))
    if f.arch.positions == "learned":
        kept = f.arch.max_position_embeddings if f.arch.model_type in _STORES_POSITIONS else s
        x = f.add(f"{names['embedding']}.add", x, _looked_up(f, "positions", _rows(f), kept))
    if "embedding_norm" in names:
        x = norm(f, names["embedding_norm"], x)
    if f.arch.model_type in _DROPS_EMBEDDING:
        x = f.dropout(f"{names['embedding']}.dropout", x)
    return x


def _looked_up(f: Forward, slot: str, rows: Size, kept: Size) -> Value:
    """Vectors out of a small table: keeps the numbers of their rows."""
    name = f.names[slot]
    table = f.parameter(f"{name}.weight")
    ids = Storage(f"{name}:{slot}", (rows, kept), dtypes["int64"])
    return f.tape.record(name, (table,), (rows, f.setting.seq_len, f.arch.hidden_size), f.computed(table), extra=[ids])


def _rows(f: Forward) -> Size:
    return f.setting.batch if f.arch.model_type in _COUNTS_POSITIONS else 1


def projects(f: Forward) -> bool:
    """True where the embedding is narrower than the stream, with a projection before the layers and one after them."""
    return "project_in" in f.names and f"{f.names['project_in']}.weight" in f.weights


#: Families that count the positions of each sequence.
_COUNTS_POSITIONS = frozenset({"opt", "roberta", "xlm-roberta", "camembert"})
#: Families that store the numbers of all positions and look at the first of them.
_STORES_POSITIONS = frozenset({"bert", "distilbert"})
#: Families that multiply the embedding by a number that is a tensor.
_SCALES_EMBEDDING = frozenset({"gemma", "gemma2", "gemma3_text", "minicpm3", "vaultgemma"})
_DROPS_EMBEDDING = frozenset({"gpt2", "gpt_bigcode", "gptj", "codegen", "gpt_neo", "gpt_neox", "phi", "starcoder2",
                              "bert", "roberta", "xlm-roberta", "camembert", "distilbert"})  # fmt: skip


def layer(f: Forward, x: Value) -> Value:
    """One layer: attention and MLP, one after the other or side by side, each added to the stream."""
    names, block = f.names, f.names["o"].split("{}")[0] + "{}"
    feed_forward = _experts if f.kind.sparse else _mlp
    if f.arch.norms_the_sum:
        return _normed_afterwards(f, x, block)
    normed = _norm(f, "attention_norm", x)
    if f.arch.model_type == "falcon":
        return _falcon(f, x, normed, block)
    if f.arch.model_type in _ADDS_IN_ATTENTION:
        x = attended = attention(f, normed, x)
        with f.tape.holding(attended):
            return f.add(f"{block}.mlp_residual", x, feed_forward(f, _norm(f, "mlp_norm", x)))
    attended = _residual_dropout(f, names["o"], attention(f, normed))
    attended = _norm(f, "attention_post_norm", attended)
    if f.arch.parallel:
        second = normed if f.arch.shared_norm else _norm(f, "mlp_norm", x)
        return f.add(f"{block}.residual", f.add(f"{block}.add", attended, feed_forward(f, second)), x)
    x = f.add(f"{block}.attention_residual", x, attended)
    holds = [attended] * (f.arch.model_type in _HOLDS_ATTENDED) + [normed] * (f.arch.model_type in _HOLDS_NORMED)
    with f.tape.holding(*holds):
        fed = _norm(f, "mlp_post_norm", feed_forward(f, _norm(f, "mlp_norm", x)))
    return f.add(f"{block}.mlp_residual", x, fed)


def _falcon(f: Forward, x: Value, normed: Value, block: str) -> Value:
    """Falcon's layer: its variables hold the norm before attention, what attention says, the norm before the MLP."""
    arch = f.arch
    with f.tape.holding(normed):
        second = _norm(f, "mlp_norm", x) if arch.parallel and not arch.shared_norm else normed
        with f.tape.holding(second):
            attended = _residual_dropout(f, f.names["o"], attention(f, normed))
        for returned in (attended, f.attention_weights):
            if returned is not None:
                f.tape.hold(returned)
        if not arch.parallel:
            x = f.add(f"{block}.attention_residual", x, attended)
            second = _norm(f, "mlp_norm", x)
        fed = _mlp(f, second)
        if arch.parallel:
            fed = f.dropout(f"{block}.dropout", f.add(f"{block}.add", attended, fed))
        return f.add(f"{block}.{'residual' if arch.parallel else 'mlp_residual'}", fed, x)


#: Families whose code has a variable of its own for what attention says.
_HOLDS_ATTENDED = frozenset({"gpt2", "gpt_bigcode", "gpt_neo", "llama4_text", "mpt", "stablelm"})
#: Families whose code has a variable of its own for the norm before the MLP.
_HOLDS_NORMED = frozenset({"stablelm"})
#: Families whose attention module itself adds what it says to the stream.
_ADDS_IN_ATTENTION = frozenset({"bloom"})
#: Families that give the variable of the norm before the MLP to the MLP's first product.
_LETS_NORM_GO = frozenset({"opt"})


def _mlp(f: Forward, x: Value) -> Value:
    with f.tape.holding(*[x] * (f.arch.model_type not in _LETS_NORM_GO)):
        return mlp(f, x)


def _experts(f: Forward, x: Value) -> Value:
    with f.tape.holding(x):
        return experts(f, x)


def _normed_afterwards(f: Forward, x: Value, block: str) -> Value:
    """Attention and MLP, each added to the stream, which is normed after each."""
    first, second = [slot for slot in _NORMS if slot in f.names]
    attended = _residual_dropout(f, f.names["o"], attention(f, x))
    x = _norm(f, first, f.add(f"{block}.attention_residual", x, attended))
    return _norm(f, second, f.add(f"{block}.mlp_residual", x, _mlp(f, x)))


_NORMS = ("attention_norm", "attention_post_norm", "mlp_norm", "mlp_post_norm")


def _norm(f: Forward, slot: str, x: Value) -> Value:
    return norm(f, f.names[slot], x) if slot in f.names else x


def _residual_dropout(f: Forward, name: str, x: Value) -> Value:
    return f.dropout(f"{name}.dropout", x) if drops_residual(f.arch) else x
