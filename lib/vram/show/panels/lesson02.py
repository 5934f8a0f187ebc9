"""Panel of lesson 02: how many parameters has a model of GPT-2's form, tensor by tensor?"""

from __future__ import annotations

from ...architectures import Architecture
from ...ledger.tensor import Tensor
from ...ledger.units import count, percent
from ...memory import weights
from ...words import say
from ..bars import Row, bar
from ..explain import formulas, per_layer, symbolic, written
from ..numbers import short
from ..panel import Choice, Panel, View, flag
from ..tables import tensor_table

_WIDTHS = (1, 4, 512, 768, 1024, 1280, 1600, 2048, 4096, 8192, 12288)
_LAYERS = (1, 2, 6, 12, 24, 36, 48, 96)
_VOCABULARIES = (1, 256, 32000, 50257, 128256)

#: Where a layer keeps biases: the fields of the architecture that each choice switches off.
BIASES = {
    "all": (),
    "no_qkv": ("attention_bias",),
    "no_attention": ("attention_bias", "attention_out_bias"),
    "no_mlp": ("mlp_bias",),
    "norm_only": ("attention_bias", "attention_out_bias", "mlp_bias"),
    "none": ("attention_bias", "attention_out_bias", "mlp_bias", "norm_bias"),
}


def count_panel() -> Panel:
    """h, l, V, biases and the tied head; every tensor with its shape, formula and number of parameters."""
    sizes = {
        name: Choice(name, say(f"panel.label.{label}"), {count(n): n for n in options}, default)
        for name, label, options, default in (
            ("h", "hidden_size", _WIDTHS, 768),
            ("l", "layers", _LAYERS, 12),
            ("V", "vocabulary", _VOCABULARIES, 50257),
        )
    }
    biases = {say(f"panel.count.biases.{name}"): name for name in BIASES}
    controls = [
        *sizes.values(),
        Choice("biases", say("panel.label.biases"), biases, "all"),
        flag("tied", say("panel.label.tied"), True),
    ]
    return Panel(controls, _view)


def architecture(h: int, l: int, V: int, biases: str = "all", tied: bool = True) -> Architecture:  # noqa: E741
    """A model of GPT-2's form; how many heads it has does not change the count, so it has one."""
    off = BIASES[biases]
    return Architecture(
        "gpt2",
        hidden_size=h,
        num_hidden_layers=l,
        num_attention_heads=1,
        vocab_size=V,
        tie_word_embeddings=tied,
        attention_bias="attention_bias" not in off,
        attention_out_bias="attention_out_bias" not in off,
        mlp_bias="mlp_bias" not in off,
        norm_bias="norm_bias" not in off,
    )


def _view(h: int, l: int, V: int, biases: str, tied: bool) -> View:  # noqa: E741
    arch = architecture(h, l, V, biases, tied)
    ledger, signs = weights(arch), symbolic("weights", arch, weights)
    layer, outside = per_layer(ledger).numel, ledger.select(_outside).numel
    layer_signs, outside_signs = per_layer(signs).numel, signs.select(_outside).numel
    matrices = per_layer(ledger).select(lambda t: len(t.shape) == 2).numel
    parts = {part: rows.numel for part, rows in ledger.by("kind").items()}
    return View(
        verdict=say("panel.count.verdict", total=count(ledger.numel), layer=written(layer_signs)),
        detail=say(
            "panel.count.detail",
            layers=count(l),
            per_layer=count(layer),
            outside=count(outside),
            share=percent(matrices, layer, 2),
        ),
        picture=bar([Row(say("panel.count.row"), parts)], shown=short, about=say("bar.about_parameters")),
        formula=[
            say(
                "panel.formula.layer",
                formula=written(layer_signs),
                numbers=written(layer_signs, arch),
                result=count(layer),
            ),
            say(
                "panel.formula.model",
                formula=f"l({written(layer_signs)}) + {written(outside_signs)}",
                numbers=f"{l:,}·{layer:,} + {written(outside_signs, arch)}",
                result=count(ledger.numel),
            ),
        ],
        tables=[tensor_table(formulas(ledger, signs), caption=say("panel.count.table"), unit="parameters")],
    )


def _outside(tensor: Tensor) -> bool:
    """True for a tensor that exists once, not once a layer."""
    return not tensor.axes
