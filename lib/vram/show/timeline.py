"""Memory over the phases of a training step, or of load, prefill and decode: what is alive when, and where the peak is.

Two kinds of moment are known exactly: the largest of each phase, and what is left when a phase is over. They are drawn
at their true height and joined by straight lines; how long a phase takes is not drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..architectures.catalogue import GPU, gpus
from ..ledger.units import UNITS, gib
from ..memory.timeline import Timeline
from ..words import say
from . import svg
from .areas import Band, Scale, bands, marks, room
from .bars import NARROW, WIDTH, Mark, name_of
from .copies import by_kind
from .figures import Picture
from .tables import StyledTable
from .theme import ALERT, CARD, INK, LINE, MUTED, in_order, style

_TOP, _PLOT, _AXIS, _MARGIN = 50, 300, 64, 20
_RAMP = 0.12  # share of a phase in which it rises to its largest moment and falls from it
_SIZE, _LINE, _GAP = 15, 19, 26


def timeline_picture(
    timeline: Timeline,
    *,
    gpu: GPU | str | None = None,
    about: str | None = None,
    width: int = WIDTH,
    plot: int = _PLOT,
) -> str:
    """Memory over time as an HTML `<img>`: areas by kind, the peak named, every number in the alternative text.

    gpu    a card, by name or itself, whose usable bytes are drawn as a dashed line
    about  what the picture shows, first words of the alternative text
    width  `NARROW` for a slide, which is read from afar
    plot   height of the areas alone: a slide is wide and low
    Raises `VramError` for a card that is not known.
    """
    mark = _mark(gpu)
    drawing = timeline_drawing(timeline, mark=mark, width=width, plot=plot)
    return svg.image(drawing, timeline_words(timeline, mark, about))


def memory_over_time(timeline: Timeline, *, title: str, gpu: GPU | str | None = None) -> Picture:
    """The picture of a timeline with its numbers as a table, for a cell of a lesson.

    title  what the timeline is of, such as "Llama 3 8B, one training step"
    gpu    a card whose usable bytes are drawn as a dashed line
    """
    about = f"{say('timeline.about')} {title}."
    return Picture(timeline_picture(timeline, gpu=gpu, about=about), timeline_table(timeline, caption=title))


def timeline_table(timeline: Timeline, *, caption: str | None = None) -> StyledTable:
    """The same in numbers: a row for each kind, a column for each phase at its largest moment."""
    moments = list(_held(timeline).phases.values())
    kinds = list(in_order({kind: 0 for parts in moments for kind in parts}))
    rows = [[name_of(kind), *(gib(parts.get(kind, 0)) for parts in moments)] for kind in kinds]
    rows.append([say("timeline.total"), *(gib(sum(parts.values())) for parts in moments)])
    rows.append([say("timeline.after"), *(gib(sum(parts.values())) for parts in _held(timeline).after.values())])
    return StyledTable(
        [say("timeline.kind"), *timeline.phases],
        rows,
        total=len(kinds),
        caption=say("timeline.table") if caption is None else caption,
        keys=[*kinds, None, None],
    )


def timeline_words(timeline: Timeline, mark: Mark | None = None, about: str | None = None) -> str:
    """The picture in words, with its numbers."""
    said = [about or say("timeline.about")]
    for phase, parts in _held(timeline).phases.items():
        listed = ", ".join(f"{name_of(kind)} {gib(nbytes)}" for kind, nbytes in in_order(parts).items() if nbytes)
        said.append(say("timeline.phase", phase=phase, total=gib(timeline.nbytes(phase)), parts=listed or gib(0)))
    said.append(say("timeline.peak", total=gib(timeline.peak), phase=timeline.peak_phase))
    if mark:
        said.append(say("timeline.mark", label=mark.label, amount=gib(mark.amount)))
    return " ".join(said)


def timeline_drawing(
    timeline: Timeline, *, mark: Mark | None = None, width: int = WIDTH, plot: int = _PLOT
) -> str:
    """The picture as SVG text: the same input always gives the same text."""
    left = 62 if width > NARROW else 54
    right = width - (_MARGIN if mark is None else _MARGIN + _mark_width(mark))
    bottom = _TOP + plot
    most = max(timeline.peak, mark.amount if mark else 0, 1)
    scale = Scale(bottom, plot / most)
    column = (right - left) / len(timeline.phases)
    stacked = _stack(timeline, left, column)
    taken = [mark.amount] if mark else []
    inside, beside = _labels(stacked, scale, taken)
    names, name_lines = _phase_names(timeline, left, column, bottom)
    keys, key_lines = _keys(beside, left, width - _MARGIN, bottom + _AXIS - _LINE + name_lines * _LINE)
    height = bottom + _AXIS - _LINE + name_lines * _LINE + key_lines * _GAP
    body = [
        svg.rect(0.5, 0.5, width - 1, height - 1, CARD, f' rx="10" stroke="{LINE}"'),
        *_axis(most, scale, left, right),
        *(_area(band, scale) for band in stacked),
        *(_mark_line(mark, scale, left, right) if mark else []),
        *inside,
        *_peak(timeline, scale, left, column, right),
        *names,
        *keys,
    ]
    definitions = "".join(svg.pattern(_id(band.kind), style(band.kind)) for band in stacked)
    return svg.document(width, height, "".join(body), definitions)


def _mark(gpu: GPU | str | None) -> Mark | None:
    card = gpus[gpu] if isinstance(gpu, str) else gpu
    return None if card is None else Mark(say("panel.usable", gpu=card.name), card.usable_bytes)


@dataclass(frozen=True, slots=True)
class _Held:
    """Bytes of each kind: the most in a phase, and what is left after it."""

    phases: dict[str, dict[str, int]]
    after: dict[str, dict[str, int]]


@lru_cache(maxsize=4)
def _held(timeline: Timeline) -> _Held:
    """Counted once for picture, words and table; a phase without other moments leaves what it held."""
    phases = {phase: by_kind(ledger) for phase, ledger in timeline.phases.items()}
    same = {phase: timeline.after[phase] is ledger for phase, ledger in timeline.phases.items()}
    after = {p: phases[p] if same[p] else by_kind(timeline.after[p]) for p in phases}
    return _Held(phases, after)


def _id(kind: str) -> str:
    return kind.replace(" ", "-")


def _stack(timeline: Timeline, left: float, column: float) -> list[Band]:
    """The bands over the known moments: the start, each phase level at its largest, then what is left at its end."""
    moments = [(left, _always(timeline))]
    held, last = _held(timeline), len(timeline.phases) - 1
    for n, (phase, parts) in enumerate(held.phases.items()):
        start = left + n * column
        moments.append((start + _RAMP * column, parts))
        moments.append((start + (1 - _RAMP) * column, parts))
        if n == last or held.after[phase] is not parts:
            moments.append((start + column, held.after[phase]))
    return bands(moments, list(in_order({kind: 0 for _, parts in moments for kind in parts})))


def _always(timeline: Timeline) -> dict[str, int]:
    """What is there all the time was there at the start; of nothing else is it known."""
    held = _held(timeline)
    known = [*held.phases.values(), *held.after.values()]
    return {kind: min(parts.get(kind, 0) for parts in known) for kind in known[0]}


def _area(band: Band, scale: Scale) -> str:
    there = [(x, scale.y(high)) for x, high in zip(band.xs, band.high, strict=True)]
    back = [(x, scale.y(low)) for x, low in zip(reversed(band.xs), reversed(band.low), strict=True)]
    path = "L".join(f"{svg.num(x)} {svg.num(y)}" for x, y in there + back)
    return f'<path d="M{path}Z" fill="url(#{_id(band.kind)})" stroke="{INK}" stroke-width="0.8"/>'


def _labels(stacked: Sequence[Band], scale: Scale, taken: Sequence[int]) -> tuple[list[str], list[Band]]:
    """Labels that lie inside their band, and the bands that have no room for one."""
    drawn, beside = [], []
    for band in stacked:
        for words in (_said(band), name_of(band.kind)):
            wide = svg.text_width(words, _SIZE) + 10
            if place := room(band, wide, _LINE + 3, scale, taken):
                x, y = place
                drawn.append(svg.rect(x - wide / 2, y - _LINE / 2, wide, _LINE, CARD, ' rx="3"'))
                drawn.append(svg.text(x, y + 5, words, size=_SIZE, anchor="middle"))
                break
        if not place:
            beside.append(band)
    return drawn, beside


def _said(band: Band) -> str:
    return say("timeline.steady" if band.steady else "timeline.most", kind=name_of(band.kind), amount=gib(band.most))


def _keys(beside: Sequence[Band], left: float, right: float, top: float) -> tuple[list[str], int]:
    """A line of squares with words for the bands too thin for a label, and how many lines it takes."""
    drawn, x, line = [], left, 0
    for band in beside:
        words = _said(band)
        wide = 22 + svg.text_width(words, _SIZE) + 18
        if x > left and x + wide > right:
            x, line = left, line + 1
        y = top + line * _GAP
        drawn.append(svg.rect(x, y - 12, 14, 14, f"url(#{_id(band.kind)})", f' stroke="{INK}"'))
        drawn.append(svg.text(x + 22, y, words, size=_SIZE))
        x += wide
    return drawn, line + 1 if beside else 0


def _axis(most: int, scale: Scale, left: float, right: float) -> list[str]:
    unit, amounts = marks(most)
    drawn = [svg.text(left - 8, _TOP - 14, unit, size=14, colour=MUTED, anchor="end")]
    for nbytes in amounts:
        y = scale.y(nbytes)
        drawn.append(svg.line(left, y, right, y, LINE))
        drawn.append(svg.text(left - 8, y + 5, f"{nbytes // UNITS[unit]:,}", size=14, colour=MUTED, anchor="end"))
    return drawn


def _peak(timeline: Timeline, scale: Scale, left: float, column: float, right: float) -> list[str]:
    """The flag above the plot, and a line from it down to the largest moment."""
    phase = timeline.peak_phase
    words = say("timeline.flag", total=gib(timeline.peak), phase=phase)
    x = left + (list(timeline.phases).index(phase) + 0.5) * column
    y = scale.y(timeline.peak)
    wide = svg.text_width(words, _SIZE, bold=True)
    start = min(max(x - wide / 2, left), max(right - wide, left))
    half = (0.5 - _RAMP) * column
    return [
        svg.text(start + wide / 2, 26, words, size=_SIZE, bold=True, colour=ALERT, anchor="middle"),
        svg.line(x, 33, x, y, ALERT, ' stroke-width="1.5"'),
        svg.line(x - half, y, x + half, y, ALERT, ' stroke-width="3"'),
    ]


def _phase_names(timeline: Timeline, left: float, column: float, bottom: float) -> tuple[list[str], int]:
    """Name and largest moment of each phase under the plot, and how many lines they take beyond one for the amount."""
    names = {phase: _wrapped(phase, column - 6) for phase in timeline.phases}
    amounts = {phase: _wrapped(gib(timeline.nbytes(phase)), column - 6) for phase in timeline.phases}
    lines = max(map(len, names.values()))
    drawn = []
    for n, phase in enumerate(timeline.phases):
        x, strong = left + (n + 0.5) * column, phase == timeline.peak_phase
        colour = ALERT if strong else INK
        said = [*enumerate(names[phase]), *enumerate(amounts[phase], start=lines)]
        drawn += [
            svg.text(x, bottom + 20 + i * _LINE, words, size=_SIZE, bold=strong, colour=colour, anchor="middle")
            for i, words in said
        ]
    return drawn, lines + max(map(len, amounts.values())) - 1


def _wrapped(words: str, width: float) -> list[str]:
    """A name in as few lines as the width allows."""
    lines: list[str] = []
    for word in words.split():
        if lines and svg.text_width(f"{lines[-1]} {word}", _SIZE, bold=True) <= width:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines


def _mark_words(mark: Mark) -> list[str]:
    return [*_wrapped(mark.label, 120), gib(mark.amount)]


def _mark_width(mark: Mark) -> float:
    return 10 + max(svg.text_width(words, 14, bold=True) for words in _mark_words(mark))


def _mark_line(mark: Mark, scale: Scale, left: float, right: float) -> list[str]:
    """The dashed line of a card; its words stand beside the plot, level with it."""
    y, words = scale.y(mark.amount), _mark_words(mark)
    first = min(max(y + 5 - (len(words) - 1) * 8, 18), scale.bottom - (len(words) - 1) * 17)
    dash = ' stroke-width="2.5" stroke-dasharray="7 4"'
    return [
        svg.line(left, y, right + 4, y, ALERT, dash),
        *(svg.text(right + 10, first + i * 17, line, size=14, bold=True, colour=ALERT) for i, line in enumerate(words)),
    ]
