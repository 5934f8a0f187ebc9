"""Numbers in the sentences of lesson 03, computed."""

from fractions import Fraction

import vram


def rule_error(name: str) -> str:
    arch = vram.models[name]
    return vram.percent(Fraction(12 * arch.num_hidden_layers * arch.hidden_size**2, vram.weights(arch).numel) - 1)


def grouped_saving() -> int:
    arch = vram.models["llama-3-8b"]
    return vram.weights(arch.replace(num_key_value_heads=arch.num_attention_heads)).numel - vram.weights(arch).numel


CLAIMS = [
    ("1.3 to 4.4 %", lambda: f"{rule_error('llama-65b')[1:4]} to {rule_error('llama-7b')[1:]}"),
    ("11,008", lambda: f"{vram.models['llama-7b'].intermediate_size:,}"),
    ("3.5h", lambda: f"{vram.models['llama-3-8b'].intermediate_size / 4096}h"),
    ("65.3", lambda: vram.billions(vram.weights(vram.models["llama-65b"]).numel)[:-1]),
    ("four fifths of a billion", lambda: {8: "four fifths of a billion"}[round(grouped_saving() / 10**8)]),
]  # fmt: skip
