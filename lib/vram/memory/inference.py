"""What does a model hold while it generates? Load, prefill, decode. Taught in lessons 04 and 07.

The weights stay, the cache grows with every token, and what one layer computes is gone with the next. Prefill computes
all tokens of the prompt at once, so its temporaries are the largest; decode computes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..architectures.architecture import Architecture
from ..ledger.arithmetic import Size, check_size, is_whole
from ..ledger.dtypes import Dtype
from ..ledger.errors import VramError, unknown
from ..ledger.ledger import Ledger
from .activations.described import undescribed
from .activations.model import record
from .activations.setting import setting
from .activations.stretches import Model
from .arguments import need_architecture, need_flag
from .constants import overhead as constant_overhead
from .kv_cache import behind_windows, engines, is_encoder, kv_cache
from .layered import count_before
from .live import Run
from .moments import Place, Sizes, largest_moment
from .quantize import stored_weights
from .timeline import Timeline

PHASES = ("load", "prefill", "decode")


def inference(
    arch: Architecture,
    *,
    batch: Size = 1,
    seq_len: Size = 2048,
    weights: str | Dtype | Ledger = "bf16",
    kv: str | Dtype = "bf16",
    engine: str = "transformers",
    logits: str = "last",
    attention: str | None = None,
    backend: str = "cuda",
    overhead: bool = False,
    **options: Any,
) -> Timeline:
    """The timeline of generating text: bytes alive in each phase at its largest moment, by kind.

    batch      sequences at once
    seq_len    tokens of a sequence: the prompt in prefill, all that the cache holds in decode
    weights    a number format, a scheme of `vram.quantize` ("nf4", "Q4_K_M" …), or a ledger of stored weights
    kv         format of the cache
    engine     how much room the cache has: transformers, vllm or llama.cpp (see `vram.kv_cache`)
    logits     last: only the last token's, as engines compute them; all: of every token of the prompt
    overhead   count the usual measured constants too (CUDA context, workspaces)
    options    further arguments of the weights' scheme

    Temporaries are those of transformers' code, freed as soon as neither an operation nor a variable needs them: equal
    to small real models within 0.2 % (tests/fixtures/prefill.json). DBRX's experts run one after the other, and are
    taken to be visited evenly. In decode the cache grows by copying: a layer's old keys or values live beside the new
    ones. A window's cache is counted as from the second token after the prompt on; the first still has the whole prompt
    beside it. Engines that compute a prompt in chunks need less.

    Temporaries have the format of the weights; beside quantised weights that of the embedding and, where it is
    quantised too (GGUF), BF16, as transformers computes. llama.cpp's own kernels compute with FP32 and FP16.
    Of an encoder with a decoder (T5), weights and cache alone are counted, and `.missing` says so.
    Raises `VramError` for an encoder, which generates nothing.

    >>> from vram import models
    >>> inference(models["llama-2-7b"], seq_len=4096).phases["load"].nbytes
    13476831232
    """
    need_architecture(arch)
    need_flag(overhead, "overhead")
    check_size("batch", batch)
    check_size("seq_len", seq_len)
    if logits not in ("last", "all"):
        raise unknown("logits", logits, ("last", "all"))
    if is_encoder(arch):
        raise VramError(f"arch: {arch.name or arch.model_type} is an encoder and generates nothing.")
    stored = weights if isinstance(weights, Ledger) else stored_weights(arch, weights, **options)
    held = stored.file_under("weights") + (constant_overhead() if overhead else Ledger())
    cache = kv_cache(arch, batch=batch, seq_len=seq_len, dtype=kv, engine=engine)
    missing = () if overhead else ("overhead",)
    phases, moments, nbytes, choices = {PHASES[0]: held}, {}, {}, {}
    grows, sizes = engines[engine].name == "transformers", Sizes()
    for phase, tokens, past in ((PHASES[1], seq_len, 0), (PHASES[2], 1, seq_len - 1)):
        beside = behind_windows(arch, batch=batch, tokens=tokens, past=past, dtype=kv) if grows else Ledger()
        base = held + cache + beside
        run = setting(batch=batch, seq_len=tokens, attention=attention, backend=backend)
        if undescribed(arch, generating=True):
            phases[phase] = base
            continue
        run = replace(run, loss="last" if logits == "last" else "none", cache=True, past=past, grows=grows)
        model = record(arch, run, (), stored)
        found = _moments(model, held, cache + beside, grows and phase == PHASES[1])
        moments[phase], phases[phase], nbytes[phase] = largest_moment(found, sizes)
        choices[phase] = found
    if undescribed(arch, generating=True):
        missing = ("logits", "temporaries", *missing)
    settings = _settings(locals())
    return Timeline(phases, moments=moments, nbytes=nbytes, missing=missing, settings=settings, choices=choices)


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in ("arch", "batch", "seq_len", "weights", "kv", "engine", "logits")}


def _moments(model: Model, held: Ledger, cache: Ledger, fills: bool) -> list[Place]:
    """The moments of a forward pass that keeps nothing: one layer of each kind is like all of them.

    fills  the cache is made on the way: a layer's own part of it lives once its keys and values are appended

    While the layers run, variables of the model hold the embedded tokens. Where its loop keeps what a layer returned,
    the attention weights of the layer before live too.
    """
    shared = Ledger(storage.row(kind="temporaries") for storage in model.shared + model.mask)
    variables = Ledger(storage.row(kind="temporaries") for storage in model.variables)
    before, after = (Run(part.stretch).forward() for part in (model.before, model.after))
    empty = Ledger() if fills else cache
    found = [Place((held, empty, shared), before), Place((held, cache, shared), after)]
    moments = {stretch: Run(stretch).forward() for stretch in model.stretches}
    for stretch, (axis,), _ in model.layers:
        lingering = [] if stretch.lingers is None or _is_single(model) else [stretch.lingers.row(kind="temporaries")]
        beside = (shared, variables, Ledger(lingering))
        appended = next((n for n, moment in enumerate(moments[stretch]) if moment.name.endswith("cache:keys")), 0)
        last = axis.start + axis.step * (axis.count - 1)
        for count, some in ((last, moments[stretch][:appended]), (last + 1, moments[stretch][appended:])):
            if some:
                found.append(Place((held, _first(cache, count) if fills else cache, *beside), some))
    return found


def _first(cache: Ledger, count: Size) -> Ledger:
    """What the first layers have in the cache."""
    rows = ((row, row.axes[0]) for row in cache)
    return Ledger(row.but(axes=(replace(axis, count=count_before(axis, count)),)) for row, axis in rows)


def _is_single(model: Model) -> bool:
    """True for a model of one layer, which has none before it."""
    axes = [axis for part in model.layers for axis in part.axes]
    return len(axes) == 1 and is_whole(axes[0].count) and axes[0].count == 1
