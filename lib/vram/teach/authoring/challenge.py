"""The worked answer to the open task of lesson 14: a test that breaks all seven wrong formulas of the cache.

No check has one right answer for it, so it is no exercise. The solutions show the function below, which the tests run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

import vram

from ...words import say

#: The lesson that sets the task.
LESSON = "14"


def passes(formula: Callable[..., Any]) -> bool:
    nemo = vram.models["mistral-nemo-12b"]
    # K and V, layers, key/value heads, their width, bytes of a BF16 number
    token = 2 * 40 * 8 * 128 * 2
    return formula(nemo, batch=3, seq_len=1000) == 3 * 1000 * token


def solution_cells() -> list[NotebookNode]:
    """The task, the folded reasoning, and a test that breaks all."""
    nemo = vram.models["mistral-nemo-12b"]
    reasoning = say(
        "audit.challenge.reasoning",
        layers=nemo.num_hidden_layers,
        kv=nemo.num_key_value_heads,
        heads=nemo.num_attention_heads,
        width=nemo.head_dim,
        divided=nemo.hidden_size // nemo.num_attention_heads,
    )
    folded = f"<details>\n<summary>{say('lesson.reasoning')}</summary>\n\n{reasoning.strip()}\n\n</details>"
    code = inspect.getsource(passes).replace("(formula: Callable[..., Any]) -> bool", "(formula)")
    return [
        new_markdown_cell(say("audit.challenge.task").strip(), id="audit-question"),
        new_markdown_cell(folded, id="audit-reasoning"),
        new_code_cell(f"{code}\naudit(passes)", id="audit-solution"),
    ]
