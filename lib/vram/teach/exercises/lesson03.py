"""Questions of lesson 03, The LLaMA table: f from 8h/3, a layer of Llama 2, Llama 3 from its config, grouped K/V."""

from __future__ import annotations

from fractions import Fraction

import vram

from ..exercise import Exercise, Slip, the_true


def _model(name: str) -> vram.Architecture:
    return vram.models[name]


def _numel(name: str, **changes: object) -> int:
    arch = _model(name)
    return vram.weights(arch.replace(**changes) if changes else arch).numel


def _layer(name: str, **changes: object) -> int:
    arch = _model(name)
    return vram.weights(arch.replace(**changes) if changes else arch).layer(0).numel


def _rule(name: str) -> int:
    """12lh² for this model."""
    arch = _model(name)
    return 12 * arch.num_hidden_layers * arch.hidden_size**2


def _error(name: str) -> Fraction:
    """Signed error of 12lh²: (rule − exact) / exact."""
    return Fraction(_rule(name), _numel(name)) - 1


def _error_of_the_rule(name: str) -> Fraction:
    """The same gap as a share of the rule instead of the exact count."""
    return 1 - Fraction(_numel(name), _rule(name))


def _slips_of_an_error(name: str, *others: str) -> tuple[Slip, ...]:
    """What goes wrong with the signed error of a model: its sign, its base, another model, percent without the sign."""
    return (
        Slip("sign", lambda: -_error(name)),
        Slip("of_the_rule", lambda: _error_of_the_rule(name)),
        Slip("of_the_rule", lambda: -_error_of_the_rule(name)),
        *(Slip("other_model", lambda other=other: _error(other), "M06") for other in others),
        Slip("no_percent", lambda: 100 * _error(name)),
    )


def _gpt_layer() -> int:
    """A layer of GPT-2's shape with the width of Llama 2 7B."""
    gpt = vram.Architecture("gpt2", hidden_size=_model("llama-2-7b").hidden_size, num_attention_heads=32)
    return vram.weights(gpt).layer(0).numel


def _per_layer(name: str, kind: str) -> int:
    return vram.weights(_model(name)).layer(0).by("kind")[kind].numel


def _grouped_saving() -> int:
    """Parameters a layer of Llama 3 8B saves because K and V have g heads instead of a."""
    return _layer("llama-3-8b", num_key_value_heads=_model("llama-3-8b").num_attention_heads) - _layer("llama-3-8b")


def _kept_keys() -> int:
    layer = vram.weights(_model("llama-3-8b")).layer(0)
    return layer.select(lambda t: "k_proj" in t.name or "v_proj" in t.name).numel


def _largest_part_of_the_gap() -> str:
    """Which part of Llama 3 8B lies furthest above what 12lh² grants it (4h² attention, 8h² MLP, nothing else)."""
    arch, ledger = _model("llama-3-8b"), vram.weights(_model("llama-3-8b"))
    square, layers = arch.hidden_size**2, arch.num_hidden_layers
    part = {kind: rows.numel for kind, rows in ledger.by("kind").items()}
    above = {
        "a": part["embedding"] + part["lm_head"],
        "b": part["attention"] - 4 * square * layers,
        "c": part["norm"],
        "d": part["mlp"] - 8 * square * layers,
    }
    return the_true({letter: rest == max(above.values()) for letter, rest in above.items()})


def _change_that_saves() -> str:
    """Which step from GPT-2 to Llama 3 takes most parameters out of a layer of Llama 3's width."""
    llama = _model("llama-3-8b")
    gpt = vram.Architecture("gpt2", hidden_size=llama.hidden_size, num_attention_heads=llama.num_attention_heads)
    before = vram.weights(gpt).layer(0).numel

    def saved(**changes: object) -> int:
        return before - vram.weights(gpt.replace(**changes)).layer(0).numel

    savings = {
        "a": saved(mlp_gated=True, intermediate_size=llama.intermediate_size),
        "b": saved(num_key_value_heads=llama.num_key_value_heads),
        "c": saved(attention_bias=False, mlp_bias=False, norm_bias=False),
        "d": saved(positions="rotary"),
    }
    return the_true({letter: saving == max(savings.values()) for letter, saving in savings.items()})


_POINT = Fraction(1, 1000)  # a tenth of a percentage point

