"""Numbers in the sentences of lesson 05, computed."""

from fractions import Fraction

import vram
from vram.ledger.units import shown
from vram.show.panels.lesson05 import MODELS


def llama() -> vram.Ledger:
    return vram.weights(vram.models["llama-3-8b"])


def packed() -> vram.Ledger:
    return vram.quantize(llama(), "nf4")


def kept(ledger: vram.Ledger) -> vram.Ledger:
    return ledger.select(lambda t: t.kind in ("embedding", "lm_head"))


def over_half_a_byte(model: str) -> str:
    ledger = vram.weights(vram.models[model])
    return vram.percent(vram.quantize(ledger, "nf4").nbytes / Fraction(ledger.numel, 2) - 1)


def raised_in_the_mix() -> str:
    """What share of the value and of the down projections Q4_K_M gives six bits, and the head."""
    mix = vram.quantize(llama(), "Q4_K_M")
    shares = set()
    for name in ("v_proj", "down_proj", "lm_head"):
        rows = mix.select(lambda t, name=name: name in t.name)
        shares.add((name == "lm_head", Fraction(rows.select(dtype="Q6_K").numel, rows.numel)))
    assert shares == {(True, 1), (False, Fraction(1, 2))}
    return "the head, half of the value and down projections"


def tables_of_a_matrix() -> int:
    matrix = llama().layer(0).select(lambda t: "up_proj" in t.name)
    tables = ("nested_offset", "nested_quant_map", "quant_map")
    return sum(t.nbytes for t in vram.quantize(matrix, "nf4") if t.name.endswith(tables))


def row_scaled() -> list[float]:
    """Bits a weight of the formats with a scale a matrix, a square or a row."""
    matrix = vram.weights(vram.models["llama-2-7b"]).layer(0).select(lambda t: "up_proj" in t.name)
    ways = [("fp8", {"scales": scales}) for scales in ("tensor", "row", "block")] + [("int8", {}), ("torchao-int8", {})]
    return [8 * vram.quantize(matrix, format, **how).nbytes / matrix.numel for format, how in ways]


def prepared() -> list[int]:
    return [ledger.nbytes for ledger in (packed(), vram.prepare_for_kbit_training(packed()), llama())]


def ministral_share() -> Fraction:
    """How much of the measured difference of 81,076 and 63,082 MB are weights."""
    ledger = vram.quantize(vram.weights(vram.models["ministral-8b"]), "nf4")
    return (vram.prepare_for_kbit_training(ledger).nbytes - ledger.nbytes) / Fraction((81_076 - 63_082) * 10**6)


def saved(model: str, format: str, before: dict, after: dict) -> int:
    """Bytes that a change of options saves."""
    ledger = vram.weights(vram.models[model])
    return vram.quantize(ledger, format, **before).nbytes - vram.quantize(ledger, format, **after).nbytes


def what_is_kept_matters_more() -> str:
    """Packing embedding and head saves more than any group does, and the largest share in the small model."""
    usual, all_packed = {"keep": ("embedding", "lm_head", "norm")}, {"keep": ("norm",)}
    for format, group in (("nf4", "blocksize"), ("gptq", "group_size"), ("awq", "group_size")):
        by_group = saved("llama-3-8b", format, {group: 32}, {group: 256})
        assert saved("llama-3-8b", format, usual, all_packed) > by_group > 0
    shares = {
        model: saved(model, "nf4", usual, all_packed) / vram.quantize(vram.weights(vram.models[model])).nbytes
        for model in MODELS
    }
    most = vram.models.title(max(shares, key=shares.get))
    return f"What is kept matters more than both, and most for {most}"


CLAIMS = [
    ("8 bits and a hundredth at most", lambda: "8 bits and a hundredth at most" if all(
        8 < bits < 8.01 for bits in row_scaled()) else ""),
    ("What is kept matters more than both, and most for Llama 3.2 1B", what_is_kept_matters_more),
    ("4.127 bits: double quantisation saves 0.373 bits", lambda: (
        f"{float(vram.dtypes['nf4-double-quant'].bits_per_weight):.3f} bits: double quantisation saves "
        f"{float(vram.dtypes['nf4'].bits_per_weight - vram.dtypes['nf4-double-quant'].bits_per_weight):.3f} bits")),
    ("13 % of the parameters and 37 % of the bytes", lambda: (
        f"{vram.percent(kept(llama()).numel, llama().numel, digits=0)} of the parameters and "
        f"{vram.percent(kept(packed()).nbytes, packed().nbytes, digits=0)} of the bytes")),
    ("the head, half of the value and down projections", raised_in_the_mix),
    ("That costs 2 GiB", lambda: f"That costs {round((prepared()[1] - prepared()[0]) / 2**30)} GiB"),
    ("still half the 16-bit model", lambda: {0.5: "still half the 16-bit model"}[
        round(prepared()[1] / prepared()[2], 1)]),
    ("little more than a third", lambda: (
        "little more than a third" if 1 / 3 < prepared()[0] / prepared()[2] < 0.36 else "")),
    ("Two fifths more than the name says", lambda: {1.4: "Two fifths more than the name says"}[
        round(packed().nbytes / (llama().numel / 2), 1)]),
    ("About an eighth", lambda: {8: "About an eighth"}[round(1 / ministral_share())]),
    ("5.4 % above half a byte", lambda: f"{over_half_a_byte('llama-2-70b')} above half a byte"),
    ("3.7 GiB", lambda: f"{llama().numel / 2 / 2**30:.1f} GiB"),
    ("1,092 bytes a matrix", lambda: f"{tables_of_a_matrix():,} bytes a matrix"),
    ("112 MiB in Llama 3 8B", lambda: (
        f"{shown(max(t.nbytes for t in llama().layer(0)), 'MiB', 0)} in Llama 3 8B")),
]  # fmt: skip
#: The sizes that people expect and print, which the lesson shows to be wrong; versions of libraries and of a model.
QUOTED = {"3.5", "4.0", "3.2", "3.1", "0.50.2", "0.18.0"}
