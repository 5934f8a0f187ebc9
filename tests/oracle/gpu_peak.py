"""What does a training step really take on a card? Every case that fits on a CUDA device, compared with the library.

    gpu_peak.py --save measured.json   and kept, with device, driver and versions
    gpu_peak.py --device cpu           the smallest case, to see that the script runs

Weights are random, so nothing is downloaded. Each case takes one process of its own, because the context and what the
allocator keeps belong to a process. Four numbers are measured:

    allocated   bytes of tensors at the peak of each phase (torch.cuda.max_memory_allocated), the library's subject
    reserved    what the caching allocator took from the card for them
    context     what the process holds before its first tensor, from the driver's view of the card
    device      what the driver says is in use at the end: context, reserved, workspaces

Allocated is held to 2 % of the library's phases; the others are reported, they are constants of driver and allocator.
The card should be idle: the driver's numbers count every process on it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from alive import Alive
from comparison import Result, close, parser, report
from running import build

import vram

KIND = "peaks on a card"
LLAMA = {
    "model_type": "llama", "hidden_size": 2048, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64,
    "intermediate_size": 8192, "num_hidden_layers": 16, "vocab_size": 128256, "tie_word_embeddings": True,
}  # fmt: skip
GPT2 = {"model_type": "gpt2", "n_embd": 768, "n_head": 12, "n_layer": 12, "vocab_size": 50257, "n_positions": 1024}
TINY = {**GPT2, "n_embd": 64, "n_head": 4, "n_layer": 2, "vocab_size": 512}

#: Name → config, words of `vram.training`.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "tiny": (TINY, {"batch": 2, "seq_len": 64, "recipe": "fp32"}),
    "gpt2-fp32": (GPT2, {"batch": 4, "seq_len": 1024, "recipe": "fp32"}),
    "gpt2-eager-dropout": (GPT2, {"batch": 4, "seq_len": 1024, "recipe": "bf16", "attention": "eager", "dropout": 0.1}),
    "gpt2-sdpa-dropout": (GPT2, {"batch": 4, "seq_len": 1024, "recipe": "bf16", "dropout": 0.1}),
    "gpt2-autocast": (GPT2, {"batch": 4, "seq_len": 1024, "recipe": "autocast"}),
    "llama-1b": (LLAMA, {"batch": 1, "seq_len": 2048, "recipe": "bf16"}),
    "llama-1b-checkpointed": (LLAMA, {"batch": 1, "seq_len": 8192, "recipe": "bf16", "checkpointing": "full"}),
    "llama-1b-autocast": (LLAMA, {"batch": 1, "seq_len": 2048, "recipe": "autocast"}),
    "llama-1b-lora": (LLAMA, {"batch": 1, "seq_len": 4096, "recipe": "bf16", "lora": {"rank": 16}}),
    "llama-1b-loop": (LLAMA, {"batch": 1, "seq_len": 512, "recipe": "bf16", "foreach": False}),
}  # fmt: skip
PHASES = ("forward", "backward", "optimizer step")


def measure(name: str, device: str) -> dict[str, Any]:
    """One case in this process: bytes at the peak of each phase of the second step, and what lies around them."""
    config, words = CASES[name]
    on_card = device == "cuda"
    context = 0
    if on_card:
        torch.cuda.init()
        free, whole = torch.cuda.mem_get_info()
        context = whole - free
    lora = {"r": words["lora"]["rank"], "target_modules": "all-linear"} if "lora" in words else None
    dtype = "bf16" if words["recipe"] == "bf16" else "fp32"
    model = build(config, {**words, "dtype": dtype, "lora": lora}).to(device)
    if lora and dtype == "bf16":
        model = model.to(torch.bfloat16)  # peft makes FP32 adapters; the recipe bf16 trains them in BF16
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, foreach=words.get("foreach"))
    tokens = torch.randint(0, config["vocab_size"], (words["batch"], words["seq_len"]), device=device)
    found: dict[str, Any] = {"case": name, "context": context}
    with Alive() if not on_card else _Nothing() as alive:
        for _ in range(2):  # the optimizer's states exist from the second step on
            optimizer.zero_grad(set_to_none=True)
            peaks = []
            _reset(alive, on_card)
            with torch.autocast(device, dtype=torch.bfloat16, enabled=words["recipe"] == "autocast"):
                loss = model(input_ids=tokens, labels=tokens, use_cache=False).loss
            peaks.append(_peak(alive, on_card))
            _reset(alive, on_card)
            loss.backward()
            peaks.append(_peak(alive, on_card))
            del loss
            _reset(alive, on_card)
            optimizer.step()
            peaks.append(_peak(alive, on_card))
    weights = 0 if on_card else sum({p.data_ptr(): p.nbytes for p in model.parameters()}.values())
    found["allocated"] = {phase: peak + weights for phase, peak in zip(PHASES, peaks, strict=True)}
    if on_card:
        free, whole = torch.cuda.mem_get_info()
        found |= {"reserved": torch.cuda.max_memory_reserved(), "device": whole - free}
    return found


class _Nothing:
    """On a card torch counts by itself."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        return None


