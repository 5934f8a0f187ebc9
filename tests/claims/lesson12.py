"""Numbers in the sentences of lesson 12, computed."""

import vram
from vram.teach.clinic import numbers


def eight_chats() -> str:
    how = {"batch": 8, "seq_len": 8192, "weights": "nf4", "overhead": True}
    return vram.gib(vram.inference(vram.models["qwen2.5-7b"], **how).peak)


def chats() -> int:
    how = {"seq_len": 8192, "weights": "nf4", "overhead": True}
    return vram.max_batch(vram.models["qwen2.5-7b"], gpu="RTX 3060", of="inference", **how)


CLAIMS = [
    ("25 questions that people really ask", lambda: f"{len(numbers())} questions that people really ask"),
    ("the number is 17.85 GiB for eight", lambda: f"the number is {eight_chats()} for eight"),
    ("four conversations", lambda: {4: "four conversations"}[chats()]),
    ("has 262,208 entries", lambda: f"has {vram.models['gemma-3-12b'].vocab_size:,} entries"),
]

#: Figures of the threads as their users wrote them, and of the rule that is audited.
QUOTED = {
    "7 × 4 × 4 = 112 GB", "11", "12 GB", "16 GB", "15.1 GB", "1,000", "70 GB", "48 GB", "4096", "3664", "24 GB",
    "3.5 GB", "300 GB", "519 GB", "32 GB", "40 GB", "15,000", "28,000", "300 MB", "1,000 MB", "11.7", "1.2", "1 GiB",
    "4 bits", "8 bits", "16",
}  # fmt: skip