QUESTIONS = (
    Exercise(
        id="03.p",
        kind="number",
        truth=lambda: Fraction(_numel("llama-3-8b") - _numel("llama-2-7b"), 10**9),
        tolerance=Fraction(1, 100),
        solution="""\
new, old = (vram.weights(vram.models[n]).numel for n in ("llama-3-8b", "llama-2-7b"))
answer = (new - old) / 10**9""",
    ),
    Exercise(
        id="03.m",
        kind="percent",
        signed=True,
        truth=lambda: _error("llama-3-8b"),
        tolerance=_POINT,
        solution="""\
arch = vram.models["llama-3-8b"]
rule = 12 * arch.num_hidden_layers * arch.hidden_size**2
answer = rule / vram.weights(arch).numel - 1""",
        slips=_slips_of_an_error("llama-3-8b", "llama-2-7b"),
    ),
    Exercise(
        id="03.1",
        stars=1,
        kind="count",
        truth=lambda: _model("llama-13b").intermediate_size,
        solution="""\
h = 5120
answer = vram.round_up(8 * h // 3, 256)""",
        slips=(
            Slip("not_rounded", lambda: 8 * _model("llama-13b").hidden_size // 3, "M06"),
            Slip("not_rounded", lambda: vram.ceil_div(8 * _model("llama-13b").hidden_size, 3), "M06"),
            Slip("rounded_down", lambda: 8 * _model("llama-13b").hidden_size // 3 // 256 * 256),
            Slip("four", lambda: 4 * _model("llama-13b").hidden_size),
            Slip("llama_7b", lambda: _model("llama-7b").intermediate_size),
        ),
    ),
    Exercise(
        id="03.2",
        stars=1,
        kind="count",
        truth=lambda: _layer("llama-2-7b"),
        solution="""\
h, f = 4096, 11008
answer = 4 * h * h + 3 * h * f + 2 * h""",
        facts=lambda: {"norms": vram.percent(_per_layer("llama-2-7b", "norm"), _layer("llama-2-7b"), digits=3)},
        slips=(
            Slip("rule", lambda: 12 * _model("llama-2-7b").hidden_size ** 2, "M06"),
            Slip("gpt_layer", _gpt_layer, "M06"),
            Slip("two_matrices", lambda: _layer("llama-2-7b", mlp_gated=False)),
            Slip("no_norms", lambda: _layer("llama-2-7b") - _per_layer("llama-2-7b", "norm")),
            Slip("layer_norm", lambda: _layer("llama-2-7b", norm_bias=True)),
        ),
    ),
    Exercise(
        id="03.3",
        stars=2,
        kind="count",
        truth=lambda: _numel("llama-3-70b"),
        solution="""\
config = {
    "model_type": "llama", "hidden_size": 8192, "num_hidden_layers": 80,
    "num_attention_heads": 64, "num_key_value_heads": 8,
    "intermediate_size": 28672, "vocab_size": 128256,
}
answer = vram.weights(vram.Architecture.from_config(config)).numel""",
        slips=(
            Slip("tied", lambda: _numel("llama-3-70b", tie_word_embeddings=True), "M26"),
            Slip("query_heads", lambda: _numel("llama-3-70b", num_key_value_heads=64), "M15"),
            Slip("rule", lambda: _rule("llama-3-70b"), "M06"),
            Slip("two_matrices", lambda: _numel("llama-3-70b", mlp_gated=False)),
            Slip("final_norm", lambda: _numel("llama-3-70b") - _model("llama-3-70b").hidden_size),
            Slip("layers_only", lambda: 80 * _layer("llama-3-70b"), "M07"),
            Slip("old_vocabulary", lambda: _numel("llama-3-70b", vocab_size=32000), "M07"),
        ),
    ),
    Exercise(
        id="03.4",
        stars=2,
        kind="count",
        truth=_grouped_saving,
        solution="""\
h, a, g, d = 4096, 32, 8, 128
answer = 2 * h * (a - g) * d""",
        slips=(
            Slip("one_matrix", lambda: _grouped_saving() // 2, "M16"),
            Slip("what_is_left", _kept_keys),
            Slip("all_heads", lambda: _grouped_saving() + _kept_keys()),
            Slip("all_layers", lambda: 32 * _grouped_saving()),
        ),
    ),
    Exercise(
        id="03.5",
        stars=2,
        kind="percent",
        signed=True,
        truth=lambda: _error("mistral-7b-v0.1"),
        tolerance=_POINT,
        solution="""\
arch = vram.models["mistral-7b-v0.1"]
rule = 12 * arch.num_hidden_layers * arch.hidden_size**2
answer = rule / vram.weights(arch).numel - 1""",
        slips=_slips_of_an_error("mistral-7b-v0.1", "llama-2-7b", "llama-3-8b"),
    ),
    Exercise(
        id="03.6",
        stars=3,
        kind="choice",
        truth=_largest_part_of_the_gap,
        solution="""\
arch = vram.models["llama-3-8b"]
granted = arch.num_hidden_layers * arch.hidden_size**2
parts = {k: v.numel for k, v in vram.weights(arch).by("kind").items()}
above = {
    "a": parts["embedding"] + parts["lm_head"],
    "b": parts["attention"] - 4 * granted,
    "c": parts["norm"],
    "d": parts["mlp"] - 8 * granted,
}
answer = max(above, key=above.get)""",
        slips=(Slip("a", lambda: "a", "M07"), Slip("b", lambda: "b"), Slip("c", lambda: "c", "M05")),
    ),
    Exercise(
        id="03.x",
        kind="choice",
        truth=_change_that_saves,
        solution="""\
gpt = vram.Architecture("gpt2", hidden_size=4096, num_attention_heads=32)
changes = {
    "a": {"mlp_gated": True, "intermediate_size": 14336},
    "b": {"num_key_value_heads": 8},
    "c": {"attention_bias": False, "mlp_bias": False, "norm_bias": False},
    "d": {"positions": "rotary"},
}
left = {
    letter: vram.weights(gpt.replace(**change)).layer(0).numel
    for letter, change in changes.items()
}
answer = min(left, key=left.get)""",
        slips=(Slip("a", lambda: "a"), Slip("c", lambda: "c"), Slip("d", lambda: "d")),
    ),
)
