"""What does each kind of memory look like? One colour and one hatch a kind, in every lesson, deck and panel.

Colour is never alone: the hatch says the same. The kinds of memory differ by hue; the parts of a model are all
weights, so they are shades of the blue of weights and differ by lightness. tests/test_show_theme.py computes how far
apart the colours stay for protan, deutan and tritan eyes, and the contrast of every text.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ledger.errors import unknown


@dataclass(frozen=True, slots=True)
class Style:
    """A fill: an sRGB colour and a hatch of one of the characters that matplotlib knows, or none."""

    colour: str
    hatch: str = ""

    @property
    def hatch_ink(self) -> str:
        """Black on light colours, white on dark ones."""
        return "#FFFFFF" if sum(int(self.colour[i : i + 2], 16) for i in (1, 3, 5)) < 300 else "#000000"


#: Kinds of memory, in the order in which they are stacked.
KINDS = {
    "weights": Style("#0070B6"),
    "gradients": Style("#E69F00", "\\"),
    "optimizer states": Style("#D35D00", "x"),
    "activations": Style("#009E73", "."),
    "KV cache": Style("#56B8EC", "-"),
    "logits": Style("#BE769D", "/"),
    "temporaries": Style("#F9EA4C", "|"),
    "overhead": Style("#BABFC7", "+"),
}

#: Parts of a model, in the order of the checkpoint.
PARTS = {
    "embedding": Style("#79B8E6", "-"),
    "position_embedding": Style("#EAF5FD", "|"),
    "norm": Style("#0A2540", "x"),
    "attention": Style("#3B8CC7", "/"),
    "mlp": Style("#16548A"),
    "lm_head": Style("#B3D9F3", "."),
}

#: Work in which no parameter takes part: no shade of the blue of weights.
WORK = {"attention scores": Style("#F9EA4C", "\\")}

#: What a change does to a total.
CHANGES = {"total": Style("#0070B6"), "more": Style("#56B8EC", "/"), "less": Style("#FFFFFF", "\\")}

#: What a card holds in an out-of-memory message, and what was asked for.
HELD = {
    "allocated": KINDS["weights"],
    "cached": KINDS["gradients"],
    "outside": KINDS["overhead"],
    "free": Style("#FFFFFF", "."),
    "request": KINDS["optimizer states"],
}

INK = "#1D1D1F"
MUTED = "#55555C"
ALERT = "#8E1B00"
CARD = "#FFFFFF"
LINE = "#C9C9D1"
#: Fonts of pictures that the reader's system draws; the widest of them sets the room that a label is given.
FONTS = "system-ui,'Segoe UI',Helvetica,Arial,'DejaVu Sans',sans-serif"


def style(kind: str) -> Style:
    """The style of a kind of memory or a part of a model.

    Raises `VramError` for a kind without a style.

    >>> style("weights").colour
    '#0070B6'
    """
    for table in (KINDS, PARTS, WORK, CHANGES, HELD):
        if kind in table:
            return table[kind]
    raise unknown("kind", kind, [*KINDS, *PARTS, *WORK, *CHANGES, *HELD])


def in_order(kinds: dict[str, int]) -> dict[str, int]:
    """The same kinds in the order in which they are stacked; kinds without a style come last."""
    known = [kind for kind in (*KINDS, *PARTS) if kind in kinds]
    return {kind: kinds[kind] for kind in [*known, *(kind for kind in kinds if kind not in known)]}


def matplotlib_style(kind: str) -> dict[str, object]:
    """The keyword arguments of a matplotlib patch of this kind."""
    found = style(kind)
    return {
        "facecolor": found.colour,
        "hatch": found.hatch * 3,
        "edgecolor": INK,
        "linewidth": 0.8,
    }
