"""Numbers in the sentences of lesson 06, computed."""

import vram

CLAIMS = [
    ("1/128", lambda: f"1/{2 ** vram.dtypes['bf16'].mantissa}"),
]  # fmt: skip

#: A figure of a source, which a cell of the lesson checks.
QUOTED = {"1.5"}
