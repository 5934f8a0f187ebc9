"""Questions of lesson 05, Quantisation: bits a weight with the scales, what stays in 16 bits, real sizes of models."""

from __future__ import annotations

from fractions import Fraction

import vram

from ..exercise import Exercise, Slip, the_true

_WITHIN_ONE_PERCENT = Fraction(1, 100)


def _packed(model: str, format: str = "nf4", **options: object) -> int:
    return vram.quantize(vram.weights(vram.models[model]), format, **options).nbytes


def _numel(model: str) -> int:
    return vram.weights(vram.models[model]).numel


def _half_a_byte(model: str) -> Fraction:
    return Fraction(_numel(model), 2)


def _matrices(model: str) -> int:
    """Parameters in the linear layers, the head excepted: what is packed by default."""
    ledger = vram.weights(vram.models[model])
    return sum(t.numel for t in ledger if t.op == "linear" and t.kind != "lm_head")


def _kept(model: str) -> int:
    """Bytes of what stays in 16 bits."""
    return 2 * (_numel(model) - _matrices(model))


def _over(nbytes: Fraction | int, model: str = "llama-3-8b") -> Fraction:
    """By what share so many bytes exceed half a byte for each parameter."""
    return nbytes / _half_a_byte(model) - 1


def _gptq_bits(bits: int, group_size: int, *parts: str) -> Fraction:
    """Bits a weight of these tensors of a GPTQ matrix: qweight, scales, qzeros."""
    matrix = vram.weights(vram.models["llama-2-7b"]).layer(0).select(lambda t: ".q_proj." in t.name)
    packed = vram.quantize(matrix, "gptq", bits=bits, group_size=group_size)
    chosen = packed.select(lambda t: t.name.rsplit(".", 1)[-1] in parts)
    return Fraction(8 * chosen.nbytes, matrix.numel)


_FILE = "mistral-7b-v0.3"  # the model of a GGUF file whose size a page lists


def _average(mix: str) -> Fraction:
    """Bits that a parameter of that file takes, over all its types."""
    return Fraction(8 * _packed(_FILE, mix), _numel(_FILE))


def _what_grew() -> str:
    """Which part of a 4-bit model `prepare_model_for_kbit_training` makes larger."""
    packed = vram.quantize(vram.weights(vram.models["mistral-7b-v0.1"]), "nf4")
    ready = vram.prepare_for_kbit_training(packed)

    def grew(*kinds: str) -> bool:
        before, after = ([t.nbytes for t in ledger if t.kind in kinds] for ledger in (packed, ready))
        return after > before

    layers, rest = grew("attention", "mlp"), grew("embedding", "lm_head", "norm")
    return the_true({"a": layers and not rest, "b": layers and rest, "c": rest and not layers, "d": not layers | rest})


def _two_cards() -> int:
    return 2 * vram.gpus["RTX 4090"].usable_bytes


def _missing(model: str) -> Fraction:
    """The part of a model's NF4 size that half a byte a parameter leaves out."""
    return 1 - _half_a_byte(model) / _packed(model)


def _worse_plan() -> str:
    """For which model half a byte a parameter leaves out a larger part."""
    small, large = _missing("llama-3.2-1b"), _missing("llama-3-70b")
    return the_true({"a": large > small, "b": small > large, "c": small == large != 0, "d": small == large == 0})


