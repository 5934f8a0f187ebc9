"""Panel of lesson 04: how large is the KV cache, and does it fit beside the weights?"""

from __future__ import annotations

from ...architectures import Architecture, gpus, models
from ...ledger.dtypes import as_dtype
from ...ledger.ledger import Ledger
from ...ledger.symbols import symbols
from ...ledger.units import count, gb, gib, shown
from ...memory import kv_cache
from ...words import say
from ..bars import Mark, Row, bar
from ..charts.lesson04 import resident, variants
from ..copies import by_kind
from ..explain import sizes, symbolic
from ..numbers import algebra, trimmed
from ..panel import Choice, Panel, View
from ..tables import StyledTable

#: Multi-head, grouped and multi-query attention, small and large; none of them looks through a window.
_MODELS = ("llama-2-7b", "llama-2-13b", "qwen2.5-7b", "llama-3.1-8b", "llama-3.1-70b", "starcoder-15b")
_FORMATS = ("bf16", "fp8", "q8_0", "q4_0")
_TOKENS = tuple(2**n for n in (9, 11, 12, 13, 14, 15, 17))
_SEQUENCES = (1, 2, 4, 8, 16, 64)
_GPUS = ("T4", "RTX 4090", "L40S", "A100-80GB", "H200", "B200")


def kv_panel() -> Panel:
    """Model, format of keys and values, tokens, sequences and card; the cache beside weights in BF16."""
    controls = [
        Choice("model", say("panel.label.model"), {models.title(name): name for name in _MODELS}, "llama-3.1-8b"),
        Choice("kv", say("panel.label.kv"), {say(f"panel.kv.format.{name}"): name for name in _FORMATS}, "bf16"),
        Choice("seq_len", say("panel.label.context"), {count(n): n for n in _TOKENS}, 2**13),
        Choice("batch", say("panel.label.sequences"), {count(n): n for n in _SEQUENCES}, 8),
        Choice("gpu", say("panel.label.gpu"), {name: name for name in _GPUS}, "RTX 4090"),
    ]
    return Panel(controls, _view)


def _view(model: str, kv: str, seq_len: int, batch: int, gpu: str) -> View:
    arch, card = models[model], gpus[gpu]
    timeline = resident(arch, batch=batch, seq_len=seq_len, kv=kv)
    cache = timeline.at_peak().by("kind")["KV cache"]
    as_it_is = next(v for v in variants(model) if v.arch.num_key_value_heads == arch.num_key_value_heads)
    room, most = timeline.headroom(card), as_it_is.most_tokens(gpu, batch=batch, kv=kv)
    fit = say(f"panel.kv.{'fits' if room >= 0 else 'short'}", gpu=gpu, room=gib(abs(room)))
    limit = say("panel.kv.limit", tokens=count(most)) if most else say("panel.kv.no_room", gpu=gpu)
    title = say("panel.kv.row", model=models.title(model), batch=count(batch), tokens=count(seq_len))
    return View(
        verdict=say(
            "panel.kv.verdict",
            token=gib(as_it_is.token(kv)),
            cache=gib(cache.nbytes),
            total=gib(timeline.peak),
            fit=fit,
        ),
        detail=f"{limit} {say('panel.missing', kinds=', '.join(timeline.missing))}",
        picture=bar(
            [Row(title, by_kind(timeline.at_peak()))], mark=Mark(say("panel.usable", gpu=gpu), card.usable_bytes)
        ),
        formula=[_formula(arch, cache, kv, batch, seq_len)],
        tables=[_sums(timeline.at_peak(), card.usable_bytes, gpu), _heads(model, gpu, batch, kv)],
    )


def _formula(arch: Architecture, cache: Ledger, kv: str, batch: int, seq_len: int) -> str:
    """2lbsgd in symbols and in numbers, and what the format makes of it."""

    def signs(a: Architecture) -> Ledger:
        return kv_cache(a.replace(head_dim=symbols.d), batch=symbols.b, seq_len=symbols.s)

    numel = symbolic("kv cache", arch, signs).numel
    put_in = {**dict(sizes(arch)), "b": batch, "s": seq_len}
    return say(
        "panel.kv.formula",
        formula=algebra(numel),
        numbers=algebra(numel, put_in),
        count=count(cache.numel),
        each=trimmed(as_dtype(kv).bits_per_weight / 8, 4),
        size=gib(cache.nbytes),
    )


def _sums(alive: Ledger, usable: int, gpu: str) -> StyledTable:
    """Weights and cache, their sum, and what the card has left."""
    kinds = by_kind(alive)
    rows = [[say(f"kind.{kind.replace(' ', '_')}"), *_both(nbytes)] for kind, nbytes in kinds.items()]
    rows.append([say("table.total"), *_both(alive.nbytes)])
    rows.append([say("panel.usable", gpu=gpu), *_both(usable)])
    room = usable - alive.nbytes
    rows.append([say("panel.room" if room >= 0 else "panel.lack"), *_both(abs(room))])
    return StyledTable(
        [say("table.kind"), say("table.gib"), say("table.gb")],
        rows,
        total=len(kinds),
        caption=say("panel.kv.table"),
        keys=[*kinds, None, None, None],
    )


def _both(nbytes: int) -> tuple[str, str]:
    return shown(nbytes, "GiB").removesuffix(" GiB"), gb(nbytes).removesuffix(" GB")


def _heads(model: str, gpu: str, batch: int, kv: str) -> StyledTable:
    """The same shape with multi-head, grouped and multi-query attention."""
    rows = [
        [v.title, gib(v.token(kv)), gib(v.weights), count(v.most_tokens(gpu, batch=batch, kv=kv))]
        for v in variants(model)
    ]
    headers = [say(f"chart.context.{name}") for name in ("variant", "token", "weights", "limit")]
    return StyledTable(headers, rows, caption=say("panel.kv.heads"))