def _reset(alive: Alive | None, on_card: bool) -> None:
    if on_card:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    elif alive is not None:
        alive.reset()


def _peak(alive: Alive | None, on_card: bool) -> int:
    if on_card:
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated()
    return alive.peak if alive is not None else 0


def predicted(name: str, device: str) -> dict[str, int]:
    """The library's phases, the two parts of backward as one."""
    config, words = CASES[name]
    words = {**words, "backend": device, **({"base": "bf16"} if "lora" in words else {})}
    timeline = vram.training(vram.Architecture.from_config(config), optimizer="adamw", **words)
    backward = max(timeline.nbytes("start of backward"), timeline.nbytes("backward"))
    return dict(zip(PHASES, (timeline.nbytes("forward"), backward, timeline.nbytes("optimizer step")), strict=True))


def machine(device: str) -> dict[str, str]:
    """Device, driver and versions."""
    found = {"device": device, "torch": torch.__version__, "transformers": transformers.__version__}
    if device == "cuda":
        ask = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        driver = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.split("\n")[0]
        found |= {"device": torch.cuda.get_device_name(), "driver": driver, "cuda": str(torch.version.cuda)}
    return found


def measured(names: Iterable[str], device: str) -> Iterator[dict[str, Any]]:
    """The record of each case, measured in a process of its own; of a case that does not run, the error."""
    for name in names:
        command = [sys.executable, __file__, "--device", device, "--case", name]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            yield {"case": name, "error": "".join(ran.stderr.strip().splitlines()[-1:])}
        else:
            yield {**json.loads(ran.stdout.splitlines()[-1]), "predicted": predicted(name, device)}


def compared(record: dict[str, Any]) -> Result:
    """The largest phase, which decides whether a card suffices."""
    if "error" in record:
        return Result(record["case"], refused=record["error"])
    ours, real = record["predicted"], record["allocated"]
    return close(record["case"], {"peak": max(ours.values())}, {"peak": max(real.values())})


def main() -> int:
    """Measure and compare; without a card, say so."""
    arguments = parser(__doc__)
    arguments.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    arguments.add_argument("--save", type=Path)
    arguments.add_argument("--case", choices=tuple(CASES), help="one case, in this process, printed as JSON")
    options = arguments.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print(f"{KIND:<28} no CUDA device here, nothing is measured")
        return 0
    if options.case:
        print(json.dumps(measure(options.case, options.device)))
        return 0
    records = list(measured(("tiny",) if options.device == "cpu" else CASES, options.device))
    if options.save:
        text = json.dumps({"machine": machine(options.device), "cases": records}, indent=1)
        options.save.write_text(text + "\n", encoding="utf-8")
    return report(KIND, map(compared, records), verbose=options.verbose)


if __name__ == "__main__":
    sys.exit(main())
