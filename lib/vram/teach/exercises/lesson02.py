"""Questions of lesson 02, Count every parameter: the layer's linear term, GPT-2 to the last unit, tying."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import vram

from ..exercise import Exercise, Slip, the_true

_NO_BIAS = {"attention_bias": False, "mlp_bias": False}


def _layer(**flags: bool) -> Any:
    """The formula of one layer of GPT-2's shape, in h."""
    s = vram.symbols
    model = vram.Architecture("gpt2", hidden_size=s.h, num_attention_heads=s.a, num_hidden_layers=1, **flags)
    return vram.weights(model).select(lambda tensor: bool(tensor.axes)).numel.expand()


def _linear_part(**flags: bool) -> Any:
    return _layer(**flags).coeff(vram.symbols.h) * vram.symbols.h


def _at(h: int, formula: Any) -> int:
    return int(formula.subs(vram.symbols.h, h))


def _with_3h() -> Any:
    """The slip 12h² + 3h, as the layer without ten of its thirteen vectors of length h."""
    return _layer() - 10 * vram.symbols.h


def _missing_on_7b() -> int:
    """What the slip loses on 32 layers of width 4096."""
    return 32 * _at(4096, _with_3h() - _layer())


def _first_width_below_a_thousandth(part: Any, whole: Any) -> int:
    """The smallest h at which `part` is less than 1/1000 of `whole`; the share falls as h grows."""
    low, high = 1, 1 << 20
    while low < high:
        middle = (low + high) // 2
        if Fraction(_at(middle, part), _at(middle, whole)) < Fraction(1, 1000):
            high = middle
        else:
            low = middle + 1
    return low


def _xl() -> vram.Architecture:
    return vram.models["gpt2-xl"]


def _embedding_share() -> Fraction:
    ledger = vram.weights(vram.models["gpt2"])
    return Fraction(ledger.by("kind")["embedding"].numel, ledger.numel)


def _head_bytes(dtype: str) -> int:
    untied = vram.weights(_xl().replace(tie_word_embeddings=False), dtype=dtype)
    return untied.nbytes - vram.weights(_xl(), dtype=dtype).nbytes


def _growth(**changes: int) -> Fraction:
    """How the layers of a model grow when its width or depth changes."""
    base = vram.Architecture("gpt2", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32)
    layers = [vram.weights(arch).select(lambda t: bool(t.axes)).numel for arch in (base.replace(**changes), base)]
    return Fraction(*layers)


def _about(ratio: Fraction, wanted: Fraction) -> bool:
    return abs(ratio / wanted - 1) < Fraction(1, 100)


def _wider_and_shallower() -> str:
    """The four options are four factors by which the layers may grow."""
    ratio = _growth(hidden_size=8192, num_hidden_layers=16)
    factors = {"a": Fraction(1), "b": Fraction(2), "c": Fraction(4), "d": Fraction(1, 2)}
    return the_true({letter: _about(ratio, factor) for letter, factor in factors.items()})


def _who_prints_11h() -> str:
    target = 11 * vram.symbols.h
    return the_true({
        "a": _linear_part(attention_bias=False) == target,
        "b": _linear_part(attention_bias=False, attention_out_bias=True) == target,
        "c": _linear_part(mlp_bias=False) == target,
        "d": _linear_part(norm_bias=False) == target,
    })  # fmt: skip


def _gpt_j(norms: Any = Fraction(1, 2), **flags: bool) -> Any:
    """The vectors of a layer without biases in attention and with one LayerNorm, half of what GPT-2's form has."""
    both_norms = _linear_part(**_NO_BIAS)
    return _linear_part(**{"attention_bias": False, **flags}) - both_norms + both_norms * norms


