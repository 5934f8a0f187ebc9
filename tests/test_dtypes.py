"""Number formats: bits add up, the largest value follows from exponent and mantissa, other spellings are found."""

import re
from fractions import Fraction

import pytest

from vram import VramError, dtypes

BITS = {
    "fp64": 64, "fp32": 32, "tf32": 32, "bf16": 16, "fp16": 16, "fp8_e4m3": 8, "fp8_e5m2": 8, "fp8_e4m3fnuz": 8,
    "fp8_e5m2fnuz": 8, "fp8_e8m0": 8, "int64": 64, "int32": 32, "int16": 16, "int8": 8, "uint8": 8, "bool": 8,
    "int4": 4, "int3": 3, "int2": 2, "fp4_e2m1": 4, "fp6_e3m2": 6, "fp6_e2m3": 6,
}  # fmt: skip


@pytest.mark.parametrize("name", BITS)
def test_bits_of_an_element(name: str) -> None:
    dtype = dtypes[name]
    assert dtype.bits_per_weight == BITS[name]
    if dtype.exponent is not None:
        sign, spare = int(name != "fp8_e8m0"), {"tf32": 13}.get(name, 0)
        assert sign + dtype.exponent + dtype.mantissa + spare == BITS[name]


# Bias of the exponent, and how many of the highest codes mean infinity or no number: all with the highest exponent
# (IEEE), one (formats that give up infinity), or none.
SPECIAL = {
    "fp16": (15, "exponent"), "fp8_e5m2": (15, "exponent"), "fp8_e4m3": (7, 1), "fp8_e4m3fnuz": (8, 0),
    "fp8_e5m2fnuz": (16, 0), "fp4_e2m1": (1, 0), "fp6_e3m2": (3, 0), "fp6_e2m3": (1, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECIAL)
def test_the_largest_value_in_the_note(name: str) -> None:
    dtype, (bias, special) = dtypes[name], SPECIAL[name]
    steps = 2**dtype.mantissa
    highest = 2**dtype.exponent - 1 - (special == "exponent")
    fraction = steps - 1 - (special if special != "exponent" else 0)
    largest = (1 + Fraction(fraction, steps)) * Fraction(2) ** (highest - bias)
    assert largest == Fraction(re.search(r"largest value ([\d,.]+)", dtype.note)[1].replace(",", ""))


@pytest.mark.parametrize("name", ["mxfp8", "mxfp6", "mxfp4", "nvfp4", "mxfp8_e5m2", "mxfp6_e2m3"])
def test_blocks_hold_their_elements_and_a_byte_of_scale(name: str) -> None:
    dtype = dtypes[name]
    element = 1 + dtype.exponent + dtype.mantissa
    assert dtype.block_bytes == Fraction(dtype.block * element, 8) + 1
    assert dtype.block == (16 if name == "nvfp4" else 32)


@pytest.mark.parametrize("name", ["nf4", "fp4"])
@pytest.mark.parametrize(("suffix", "bits"), [("", Fraction(9, 2)), ("-double-quant", Fraction(2113, 512))])
def test_four_bits_and_their_scales(name: str, suffix: str, bits: Fraction) -> None:
    assert dtypes[name + suffix].bits_per_weight == bits


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("float32", "fp32"), ("bfloat16", "bf16"), ("half", "fp16"), ("float8_e4m3fn", "fp8_e4m3"), ("F16", "fp16"),
        ("fp8", "fp8_e4m3"), ("float8_e8m0fnu", "fp8_e8m0"), ("q4_k", "Q4_K"), ("iq2_xxs", "IQ2_XXS"), ("I32", "int32"),
        ("MXFP4", "mxfp4"), ("mxfp8", "mxfp8_e4m3"), ("uint4", "int4"), ("double", "fp64"),
    ],
)  # fmt: skip
def test_other_spellings(alias: str, name: str) -> None:
    assert dtypes[alias] is dtypes[name]


def test_a_tensor_is_padded_to_whole_blocks() -> None:
    assert [dtypes["int4"].nbytes(n) for n in (0, 1, 2, 3)] == [0, 1, 1, 2]
    assert [dtypes["Q4_K"].nbytes(n) for n in (1, 256, 257)] == [144, 144, 288]
    assert dtypes["mxint8"].nbytes(64) == 66


def test_an_unknown_format_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(VramError, match="bf16"):
        dtypes["bf61"]
