"""The catalogue of cards says what the evidence says: usable MiB, bandwidth, dense throughput."""

import json
import re
from pathlib import Path

import pytest

from vram import gpus

FIXTURE = Path(__file__).parent / "fixtures" / "gpus.json"
ROWS = {row["device"]: row for row in json.loads(FIXTURE.read_text(encoding="utf-8"))["gpus"]}

#: Card of the catalogue → row of the evidence, and which of two figures in it ("125 / 70", "3.35 / 2.00 TB/s").
CARDS = {
    "T4": ("T4", 0), "V100-16GB": ("V100-SXM2", 0), "A10": ("A10 / A10G", 0), "A10G": ("A10 / A10G", 1),
    "L4": ("L4", 0), "L40S": ("L40S", 0), "A100-40GB": ("A100-40 SXM", 0), "A100-80GB": ("A100-80 SXM", 0),
    "H100-80GB": ("H100 SXM / PCIe", 0), "H100-PCIe": ("H100 SXM / PCIe", 1), "H200": ("H200 SXM", 0),
    "B200": ("B200 SXM", 0), "RTX 3090": ("RTX 3090", 0), "RTX 4090": ("RTX 4090", 0), "RTX 5090": ("RTX 5090", 0),
}  # fmt: skip


def figure(text: str, place: int) -> float:
    """The number at a place of "a / b", the last one where there are fewer; notes in brackets left out."""
    numbers = re.sub(r"\(.*?\)", "", text).replace(",", "").split("/s")[0].split("/")
    return float(re.search(r"[\d.]+", numbers[min(place, len(numbers) - 1)])[0])


@pytest.mark.parametrize("name", CARDS)
def test_a_card_is_what_the_evidence_says(name: str) -> None:
    (device, place), card = CARDS[name], gpus[name]
    row = ROWS[device]
    unit = 1e12 if "TB/s" in row["bandwidth"].split("(")[0] else 1e9
    assert card.usable_mib == figure(row["nvidia_smi_mib"], 0)
    assert card.bandwidth == pytest.approx(figure(row["bandwidth"], place) * unit)
    assert card.dense_flops == pytest.approx(figure(row["dense_fp16_tflops"], place) * 1e12)


def test_every_card_of_the_catalogue_has_a_row() -> None:
    assert set(gpus) - set(CARDS) == {"RTX 3060"}  # its row gives the throughput of FP16 sums; ours is FP32 sums
    assert figure(ROWS["RTX 3060"]["nvidia_smi_mib"], 0) == gpus["RTX 3060"].usable_mib
    assert f"fp32 acc {gpus['RTX 3060'].dense_flops / 1e12}" in ROWS["RTX 3060"]["dense_fp16_tflops"]


def test_usable_is_not_what_the_box_says() -> None:
    for card in gpus.values():
        nameplate = int(re.match(r"\d+", card.nameplate)[0]) * 2**30
        assert 0.88 * nameplate < card.usable_bytes <= nameplate
