"""The answer piece by piece: verdict, picture, advice, memory over the phases, the table, and what folds open below.

All are there at once but the advice, which is searched for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from html import escape

from ...architectures import gpus
from ...ledger.errors import VramError
from ...ledger.ledger import Ledger
from ...ledger.tensor import Tensor
from ...ledger.units import count, gib, shown
from ...memory import constants
from ...words import say
from .. import css, pieces
from ..bars import Mark, Row, bar, name_of
from ..copies import Copy
from ..fold import FoldedLedger
from ..numbers import trimmed
from ..pieces import Fold, Piece
from ..tables import StyledTable
from ..theme import KINDS, in_order
from ..timeline import timeline_picture
from . import ask, sentences, share
from .state import State

_SHEET = """
.vram .verdict.fits{border-left:6px solid #009E73;padding-left:12px}
.vram .verdict.lacks{border-left:6px solid #D35D00;padding-left:12px}
.vram .advice{display:flex;flex-wrap:wrap;gap:4px 36px;border-left:6px solid #0070B6;\
background:rgba(0,112,182,.08);padding:8px 14px;margin:10px 0}
.vram .advice>div{flex:2 1 270px}
.vram .advice>div:first-child{flex:3 1 400px}
.vram .advice ul{margin:2px 0 8px;padding-left:20px}
.vram .advice li{margin:2px 0}
.vram-fold.jupyter-button{height:auto;min-height:32px;padding:4px 0;text-align:left;white-space:normal;line-height:1.5;\
font-size:14px;background:none;color:inherit;box-shadow:none;text-decoration:underline;text-underline-offset:3px}
.vram-fold.jupyter-button:focus-visible{outline:2px solid #0070B6;outline-offset:2px}
.vram .copy{font:13px/1.5 monospace;width:100%;box-sizing:border-box;white-space:pre-wrap;margin:6px 0;padding:8px;\
background:transparent;color:inherit;border:1px solid rgba(128,128,128,.6);overflow-x:auto}
""".strip().replace("\n", "")

#: Changes named in the first list, and in the second.
_HELP, _TOO_LITTLE = 5, 3


def sheet() -> str:
    """The stylesheet. No part of an answer: written anew with each, it would have the whole page laid out again."""
    return f"{css.sheet(frozenset(KINDS))}<style>{_SHEET}</style>"


def answer(state: State, found: str, *, typed: bool = True, is_page: bool = False) -> Iterator[Piece]:
    """All pieces; what comes first is seen first.

    found    the advice, or what stands in its place; it is piece number `ADVICE`
    typed    the text to copy is a field; elsewhere, where nothing can be typed, it is plain text
    is_page  for the page of the calculator: a link leads to it in this state
    """
    yield verdict(state) + _picture(state)
    yield found
    yield Fold(say("fit.timeline"), lambda: pieces.picture(_phases(state)))
    yield table(state)
    yield Fold(say("fit.rows"), lambda: _rows(state))
    yield Fold(_constants_title(), _constants)
    yield Fold(say("fit.copy.title"), lambda: _copy(state, typed, is_page))


ADVICE = 1


@lru_cache(maxsize=64)
def verdict(state: State) -> str:
    """Whether it fits, and what is largest."""
    kind = "fits" if ask.timeline(state).fits(state.gpu) else "lacks"
    return pieces.verdict(sentences.verdict(state), sentences.detail(state), kind)


@lru_cache(maxsize=64)
def _picture(state: State) -> str:
    """The memory bar against the card's usable bytes."""
    row = Row(_row_title(state), _bytes_by_kind(ask.timeline(state).at_peak()))
    mark = Mark(say("panel.usable", gpu=state.gpu), gpus[state.gpu].usable_bytes)
    return pieces.picture(bar([row], mark=mark))


def _row_title(state: State) -> str:
    parts = [state.title, sentences.job(state.job), say("fit.tokens", count=count(state.context))]
    return ", ".join(parts) + (say("fit.most_loaded", count=state.cards) if state.cards > 1 else "")


def _bytes_by_kind(ledger: Ledger) -> dict[str, int]:
    return {kind: rows.nbytes for kind, rows in ledger.by("kind").items()}


def waiting() -> str:
    """What stands in the place of the advice while it is searched for."""
    return f'<div class="advice" aria-busy="true"><p>{escape(say("fit.searching"))}</p></div>'


def advice(state: State, stop: Callable[[], bool] = ask.never) -> str:
    """What would make it fit, the largest and the smallest that do: all that is searched for.

    Raises `Stopped` when `stop()` is true.
    """
    changes = "" if ask.timeline(state).fits(state.gpu) else _changes(state, ask.options(state, stop))
    limits = _titled("fit.room", [*_limits(state, stop)])
    return f'<div class="advice">{changes}<div>{limits}</div></div>'


@lru_cache(maxsize=64)
def _phases(state: State) -> str:
    """Memory over the phases: the peak is the largest of them, not the sum of all."""
    return timeline_picture(ask.timeline(state), gpu=state.gpu)


def no_advice(problem: VramError) -> str:
    """What stands there when a search has no answer."""
    return f'<div class="advice"><p>{escape(str(problem))}</p></div>'


def _changes(state: State, options: list[ask.Option]) -> str:
    helping = [sentences.option(state, option) for option in options if option.fits]
    too_little = [sentences.option(state, option) for option in options if not option.fits]
    first = _titled("fit.one_change" if helping else "fit.no_change", helping[:_HELP])
    return f"<div>{first}{_titled('fit.too_little', too_little[-_TOO_LITTLE:]) if too_little else ''}</div>"


def _titled(title: str, items: list[str]) -> str:
    listed = f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>" if items else ""
    return f"<p><b>{escape(say(title))}</b></p>{listed}"


def _limits(state: State, stop: Callable[[], bool]) -> Iterator[str]:
    """The largest context and batch, the smallest card, the fewest cards."""
    yield _limit(state, "context", ask.longest_context(state, stop), ask.MOST_CONTEXT)
    yield _limit(state, "batch", ask.largest_batch(state, stop), ask.MOST_BATCH)
    card = ask.smallest_card(state)
    yield say("fit.limit.card", gpu=card.name, usable=gib(card.usable_bytes)) if card else say("fit.limit.no_card")
    yield _fewest(state, ask.fewest_cards(state))


def _fewest(state: State, fewest: int | None) -> str:
    if fewest is None:
        return say("fit.limit.no_cards", gpu=state.gpu, most=count(ask.MOST_CARDS))
    how = "one" if fewest == 1 else "tp" if state.job == "run" else "dp"
    return say(f"fit.limit.cards_{how}", gpu=state.gpu, count=fewest)


def _limit(state: State, name: str, value: int, most: int) -> str:
    if not value:
        return say(f"fit.limit.no_{name}", context=count(state.context))
    shown_value = say("fit.limit.or_more", value=count(most)) if value >= most else count(value)
    text = say(f"fit.limit.{name}", value=shown_value)
    made_for = state.architecture().fields.get("max_position_embeddings") if name == "context" else None
    if isinstance(made_for, int) and value > made_for:
        text += say("fit.limit.made_for", limit=count(made_for))
    return text


@lru_cache(maxsize=64)
def table(state: State) -> str:
    """The peak as a sum, and the table with the calculation of each kind."""
    ledger = ask.timeline(state).at_peak()
    return f'<p class="formula">{_formula(state, ledger)}</p>{_table(state, ledger).markup()}'


def _formula(state: State, ledger: Ledger) -> str:
    """The peak as the sum of its kinds."""
    kinds = in_order(_bytes_by_kind(ledger))
    terms = [say("fit.term", kind=name_of(kind), amount=_sizes(nbytes)[0]) for kind, nbytes in kinds.items()]
    peak = shown(ask.timeline(state).peak, "GiB")
    return f"<code>{escape(say('fit.formula', terms=' + '.join(terms), peak=peak))}</code>"


def _table(state: State, ledger: Ledger) -> StyledTable:
    """One line a kind: elements times bytes, how sure the number is, GiB, GB; then the peak, the card, what is left."""
    groups = ledger.by("kind")
    kinds = list(in_order(dict.fromkeys(groups, 0)))
    lines = [[name_of(k), calculation(groups[k]), _basis(groups[k]), *_sizes(groups[k].nbytes)] for k in kinds]
    timeline, card = ask.timeline(state), gpus[state.gpu]
    lines.append([say("fit.total", phase=timeline.peak_phase), "", "", *_sizes(timeline.peak)])
    lines.append([say("panel.usable", gpu=state.gpu), "", say("basis.measured"), *_sizes(card.usable_bytes)])
    room = timeline.headroom(card)
    lines.append([say("panel.room" if room >= 0 else "panel.lack"), "", "", *_sizes(abs(room))])
    headers = ("kind", "calculation", "class", "gib", "gb")
    return StyledTable(
        [say(f"table.{header}") for header in headers],
        lines,
        align="lllrr",  # a long calculation wraps
        total=len(kinds),
        caption=say("fit.table", model=state.title),
        keys=[*kinds, None, None, None],
    )


def calculation(rows: Ledger) -> str:
    """Elements times bytes: the sizes of the tensors where all are alike, else the elements of each number format.

    >>> from vram import kv_cache, models, weights
    >>> calculation(kv_cache(models["llama-3-8b"], seq_len=8192))
    '2 · 32 · 1 · 8 · 8,192 · 128 · 2 B'
    >>> calculation(weights(models["llama-3-8b"]))
    '8,030,261,248 · 2 B'
    """
    first, *others = rows
    if all((t.formula, t.dtype) == (first.formula, first.dtype) for t in others) and len(first.shape) > 1:
        times = f"{len(rows)} · " if others else ""
        return f"{times}{first.formula} · {_bytes_each(first)} B"
    return " + ".join(Copy("", "", part).calculation for part in rows.by("dtype").values())


def _bytes_each(tensor: Tensor) -> str:
    return trimmed(tensor.dtype.bits_per_weight / 8, 4)


def _basis(rows: Ledger) -> str:
    return say(f"basis.{Copy('', '', rows).basis}")


def _sizes(nbytes: int) -> tuple[str, str]:
    return tuple(shown(nbytes, unit).removesuffix(f" {unit}") for unit in ("GiB", "GB"))


@lru_cache(maxsize=64)
def _rows(state: State) -> str:
    """Every row of the ledger at the peak, by kind and copy. In numbers alone: formulas of a new model take a while."""
    return FoldedLedger(ask.timeline(state).at_peak()).markup()


@cache
def _constants_title() -> str:
    low, high = (gib(amount) for amount in ask.constants_range())
    counted = gib(sum(constant.nbytes for constant in constants.values()))
    return say("fit.constants.title", counted=counted, least=low, most=high)


@cache
def _constants() -> str:
    listed = StyledTable(
        [say(f"fit.constants.{header}") for header in ("what", "counted", "least", "most", "source")],
        [[c.name, gib(c.nbytes), gib(c.least), gib(c.most), c.source] for c in constants.values()],
        align="lrrrl",
        keys=["overhead"] * len(constants),
    )
    return listed.markup(caption=False) + f"<p>{escape(say('fit.constants.fragmentation'))}</p>"


@lru_cache(maxsize=64)
def _copy(state: State, typed: bool, is_page: bool) -> str:
    """The result as text: a field in which Ctrl+A marks all of it, or plain text."""
    text = escape(sentences.report(state))
    lines = text.count("\n") + 5  # some of them wrap
    field = (
        f'<textarea class="copy" rows="{lines}" spellcheck="false" aria-label="{escape(say("fit.copy.name"))}">'
        f"{text}</textarea>"
        if typed
        else f'<pre class="copy">{text}</pre>'
    )
    link = f'<p><a href="{escape(share.query(state))}">{escape(say("fit.copy.link"))}</a></p>' if is_page else ""
    return field + link
