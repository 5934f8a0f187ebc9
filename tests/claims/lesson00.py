"""Numbers in the sentences of lesson 00, computed."""

import vram

CLAIMS = [
    ("14 GB", lambda: vram.gb(2 * 7 * 10**9, 0)),
    ("16 GB card", lambda: f"{vram.gpus['T4'].nameplate.removesuffix(' GDDR6')} card"),
    ("In BF16 that is two bytes", lambda: {2: "In BF16 that is two bytes"}[vram.dtypes["bf16"].bits_per_weight / 8]),
]

QUOTED = {"14.96", "16", "16,384"}
