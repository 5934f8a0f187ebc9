"""The head and the loss: the logits, one for each token and word of the vocabulary, in FP32 for cross-entropy."""

from __future__ import annotations

from ...ledger.arithmetic import ceil_div, if_less
from ...ledger.dtypes import Dtype, dtypes
from .described import ENCODER_DECODERS
from .forward import Forward
from .kernels import CAPPED
from .mlp import activate
from .norms import norm
from .tape import Storage, Value


def head_and_loss(f: Forward, x: Value) -> Value:
    """The logits of every token and the cross-entropy over them, computed at once, in chunks, or in one kernel."""
    how = f.setting.loss
    f.tape.kind = "logits"
    if how == "fused":
        return _fused(f, x)
    if how == "chunked":
        return _chunked(f, x)
    if how == "last":
        x = x.part((f.setting.batch, 1, f.arch.hidden_size))
    logits = head(f, x)
    if how in ("none", "last"):
        return logits
    if f.arch.model_type in ENCODER_DECODERS:
        return _loss_as_it_is(f, logits)
    with f.tape.holding(logits):  # the model returns them beside the loss
        return _cross_entropy(f, logits, _shifted_labels(f))


def head(f: Forward, x: Value) -> Value:
    """The logits: the head's own matrix, or the embedding's where they are tied."""
    name = f.names["lm_head"]
    if f"{name}.weight" in f.weights:
        logits = f.linear(name, x)
    else:
        logits = f.product(name, x, f.parameter(f"{f.names['embedding']}.weight"))
    if f.arch.model_type in CAPPED:
        logits = f.map(f"{name}.capped", f.map(f"{name}.tanh", f.map(f"{name}.divided", logits), "output"))
    return logits


def encoder_head(f: Forward, x: Value) -> Value:
    """The masked words' head and loss over all tokens; or, of a bare encoder, the pooler on the first token."""
    names, (b, _, h) = f.names, x.shape
    if f.arch.head == "none":
        if "pooler" not in names:
            return x
        return f.map(f"{names['pooler']}.tanh", f.linear(names["pooler"], x.part((b, h))), "output")
    f.tape.kind = "logits"
    x = norm(f, names["head_norm"], activate(f, f"{names['head_dense']}.act", f.linear(names["head_dense"], x)))
    tied = f"{names['lm_head']}.weight" not in f.weights
    weight = f.parameter(f"{names['embedding']}.weight" if tied else f"{names['lm_head']}.weight")
    logits = f.product(names["lm_head"], x, weight, bias_name=names["head_bias"])
    return logits if f.setting.loss == "none" else _loss_as_it_is(f, logits)


def _loss_as_it_is(f: Forward, logits: Value) -> Value:
    """The cross-entropy of the logits in their own format; each token's label is in its place."""
    wide = dtypes["fp32"] if f.setting.autocast else logits.dtype
    with f.tape.holding(logits):
        return _cross_entropy(f, logits, Storage("loss:labels", (f.setting.tokens,), dtypes["int64"]), wide)


def _cross_entropy(f: Forward, logits: Value, labels: Storage, dtype: Dtype = dtypes["fp32"]) -> Value:
    """In FP32: keeps the logarithm of softmax, the labels and the count of tokens that are scored."""
    wide = f.cast(f"loss:logits in {dtype}", logits, dtype)
    logs = f.map("loss:log_softmax", wide, "output")
    count = Storage("loss:weight", (), dtype)
    return f.tape.record("loss", (logs,), (), dtype, saves=[(logs, "log_softmax")], extra=[labels, count])


def _shifted_labels(f: Forward) -> Storage:
    """Labels moved on by one: a copy, but for a single sequence a view of the padded one."""
    b, s = f.setting.batch, f.setting.seq_len
    return Storage("loss:labels", (if_less(b, 2, s + 1, b * s),), dtypes["int64"])


def _chunked(f: Forward, x: Value) -> Value:
    """Chunk by chunk, each computed again in backward: one chunk's logits live at a time; only what goes in is kept."""
    tokens = ceil_div(f.setting.tokens, f.setting.loss_chunks)
    with f.tape.checkpoint("loss"):
        logits = head(f, x.view((tokens, f.arch.hidden_size)))
        labels = Storage("loss:labels", (tokens,), dtypes["int64"])
        return _cross_entropy(f, logits, labels)


def _fused(f: Forward, x: Value) -> Value:
    """One kernel for head and loss that makes the gradients in forward, a chunk at a time: keeps those, no logits."""
    tokens = ceil_div(f.setting.tokens, f.setting.loss_chunks)
    name = f.names["lm_head"]
    tied = f"{name}.weight" not in f.weights
    weight = f.parameter(f"{f.names['embedding']}.weight" if tied else f"{name}.weight")
    chunk = Storage("loss:logits of a chunk", (tokens, f.arch.vocab_size), f.computed(weight), "logits")
    kept = [Storage("loss:gradient of hidden states", x.shape, x.dtype)] if x.grad else []
    if weight.grad:
        kept.append(Storage(f"{name}.weight:gradient made in forward", weight.shape, weight.dtype))
    return f.tape.record("loss", (x, weight), (), dtypes["fp32"], extra=kept, scratch=[chunk])
