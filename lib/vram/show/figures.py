"""How a chart enters a lesson: an HTML `<img>` with its numbers as alternative text, and the same numbers as a table.

JupyterLab drops the alternative text of bare PNG outputs, and a picture alone can be neither read aloud nor compared
by a test. Charts are drawn on plain matplotlib figures with settings of their own: no pyplot, no state outside the
figure, the same bytes from the same numbers.
"""

from __future__ import annotations

import sys
from base64 import b64encode
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..architectures import gpus
from ..ledger.errors import VramError
from ..ledger.ledger import Ledger
from ..ledger.table import Table
from ..ledger.units import gib
from ..words import say
from . import css
from .bars import Mark, Row, bar
from .copies import by_kind, copies
from .tables import StyledTable
from .theme import CARD, INK, LINE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 120
_described: WeakKeyDictionary[Any, tuple[str, Table]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Picture:
    """A picture beside its numbers: `image` is an `<img>` with alternative text, `table` the numeric twin."""

    image: str
    table: Table
    unfold: bool = False

    def _repr_html_(self) -> str:
        """The figure with its caption; the table below folds open, or stands open with `unfold`."""
        table, kinds = self.table, frozenset[str]()
        if isinstance(table, StyledTable):
            kinds = frozenset(key for key in table.keys if key)
            markup = table.markup(caption=False)
        else:
            markup = table._repr_html_()
        caption = f"<figcaption>{escape(table.caption)}</figcaption>" if table.caption else ""
        return (
            f'{css.sheet(kinds)}<div class="vram"><figure>{self.image}{caption}</figure>\n'
            f"<details{' open' if self.unfold else ''}><summary>{escape(say('figure.numbers'))}</summary>\n"
            f"{markup}</details></div>"
        )

    def __repr__(self) -> str:
        return str(self.table)


def figure(
    chart: Axes | Figure, *, alt: str | None = None, table: Table | None = None, unfold: bool = False
) -> Picture:
    """A chart as a `Picture`; the figure is closed.

    chart   what a chart function of this package returned, or any matplotlib figure or axes
    alt     the alternative text with the numbers, and
    table   the plotted values: both are known for charts of this package and needed for others
    unfold  the table stands open
    Raises `VramError` when there is no alternative text with a number, or no table.
    """
    fig = chart if hasattr(chart, "savefig") else chart.figure
    known = next((_described[ax] for ax in [chart, *fig.axes] if ax in _described), (None, None))
    alt, table = alt or known[0], table or known[1]
    if not alt or not any(map(str.isdigit, alt)):
        raise VramError(f"alt: {alt!r} given; a text that carries the numbers of the picture is needed.")
    if table is None:
        raise VramError("table: none given; the plotted values are needed beside the picture.")
    return Picture(_image(fig, alt), table, unfold)


def memory_bar(ledger: Ledger, *, title: str, gpu: str | None = None) -> Picture:
    """One memory bar of a ledger filed under kinds of memory, with its copies as the table.

    title  what the bar is, such as "Llama 3 8B, mixed precision"
    gpu    a card of `vram.gpus`, whose usable bytes are marked
    """
    card = None if gpu is None else gpus[gpu]
    mark = None if card is None else Mark(say("panel.usable", gpu=card.name), card.usable_bytes)
    rows = copies(ledger)
    table = StyledTable(
        [say(f"table.{header}") for header in ("copy", "calculation", "size")],
        [
            *([copy.title, copy.calculation, gib(copy.ledger.nbytes)] for copy in rows),
            [say("table.total"), "", gib(ledger.nbytes)],
        ],
        align="lcr",
        total=-1,
        caption=title,
        keys=[*(copy.kind for copy in rows), None],
    )
    return Picture(bar([Row(title, by_kind(ledger))], mark=mark), table)


def describe(ax: Axes, *, alt: str, table: Table) -> Axes:
    """Remember the alternative text and the numbers of a chart, for `figure`."""
    _described[ax] = (alt, table)
    return ax


def axes(ax: Axes | None, width: float = 9.6, height: float = 4.4) -> Axes:
    """`ax` itself, or the axes of a new figure of this size in inches."""
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    fig = Figure(figsize=(width, height), layout="constrained", facecolor=CARD)
    fig.get_layout_engine().set(w_pad=0.15, h_pad=0.12)
    return fig.subplots()


def slide_axes() -> Axes:
    """Axes for a slide: a small figure shown wide, so that its letters are large."""
    with styled():
        return axes(None, 7.4, 3.1)


def legend_above(ax: Axes, ncols: int = 3) -> Axes:
    """The legend of a chart above the whole figure, where a slide has room for it."""
    entries = ax.get_legend_handles_labels()
    ax.get_legend().remove()
    with styled():
        ax.figure.legend(*entries, loc="outside upper center", ncols=ncols, fontsize=12)
    return ax


def large_letters(ax: Axes, least: int = 13) -> Axes:
    """The labels inside a chart and along its axes in at least this many points, to be read from the back row."""
    for text in (*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels()):
        text.set_fontsize(max(text.get_fontsize(), least))
    return ax


def styled() -> AbstractContextManager[None]:
    """The settings that charts are drawn and written with, whatever the reader's own are."""
    from matplotlib import rc_context

    return rc_context(_settings())


@cache
def _settings() -> dict[str, Any]:
    from matplotlib import rcParamsDefault

    return {key: value for key, value in rcParamsDefault.items() if not key.startswith("backend")} | {
        "font.family": ["DejaVu Sans"],
        "font.size": 13,
        "axes.titlesize": 14,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.axisbelow": True,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "grid.color": LINE,
        "hatch.linewidth": 0.7,
        "legend.frameon": False,
        "axes.unicode_minus": True,
    }


def _png(fig: Figure) -> bytes:
    """The figure in 128 colours at most: charts have few, and a lesson stays small."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    fig.set_dpi(_DPI)
    canvas = FigureCanvasAgg(fig)
    with styled():
        canvas.draw()
    drawn = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
    buffer = BytesIO()
    drawn.quantize(128, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def _image(fig: Figure, alt: str) -> str:
    payload = b64encode(_png(fig)).decode()
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close(fig)
    return (
        f'<img src="data:image/png;base64,{payload}" alt="{escape(alt)}" '
        'style="width:100%;max-width:960px;height:auto;background:#fff;border-radius:10px">'
    )
