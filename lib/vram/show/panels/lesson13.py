"""Panel of lesson 13: what is resident in a model with experts, latent attention or windows, and what a step reads?"""

from __future__ import annotations

from functools import cache

from ...architectures import Architecture, models
from ...ledger.ledger import Ledger
from ...ledger.units import count, gib, percent
from ...memory import active_parameters, decode_time, kv_cache, stored_weights, weights
from ...words import say
from ..bars import Row, bar
from ..panel import Choice, Panel, View
from ..tables import StyledTable

#: Experts; experts with a shared one and a latent cache; experts with windows; windows alone; neither.
_MODELS = ("mixtral-8x7b", "qwen3-30b-a3b", "gpt-oss-20b", "gpt-oss-120b", "deepseek-v2-lite", "deepseek-v3", "kimi-k2",
           "gemma-3-27b", "llama-3.1-8b")  # fmt: skip
_WEIGHTS = ("bf16", "fp8", "nf4")
_FORMATS = ("bf16", "fp8", "q4_0")
_TOKENS = (2048, 8192, 32_768, 131_072)
_SEQUENCES = (1, 2, 4, 16, 64)

#: What a part of the table holds: parts first, then kinds, of the tensors.
_PARTS = {
    "expert": ("expert",),
    "shared_expert": ("shared_expert",),
    "attention": ("attention",),
    "mlp": ("mlp",),
    "ends": ("embedding", "lm_head"),
    "small": ("norm", "router"),
}


def experts_panel() -> Panel:
    """Model, formats of weights and cache, tokens and sequences; what is resident and what one step reads."""
    controls = [
        Choice("model", say("panel.label.model"), {models.title(name): name for name in _MODELS}, "mixtral-8x7b"),
        Choice("base", say("panel.experts.weights"), {say(f"panel.experts.format.{n}"): n for n in _WEIGHTS}, "bf16"),
        Choice("kv", say("panel.label.kv"), {say(f"panel.kv.format.{n}"): n for n in _FORMATS}, "bf16"),
        Choice("seq_len", say("panel.label.context"), {count(n): n for n in _TOKENS}, 8192),
        Choice("batch", say("panel.label.sequences"), {count(n): n for n in _SEQUENCES}, 1),
    ]
    return Panel(controls, _view)


def _view(model: str, base: str, kv: str, seq_len: int, batch: int) -> View:
    arch = models[model]
    stored = _stored(model, base)
    held = kv_cache(arch, batch=batch, seq_len=seq_len, dtype=kv).nbytes
    # Any card: what a step reads does not depend on it.
    read = decode_time(arch, gpu="H200", batch=batch, seq_len=seq_len, weights=stored, kv=kv).nbytes
    total, active = weights(arch).numel, active_parameters(arch)
    title = models.title(model)
    return View(
        verdict=say("panel.experts.verdict", total=count(total), resident=gib(stored.nbytes), active=count(active),
                    share=percent(active, total)),
        detail=say("panel.experts.detail", batch=count(batch), read=gib(read - held), cache=gib(held),
                   kept=percent(held, _plain(arch, batch, seq_len, kv))),
        picture=bar([
            Row(say("panel.experts.resident", model=title), {"weights": stored.nbytes, "KV cache": held}),
            Row(say("panel.experts.read", batch=count(batch)), {"weights": read - held, "KV cache": held}),
        ]),
        formula=_formula(arch, total, active),
        tables=[_parts(arch, stored, held), _caches(arch, batch, seq_len, kv)],
    )  # fmt: skip


@cache
def _stored(model: str, base: str) -> Ledger:
    return stored_weights(models[model], base)


def _plain(arch: Architecture, batch: int, seq_len: int, kv: str) -> int:
    """The cache with the keys and values of every head, of every token, in every layer."""
    return kv_cache(arch, batch=batch, seq_len=seq_len, dtype=kv, windows=False, latent=False).nbytes


def _formula(arch: Architecture, total: int, active: int) -> list[str]:
    """Parameters that every token uses, plus the experts: all of them, and the chosen ones."""
    if not arch.num_experts:
        return [say("panel.experts.dense", total=count(total))]
    experts = weights(arch).select(part="expert").numel
    lines = {"total": (total, arch.num_experts), "active": (active, arch.num_experts_per_tok)}
    return [
        say(f"panel.experts.formula.{name}", rest=count(total - experts), chosen=chosen,
            each=count(experts // arch.num_experts), sum=count(numel))
        for name, (numel, chosen) in lines.items()
    ]  # fmt: skip


def _group(ledger: Ledger, names: tuple[str, ...]) -> Ledger:
    """Tensors whose part, or else kind, is among the names; parts of an expert are no ordinary MLP."""
    special = ("expert", "shared_expert")
    return ledger.select(lambda t: (t.part if t.part in special else t.kind) in names)


def _parts(arch: Architecture, stored: Ledger, held: int) -> StyledTable:
    """Parts of the model: parameters that are there, that one token uses, bytes that are resident; then the cache."""
    plain = weights(arch)
    rows = []
    for name, names in _PARTS.items():
        numel = _group(plain, names).numel
        if not numel:
            continue
        used = numel * arch.num_experts_per_tok // arch.num_experts if name == "expert" else numel
        nbytes = _group(stored, names).nbytes
        rows.append([say(f"panel.experts.part.{name}"), count(numel), count(used), gib(nbytes)])
    rows.append([say("panel.experts.all"), count(plain.numel), count(active_parameters(arch)), gib(stored.nbytes)])
    rows.append([say("kind.KV_cache"), "", "", gib(held)])
    headers = [say(f"panel.experts.column.{name}") for name in ("part", "resident", "active", "size")]
    return StyledTable(headers, rows, total=-2, caption=say("panel.experts.table"))


def _caches(arch: Architecture, batch: int, seq_len: int, kv: str) -> StyledTable:
    """What windows and latent vectors save."""
    ways = {"kept": {}, "no_windows": {"windows": False}, "plain": {"windows": False, "latent": False}}
    rows = [
        [say(f"panel.experts.way.{name}"), gib(kv_cache(arch, batch=batch, seq_len=seq_len, dtype=kv, **how).nbytes)]
        for name, how in ways.items()
    ]
    headers = [say("panel.experts.column.way"), say("panel.experts.column.cache")]
    return StyledTable(headers, rows, caption=say("panel.experts.caches"))
