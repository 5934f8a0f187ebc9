"""Numbers in the sentences of lesson 01, computed."""

from fractions import Fraction
from itertools import pairwise

import numpy as np

import vram
from vram.show.charts.lesson01 import share_of_the_box


def gap(larger: str, smaller: str) -> Fraction:
    return Fraction(vram.UNITS[larger], vram.UNITS[smaller]) - 1


def largest(name: str) -> float:
    dtype = vram.dtypes[name]
    return (2 - 2.0**-dtype.mantissa) * 2.0 ** (2 ** (dtype.exponent - 1) - 1)


def with_a_sixteenth_missing() -> str:
    """Cards whose memory lacks a sixteenth of GiB, one of each kind."""
    cards = [name for name, gpu in vram.gpus.items() if abs(1 - share_of_the_box(gpu) - Fraction(1, 16)) < 0.001]
    return ", ".join(name for name in cards if name != "A10G")


def halving() -> str:
    """The largest error of 4,096 normal numbers for 4 to 8 bits: each time about half of the one before."""
    x = np.random.default_rng(0).normal(size=4096)
    scales = [abs(x).max() / (2 ** (bits - 1) - 1) for bits in range(4, 9)]
    errors = [abs(x - np.rint(x / scale) * scale).max() for scale in scales]
    ratios = [small / large for large, small in pairwise(errors)]
    return "each bit more halves the error" if all(0.45 < ratio < 0.51 for ratio in ratios) else ""


CLAIMS = [
    ("each bit more halves the error", halving),
    ("about 7 % fewer GiB than GB", lambda: (
        f"about {vram.percent(1 - 1 / (1 + gap('GiB', 'GB')), digits=0)} fewer GiB than GB")),
    ("miss the RTX 4090 by 0.24 GB", lambda: (
        "miss the RTX 4090 by "
        + vram.gb(vram.dtypes["bf16"].nbytes(13 * 10**9) - vram.gpus["RTX 4090"].usable_bytes))),
    ("2^{30} = 1024^3 bytes", lambda: f"2^{{30}} = {round((1 + gap('GiB', 'B')) ** Fraction(1, 3))}^3 bytes"),
    ("Each step up adds about 2.4 %", lambda: f"Each step up adds about {vram.percent(gap('KiB', 'KB'))}"),
    ("a GiB is 7.4 % more than a GB", lambda: f"a GiB is {vram.percent(gap('GiB', 'GB'))} more than a GB"),
    ("1.625 \\cdot 2^2 = 6.5", lambda: f"{2 * np.frexp(6.5)[0]:g} \\cdot 2^{np.frexp(6.5)[1] - 1} = 6.5"),
    ("FP16 ends at 65,504: a gradient of 100,000 overflows there, and not in BF16", lambda: (
        f"FP16 ends at {largest('fp16'):,.0f}: a gradient of 100,000 overflows there, and not in BF16"
        if largest("fp16") < 100_000 < largest("bf16") else "")),
    ("448 instead of 240", lambda: f"{vram.dtypes['fp8_e4m3'].note.split()[-1]} instead of {largest('fp8_e4m3'):.0f}"),
    ("T4, A10, L4 and L40S", lambda: " and ".join(with_a_sixteenth_missing().rsplit(", ", 1))),
    ("Llama 3.1", lambda: vram.models.title("llama-3.1-8b").rsplit(" ", 1)[0]),
    ("12.5 % at 4 bits", lambda: f"{vram.percent(vram.dtypes['Q4_0'].bits_per_weight / 4 - 1)} at 4 bits"),
]  # fmt: skip
