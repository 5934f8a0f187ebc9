"""The picture of the README: three ways to fine-tune one model, against one card. `make picture` writes it."""

from __future__ import annotations

from pathlib import Path

from ..architectures import gpus, models
from ..memory import model_states
from ..words import say
from .bars import Mark, Row, alt_text, drawing
from .copies import by_kind

#: Where the picture stands in a checkout.
PATH = Path("notebooks/images/three-ways.svg")
_WAYS = {"full": {}, "lora": {"lora": 16}, "qlora": {"lora": 16, "base": "nf4"}}


def parts() -> tuple[list[Row], Mark]:
    """A bar for each way, and the line of the card."""
    arch, card = models["llama-3-8b"], gpus["A100-80GB"]
    rows = [Row(say(f"readme.{way}"), by_kind(model_states(arch, **how).at_peak())) for way, how in _WAYS.items()]
    return rows, Mark(say("panel.usable", gpu=card.name), card.usable_bytes)


def svg() -> str:
    """The picture as an SVG document."""
    rows, mark = parts()
    return drawing(rows, mark=mark) + "\n"


def alternative() -> str:
    """The picture in words, numbers included."""
    rows, mark = parts()
    return alt_text(rows, mark=mark)


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(svg(), encoding="utf-8")
    print(alternative())