QUESTIONS = (
    Exercise(
        id="02.p",
        kind="percent",
        truth=_embedding_share,
        tolerance=Fraction(1, 1000),
        solution="""\
ledger = vram.weights(vram.models["gpt2"])
answer = ledger.by("kind")["embedding"].numel / ledger.numel""",
    ),
    Exercise(
        id="02.m",
        kind="count",
        truth=_missing_on_7b,
        solution="""\
h, l = 4096, 32
claimed = 12 * h**2 + 3 * h
layer = vram.Architecture("gpt2", hidden_size=h, num_attention_heads=32)
answer = l * (claimed - vram.weights(layer).layer(0).numel)""",
        facts=lambda: {"share": vram.percent(-_missing_on_7b(), 32 * _at(4096, _layer()), digits=3)},
        slips=(
            Slip("sign", lambda: -_missing_on_7b()),
            Slip("one_layer", lambda: _missing_on_7b() // 32),
            Slip("three", lambda: -32 * _at(4096, _with_3h() - 12 * vram.symbols.h**2), "M05"),
            Slip("all_linear", lambda: 32 * _at(4096, -_linear_part())),
        ),
    ),
    Exercise(
        id="02.1",
        stars=1,
        kind="symbolic",
        truth=_gpt_j,
        solution="""\
h, a = vram.symbols.h, vram.symbols.a
model = vram.Architecture(
    "gpt2", hidden_size=h, num_attention_heads=a, attention_bias=False,
)
layer = vram.weights(model).layer(0)
vectors = layer.select(lambda tensor: len(tensor.shape) == 1)
second_norm = vectors.select(lambda tensor: "ln_2" in tensor.name)
answer = vectors.numel - second_norm.numel""",
        slips=(
            Slip("two_norms", lambda: _gpt_j(norms=1)),
            Slip("no_norms", lambda: _gpt_j(norms=0)),
            Slip("no_shift", lambda: _gpt_j(norms=Fraction(1, 4))),
            Slip("with_attention", lambda: _gpt_j(attention_bias=True)),
            Slip("all_of_gpt2", _linear_part),
            Slip("three", lambda: _with_3h() - 12 * vram.symbols.h**2, "M05"),
            Slip("narrow_mlp", lambda: _gpt_j() - 3 * vram.symbols.h),
        ),
    ),
    Exercise(
        id="02.2",
        stars=1,
        kind="count",
        truth=lambda: _at(2, _layer()),
        solution="""\
tiny = vram.Architecture("gpt2", hidden_size=2, num_attention_heads=1)
answer = vram.weights(tiny).layer(0).numel""",
        slips=(
            Slip("three", lambda: _at(2, _with_3h()), "M05"),
            Slip("square_only", lambda: 12 * 2**2),
            Slip("no_bias", lambda: _at(2, _layer(**_NO_BIAS))),
            Slip("no_norm", lambda: _at(2, _layer()) - 4 * 2),
        ),
    ),
    Exercise(
        id="02.3",
        stars=2,
        kind="choice",
        truth=_who_prints_11h,
        solution="""\
h, a = vram.symbols.h, vram.symbols.a
switches = {
    "a": {"attention_bias": False},
    "b": {"attention_bias": False, "attention_out_bias": True},
    "c": {"mlp_bias": False},
    "d": {"norm_bias": False},
}
for letter, flags in switches.items():
    arch = vram.Architecture("gpt2", hidden_size=h, num_attention_heads=a, **flags)
    if vram.weights(arch).layer(0).numel.expand() == 12 * h**2 + 11 * h:
        answer = letter""",
        slips=(Slip("a", lambda: "a"), Slip("b", lambda: "b"), Slip("c", lambda: "c")),
    ),
    Exercise(
        id="02.4",
        stars=2,
        kind="count",
        truth=lambda: vram.weights(_xl()).numel,
        solution="""\
h, l, V, n = 1600, 48, 50257, 1024
answer = l * (12 * h**2 + 13 * h) + V * h + n * h + 2 * h""",
        slips=(
            Slip("untied", lambda: vram.weights(_xl().replace(tie_word_embeddings=False)).numel, "M26"),
            Slip("no_positions", lambda: vram.weights(_xl()).select(lambda t: "wpe" not in t.name).numel),
            Slip("no_final_norm", lambda: vram.weights(_xl()).select(lambda t: "ln_f" not in t.name).numel),
            Slip(
                "layers_and_vocabulary",
                lambda: vram.weights(_xl()).select(lambda t: "wpe" not in t.name and "ln_f" not in t.name).numel,
            ),
            Slip("layers_only", lambda: vram.weights(_xl()).select(lambda t: bool(t.axes)).numel, "M07"),
            Slip("square_only", lambda: 12 * _xl().num_hidden_layers * _xl().hidden_size ** 2, "M07"),
            Slip("three", lambda: vram.weights(_xl()).numel - 10 * _xl().num_hidden_layers * _xl().hidden_size, "M05"),
        ),
    ),
    Exercise(
        id="02.5",
        stars=2,
        kind="count",
        truth=lambda: _first_width_below_a_thousandth(_linear_part(), _layer()),
        solution="""\
h = 1
while 13 * h / (12 * h**2 + 13 * h) >= 1 / 1000:
    h += 1
answer = h""",
        slips=(
            Slip("three", lambda: _first_width_below_a_thousandth(3 * vram.symbols.h, _with_3h()), "M05"),
            Slip("of_square", lambda: _first_width_below_a_thousandth(_linear_part(), _layer() - _linear_part())),
            Slip("one_before", lambda: _first_width_below_a_thousandth(_linear_part(), _layer()) - 1),
        ),
    ),
    Exercise(
        id="02.6",
        stars=3,
        kind="bytes",
        truth=lambda: _head_bytes("bf16"),
        tolerance=Fraction(1, 100),
        solution="""\
xl = vram.models["gpt2-xl"]
untied = xl.replace(tie_word_embeddings=False)
answer = (vram.weights(untied).nbytes - vram.weights(xl).nbytes) * B""",
        slips=(
            Slip("both", lambda: 2 * _head_bytes("bf16"), "M26"),
            Slip("nothing", lambda: 0),
            Slip("numbers_as_bytes", lambda: Fraction(_head_bytes("bf16"), 2)),
        ),
    ),
    Exercise(
        id="02.x",
        kind="choice",
        truth=_wider_and_shallower,
        solution="""\
base = vram.Architecture("gpt2", hidden_size=4096, num_attention_heads=32)
wide = base.replace(hidden_size=8192, num_hidden_layers=6)
before, after = (
    vram.weights(arch).select(lambda tensor: bool(tensor.axes)).numel
    for arch in (base, wide)
)
answer = {1: "a", 2: "b", 4: "c"}[round(after / before)]""",
        slips=(Slip("a", lambda: "a"), Slip("c", lambda: "c"), Slip("d", lambda: "d")),
    ),
)
