"""Questions of lesson 01, Bytes and units: formats, GB and GiB, cards, what a float loses as an integer."""

from __future__ import annotations

from fractions import Fraction

import vram

from ..exercise import Exercise, Slip, the_true

_ARTICLE = 13 * 10**9  # parameters of the article's model
_GB, _GIB = vram.UNITS["GB"], vram.UNITS["GiB"]
_WITHIN_ONE_PERCENT = Fraction(1, 100)


def _as_gb(nbytes: int) -> Fraction:
    """The bytes that one gets by dividing by 1024³ and then reading the result as GB."""
    return Fraction(nbytes, _GIB) * _GB


def _llama(dtype: str) -> int:
    return vram.weights(vram.models["llama-2-7b"], dtype=dtype).nbytes


def _box(gpu: str) -> int:
    """The number on the box of a card."""
    return int(vram.gpus[gpu].nameplate.split()[0])


def _smallest_card() -> str:
    """The smallest of the cards on offer whose usable memory holds Llama 2 7B in FP16."""
    cards = {"a": "RTX 3060", "b": "T4", "c": "L4", "d": "L40S"}
    usable = {letter: vram.gpus[name].usable_bytes for letter, name in cards.items()}
    fits = [letter for letter in cards if usable[letter] >= _llama("fp16")]
    return min(fits, key=usable.__getitem__)


def _step(dtype: str, size: int) -> Fraction:
    """The distance between neighbouring numbers of a float format near a whole number."""
    return Fraction(2) ** (size.bit_length() - 1 - vram.dtypes[dtype].mantissa)


_VECTOR = tuple(Fraction(x) for x in ("2.1", "-0.36", "0.44", "0.8"))


def _errors(largest_code: int, rounded=round) -> list[Fraction]:
    """What absmax quantisation does to each number of the vector."""
    scale = max(map(abs, _VECTOR)) / largest_code
    return [abs(x - rounded(x / scale) * scale) for x in _VECTOR]


def _largest_code() -> int:
    """The largest code of signed INT4, as absmax quantisation uses it."""
    return 2 ** (int(vram.dtypes["int4"].bits_per_weight) - 1) - 1


def _right_sentence() -> str:
    """Which way to write the size of seven billion numbers in FP16 is true to two places."""
    nbytes = vram.dtypes["fp16"].nbytes(7 * 10**9)
    in_gib = round(Fraction(nbytes, _GIB), 2)

    def says(value: Fraction | int, unit: int) -> bool:
        return round(Fraction(nbytes, unit), 2) == value

    return the_true({
        "a": says(in_gib, _GB),
        "b": says(in_gib, _GIB),
        "c": says(14, _GIB),
        "d": says(in_gib, _GB) and says(in_gib, _GIB),
    })  # fmt: skip