QUESTIONS = (
    Exercise(
        id="05.p",
        kind="number",
        truth=lambda: vram.dtypes["Q4_0"].bits_per_weight,
        solution="""\
code, scale, numbers = 4, 16, 32
answer = code + scale / numbers""",
    ),
    Exercise(
        id="05.m",
        kind="percent",
        truth=lambda: _over(_packed("llama-3-8b", double_quant=False)),
        tolerance=Fraction(5, 1000),
        solution="""\
ledger = vram.weights(vram.models["llama-3-8b"])
real = vram.quantize(ledger, "nf4", double_quant=False).nbytes
claimed = ledger.numel / 2
answer = real / claimed - 1""",
        facts=lambda: {"kept": vram.gib(_kept("llama-3-8b"))},
        slips=(
            Slip("nothing", lambda: 0, "M03"),
            Slip("of_the_real", lambda: 1 - 1 / (1 + _over(_packed("llama-3-8b", double_quant=False)))),
            Slip("double_quant", lambda: _over(_packed("llama-3-8b"))),
            Slip("scales_only", lambda: vram.dtypes["nf4"].bits_per_weight / 4 - 1),
            Slip("kept_only", lambda: _over(Fraction(_matrices("llama-3-8b"), 2) + _kept("llama-3-8b"))),
        ),
    ),
    Exercise(
        id="05.1",
        stars=1,
        kind="number",
        truth=lambda: _gptq_bits(3, 64, "qweight", "scales", "qzeros"),
        tolerance=Fraction(1, 1000),
        solution="""\
code, scale, zero, numbers = 3, 16, 3, 64
answer = code + (scale + zero) / numbers""",
        slips=(
            Slip("no_scales", lambda: _gptq_bits(3, 64, "qweight")),
            Slip("no_zero", lambda: _gptq_bits(3, 64, "qweight", "scales")),
            Slip("long_zero", lambda: 3 + Fraction(16 + 16, 64)),
            Slip("other_group", lambda: _gptq_bits(3, 128, "qweight", "scales", "qzeros")),
            Slip("not_shared", lambda: 3 + 16 + 3),
            Slip("in_bytes", lambda: _gptq_bits(3, 64, "qweight", "scales", "qzeros") / 8, "M04"),
        ),
    ),
    Exercise(
        id="05.2",
        stars=1,
        kind="bytes",
        truth=lambda: _packed("llama-2-7b"),
        tolerance=Fraction(4, 1000),
        solution="""\
ledger = vram.weights(vram.models["llama-2-7b"])
answer = vram.quantize(ledger, "nf4", double_quant=True).nbytes * B""",
        facts=lambda: {
            "matrices": vram.count(_matrices("llama-2-7b")),
            "rest": vram.count(_numel("llama-2-7b") - _matrices("llama-2-7b")),
        },
        slips=(
            Slip("half_a_byte", lambda: _half_a_byte("llama-2-7b"), "M03"),
            Slip("half_a_byte", lambda: 7 * 10**9 // 2, "M03"),
            Slip("all_packed", lambda: _numel("llama-2-7b") * vram.dtypes["nf4-double-quant"].bits_per_weight / 8),
            Slip("packed_only", lambda: _packed("llama-2-7b") - _kept("llama-2-7b")),
            Slip("single", lambda: _packed("llama-2-7b", double_quant=False)),
            Slip("no_scales", lambda: Fraction(_matrices("llama-2-7b"), 2) + _kept("llama-2-7b")),
        ),
    ),
    Exercise(
        id="05.3",
        stars=2,
        kind="number",
        truth=lambda: _average("Q5_K_M"),
        tolerance=Fraction(5, 1000),
        solution="""\
ledger = vram.weights(vram.models["mistral-7b-v0.3"])
answer = 8 * vram.quantize(ledger, "Q5_K_M").nbytes / ledger.numel""",
        facts=lambda: {"size": vram.gb(_packed(_FILE, "Q5_K_M")), "numel": vram.count(_numel(_FILE))},
        slips=(
            Slip("name", lambda: 5),
            Slip("block", lambda: vram.dtypes["Q5_K"].bits_per_weight),
            Slip("nominal", lambda: Fraction(8 * _packed(_FILE, "Q5_K_M"), 7 * 10**9)),
            Slip("as_gib", lambda: _average("Q5_K_M") * vram.UNITS["GiB"] / vram.UNITS["GB"], "M01"),
            Slip("in_bytes", lambda: _average("Q5_K_M") / 8, "M04"),
        ),
    ),
    Exercise(
        id="05.4",
        stars=2,
        kind="bytes",
        truth=lambda: _packed("llama-2-70b", "gptq", group_size=32) - _packed("llama-2-70b", "gptq", group_size=64),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
ledger = vram.weights(vram.models["llama-2-70b"])
fine, coarse = (vram.quantize(ledger, "gptq", group_size=g).nbytes for g in (32, 64))
answer = (fine - coarse) * B""",
        facts=lambda: {"matrices": vram.count(_matrices("llama-2-70b"))},
        slips=(
            Slip("nothing", lambda: 0),
            Slip("no_zero", lambda: Fraction(_matrices("llama-2-70b") * 16, 64 * 8)),
            Slip("all_scales", lambda: Fraction(_matrices("llama-2-70b") * 20, 32 * 8)),
            Slip("whole", lambda: _packed("llama-2-70b", "gptq", group_size=32)),
        ),
    ),
    Exercise(
        id="05.5",
        stars=2,
        kind="choice",
        truth=_what_grew,
        solution="""\
packed = vram.quantize(vram.weights(vram.models["mistral-7b-v0.1"]), "nf4")
ready = vram.prepare_for_kbit_training(packed)
before, after = packed.by("kind"), ready.by("kind")
grown = {kind for kind in before if after[kind].nbytes > before[kind].nbytes}
claims = {
    "a": {"attention", "mlp"}, "b": set(before),
    "c": {"embedding", "lm_head", "norm"}, "d": set(),
}
answer = next(letter for letter, kinds in claims.items() if kinds == grown)""",
        facts=lambda: {"grown": vram.gib(_kept("mistral-7b-v0.1"))},
        slips=(Slip("a", lambda: "a"), Slip("b", lambda: "b"), Slip("d", lambda: "d")),
    ),
    Exercise(
        id="05.6",
        stars=3,
        kind="bytes",
        truth=lambda: _two_cards() - _packed("llama-3-70b", "Q4_K_M"),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
weights = vram.quantize(vram.weights(vram.models["llama-3-70b"]), "Q4_K_M").nbytes
answer = (2 * vram.gpus["RTX 4090"].usable_bytes - weights) * B""",
        facts=lambda: {"file": vram.gib(_packed("llama-3-70b", "Q4_K_M")), "cards": vram.gib(_two_cards())},
        slips=(
            Slip("box", lambda: 48 * vram.UNITS["GB"] - _packed("llama-3-70b", "Q4_K_M"), "M02"),
            Slip("half_a_byte", lambda: _two_cards() - _half_a_byte("llama-3-70b"), "M03"),
            Slip("plain_type", lambda: _two_cards() - _packed("llama-3-70b", "Q4_K_M", pure=True)),
            Slip("weights", lambda: _packed("llama-3-70b", "Q4_K_M")),
            Slip("one_card", lambda: abs(_two_cards() // 2 - _packed("llama-3-70b", "Q4_K_M"))),
        ),
    ),
    Exercise(
        id="05.x",
        kind="choice",
        truth=_worse_plan,
        solution="""\
def share_missing(name):
    ledger = vram.weights(vram.models[name])
    return 1 - ledger.numel / 2 / vram.quantize(ledger, "nf4").nbytes

small, large = share_missing("llama-3.2-1b"), share_missing("llama-3-70b")
letters = {True: "b", False: "a"}
answer = letters[small > large]""",
        facts=lambda: {
            f"{size}{what}": vram.percent(share(model), digits=0)
            for size, model in (("small", "llama-3.2-1b"), ("large", "llama-3-70b"))
            for what, share in (("", _missing), ("_kept", lambda m: Fraction(_kept(m), 2 * _numel(m))))
        },
        slips=(Slip("a", lambda: "a"), Slip("c", lambda: "c"), Slip("d", lambda: "d", "M03")),
    ),
)
