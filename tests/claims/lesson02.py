"""Numbers in the sentences of lesson 02 and its deck, computed."""

from fractions import Fraction

import vram


def layer(h: int) -> int:
    return vram.weights(vram.Architecture("gpt2", hidden_size=h, num_attention_heads=1)).layer(0).numel


def linear_share(name: str) -> Fraction:
    rows = vram.weights(vram.models[name]).layer(0)
    return Fraction(rows.select(lambda t: len(t.shape) == 1).numel, rows.numel)


def head(name: str) -> int:
    arch = vram.models[name]
    return vram.weights(arch.replace(tie_word_embeddings=False)).numel - vram.weights(arch).numel


def part(name: str, numel: int, digits: int) -> str:
    return vram.percent(numel, vram.weights(vram.models[name]).numel, digits)


def unnamed(name: str) -> int:
    """What l(12h² + 13h) + Vh leaves out of a model of GPT-2's shape."""
    rows = vram.weights(vram.models[name])
    return rows.select(lambda t: not t.axes and t.kind != "embedding").numel


CLAIMS = [
    ("a seven-hundredth", lambda: {700: "a seven-hundredth"}[round(1 / linear_share("gpt2"), -2)]),
    ("a ten-thousandth", lambda: {10_000: "a ten-thousandth"}[round(1 / linear_share("gpt3-175b"), -4)]),
    ("more than five layers", lambda: {5: "more than five layers"}[head("gpt2") // layer(768)]),
    ("a third of one layer", lambda: {3: "a third of one layer"}[round(layer(12288) / head("gpt3-175b"))]),
    ("12,288", lambda: f"{vram.models['gpt3-175b'].hidden_size:,}"),
    ("0.6 %", lambda: part("gpt2", unnamed("gpt2"), 1)),
    ("0.01 %", lambda: part("gpt3-175b", unnamed("gpt3-175b"), 2)),
    ("0.02 %", lambda: vram.percent(Fraction(10 * 4096, layer(4096)), digits=2)),
]  # fmt: skip