QUESTIONS = (
    Exercise(
        id="01.p",
        kind="bytes",
        truth=lambda: vram.dtypes["int4"].nbytes(_ARTICLE),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
numbers, bits = 13 * 10**9, 4
answer = numbers * bits / 8 * B""",
    ),
    Exercise(
        id="01.m",
        kind="bytes",
        truth=lambda: vram.dtypes["fp32"].nbytes(_ARTICLE) - _as_gb(vram.dtypes["fp32"].nbytes(_ARTICLE)),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
needed = 13 * 10**9 * 4
written = needed / 1024**3 * 10**9  # the same digits, with GB behind them
answer = (needed - written) * B""",
        slips=(
            Slip("nothing", lambda: 0),
            Slip("all", lambda: vram.dtypes["fp32"].nbytes(_ARTICLE)),
            Slip("written", lambda: _as_gb(vram.dtypes["fp32"].nbytes(_ARTICLE))),
        ),
    ),
    Exercise(
        id="01.1",
        stars=1,
        kind="bytes",
        truth=lambda: _llama("fp16"),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
numbers, bits = 6_738_415_616, 16
answer = numbers * bits / 8 * B""",
        facts=lambda: {"count": vram.count(vram.weights(vram.models["llama-2-7b"]).numel)},
        slips=(
            Slip("fp32", lambda: _llama("fp32")),
            Slip("nominal", lambda: vram.dtypes["fp16"].nbytes(7 * 10**9)),
            Slip("one_byte", lambda: _llama("int8")),
            Slip("half_a_byte", lambda: _llama("int4")),
        ),
    ),
    Exercise(
        id="01.2",
        stars=1,
        kind="number",
        truth=lambda: Fraction(350 * _GB, _GIB),
        tolerance=Fraction(1, 1000),
        solution="""\
answer = 350 * 10**9 / 2**30""",
        slips=(
            Slip("same", lambda: 350, "M01"),
            Slip("inverse", lambda: Fraction(350 * _GIB, _GB), "M01"),
            Slip("one_step", lambda: Fraction(350 * 1000, 1024)),
            Slip("two_steps", lambda: Fraction(350 * 1000**2, 1024**2)),
        ),
    ),
    Exercise(
        id="01.3",
        stars=1,
        kind="choice",
        truth=_smallest_card,
        solution="""\
nbytes = 6_738_415_616 * 2
cards = {"a": "RTX 3060", "b": "T4", "c": "L4", "d": "L40S"}
answer = next(
    letter for letter, name in cards.items()
    if vram.gpus[name].usable_bytes >= nbytes
)""",
        facts=lambda: {
            "weights": vram.gib(_llama("fp16")),
            "small": vram.gib(vram.gpus["RTX 3060"].usable_bytes),
            "large": vram.gib(vram.gpus["T4"].usable_bytes),
        },
        slips=(Slip("a", lambda: "a"), Slip("c", lambda: "c"), Slip("d", lambda: "d")),
    ),
    Exercise(
        id="01.4",
        stars=2,
        kind="bytes",
        truth=lambda: _box("L4") * _GIB - vram.gpus["L4"].usable_bytes,
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
answer = (24 * 2**30 - vram.gpus["L4"].usable_bytes) * B""",
        facts=lambda: {"mib": vram.count(vram.gpus["L4"].usable_mib), "box": vram.count(_box("L4") * 1024)},
        slips=(
            Slip("nothing", lambda: 0, "M02"),
            Slip("decimal", lambda: abs(_box("L4") * _GB - vram.gpus["L4"].usable_bytes)),
            Slip("units", lambda: _box("L4") * (_GIB - _GB), "M02"),
            Slip("usable", lambda: vram.gpus["L4"].usable_bytes),
        ),
    ),
    Exercise(
        id="01.5",
        stars=2,
        kind="number",
        truth=lambda: _step("bf16", 10_000),
        solution="""\
exponent = (10_000).bit_length() - 1  # 2**13 <= 10,000 < 2**14
answer = 2 ** (exponent - vram.dtypes["bf16"].mantissa)""",
        slips=(
            Slip("at_one", lambda: _step("bf16", 1)),
            Slip("fp16", lambda: _step("fp16", 10_000)),
            Slip("exponent_up", lambda: 2 * _step("bf16", 10_000)),
            Slip("one_bit_more", lambda: _step("bf16", 10_000) / 2),
            Slip("integers", lambda: 1),
        ),
    ),
    Exercise(
        id="01.6",
        stars=3,
        kind="number",
        truth=lambda: max(_errors(_largest_code())),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
x = [2.1, -0.36, 0.44, 0.8]
scale = max(abs(v) for v in x) / 7  # the largest INT4 code is 2**3 - 1
answer = max(abs(v - round(v / scale) * scale) for v in x)""",
        slips=(
            Slip("bound", lambda: max(_VECTOR) / _largest_code() / 2),
            Slip("eight", lambda: max(_errors(_largest_code() + 1))),
            Slip("all_codes", lambda: max(_errors(2 * _largest_code() + 1))),
            Slip("cut_off", lambda: max(_errors(_largest_code(), int))),
            Slip("sum", lambda: sum(_errors(_largest_code()))),
            Slip("steps", lambda: max(_errors(_largest_code())) / (max(_VECTOR) / _largest_code())),
        ),
    ),
    Exercise(
        id="01.x",
        kind="choice",
        truth=_right_sentence,
        solution="""\
nbytes = 7 * 10**9 * 2
written = {"a": 13.04 * 10**9, "b": 13.04 * 2**30, "c": 14 * 2**30}
answer = min(written, key=lambda letter: abs(written[letter] - nbytes))""",
        slips=(Slip("a", lambda: "a", "M01"), Slip("c", lambda: "c", "M01"), Slip("d", lambda: "d", "M01")),
    ),
)
